"""Attention in blocks, so that the scores never leave the cache of a CPU.

After FlashAttention (Dao et al. 2022): the scores are not kept but computed again on the way back,
which takes less time than to fetch them from memory. Keys that no query of a block may attend to
are left out: nearly half of the work under a causal mask.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.autograd.function import once_differentiable

SCORES = 2**20
"""How many a block has at most, if not a single matrix of `QUERIES` rows has more."""
QUERIES = 64
LOG2_E, LN_2 = math.log2(math.e), math.log(2)


def pays(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> bool:
    """Whether blocks are faster: for many scores, on a CPU, if no compiler writes the code; and
    possible: nothing is broadcast in them."""
    if q.device.type != "cpu" or torch.compiler.is_compiling():
        return False
    if not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]:
        return False
    whole = mask.shape == (q.shape[-2], k.shape[-2])
    return whole and q.shape[:-1].numel() * k.shape[-2] > SCORES


def attention(
    q: Float[Tensor, "... queries d_head"],
    k: Float[Tensor, "... keys d_head"],
    v: Float[Tensor, "... keys d_value"],
    mask: Bool[Tensor, "queries keys"],
) -> Float[Tensor, "... queries d_value"]:
    if torch.is_autocast_enabled("cpu"):
        q, k, v = (x.to(torch.get_autocast_dtype("cpu")) for x in (q, k, v))
    if q.dtype == torch.bfloat16 and torch.backends.cpu.get_cpu_capability() == "AVX2":
        # Without instructions for it, products in bfloat16 take many times as long as in float32.
        with torch.autocast("cpu", enabled=False):
            return attention(q.float(), k.float(), v.float(), mask).to(q.dtype)
    flat = (x.reshape(-1, *x.shape[-2:]) for x in (q * (LOG2_E / math.sqrt(q.shape[-1])), k, v))
    out: Tensor = BlockedAttention.apply(*flat, mask)
    return out.reshape(*q.shape[:-1], v.shape[-1])


class BlockedAttention(torch.autograd.Function):
    """2^(q kᵀ) v under a mask, each row divided by Σ_keys 2^(q kᵀ); all leading axes are one.

    Powers of 2 take far less time than powers of e in float32 on a CPU.
    """

    @staticmethod
    def forward(
        ctx: Any,
        q: Float[Tensor, "lead queries d_head"],
        k: Float[Tensor, "lead keys d_head"],
        v: Float[Tensor, "lead keys d_value"],
        mask: Bool[Tensor, "queries keys"],
    ) -> Float[Tensor, "lead queries d_value"]:
        out = q.new_empty(*q.shape[:2], v.shape[-1])
        largest, sums = q.new_empty(2, *q.shape[:2], 1)
        smallest = torch.finfo(q.dtype).min
        space = room_for_scores(q, k)
        ctx.blocks = list(blocks(q, mask))
        for block in ctx.blocks:
            scores = block.scores(q, k, space)
            # A query that may attend to nothing has a maximum of -inf; any number serves. Its sum
            # is 0, where all others are at least 1, for the largest score's share.
            most = scores.amax(dim=-1, keepdim=True).clamp_(min=smallest)
            exponentials = scores.sub_(most).exp2_()
            total = exponentials.sum(dim=-1, keepdim=True).clamp_(min=1)
            out[block.queries] = torch.bmm(exponentials, v[block.keys]).div_(total)
            largest[block.queries], sums[block.queries] = most, total
        ctx.save_for_backward(q, k, v, out, largest, sums)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_out: Tensor) -> tuple[Tensor | None, ...]:
        """With the weights P: ∂v = Pᵀ ∂out, ∂P = ∂out vᵀ and ∂scores = ln 2 · P (∂P - Σ_keys P ∂P).

        The sum is Σ ∂out · out, since out = P v. P is exponentials / sums, and since it only
        appears beside ∂out, that is what is divided: it is smaller.
        """
        q, k, v, out, largest, sums = ctx.saved_tensors
        grad_q, grad_k, grad_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        grad_out = grad_out / sums
        means = (grad_out * out).sum(dim=-1, keepdim=True)
        space, more_space = room_for_scores(q, k), room_for_scores(q, k)
        for block in ctx.blocks:
            queries, keys = block.queries, block.keys
            exponentials = block.scores(q, k, space).sub_(largest[queries]).exp2_()
            # Not baddbmm_: a part of a tensor it takes matrix by matrix.
            grad_v[keys] += torch.bmm(exponentials.mT, grad_out[queries])
            grad_scores = products(grad_out[queries], v[keys], more_space)
            grad_scores.sub_(means[queries]).mul_(exponentials)
            grad_q[queries] = torch.bmm(grad_scores, k[keys])
            grad_k[keys] += torch.bmm(grad_scores.mT, q[queries])
        return grad_q.mul_(LN_2), grad_k.mul_(LN_2), grad_v, None


@dataclass(frozen=True)
class Block:
    """Some queries of some matrices, and the keys that they may attend to."""

    queries: tuple[slice, slice]
    keys: tuple[slice, slice]
    unsure: slice
    """Those keys among `keys` that perhaps not every query may attend to."""
    bias: Float[Tensor, "queries unsure"]
    """What is added to their scores: 0 where a query may attend, -inf elsewhere."""

    def scores(self, q: Tensor, k: Tensor, space: Tensor) -> Float[Tensor, "lead queries keys"]:
        scores = products(q[self.queries], k[self.keys], space)
        scores[..., self.unsure] += self.bias
        return scores


def blocks(
    q: Float[Tensor, "lead queries d_head"], mask: Bool[Tensor, "queries keys"]
) -> Iterator[Block]:
    for start in range(0, len(mask), QUERIES):
        rows = slice(start, start + QUERIES)
        seen_by_some = mask[rows].any(dim=0).nonzero()
        end = int(seen_by_some[-1]) + 1 if len(seen_by_some) else 1
        seen_by_all = int(mask[rows, :end].all(dim=0).long().cumprod(dim=0).sum())
        unsure = slice(seen_by_all // QUERIES * QUERIES, end)  # aligned, which is faster
        forbidden = ~mask[rows, unsure]
        bias = q.new_zeros(forbidden.shape).masked_fill_(forbidden, -torch.inf)
        step = max(1, SCORES // (len(bias) * end))
        for first in range(0, len(q), step):
            lead = slice(first, first + step)
            yield Block((lead, rows), (lead, slice(end)), unsure, bias)


def room_for_scores(q: Tensor, k: Tensor) -> Float[Tensor, " scores"]:
    """Memory for the scores of any block: fresh memory for each would cost more than to fill it."""
    return q.new_empty(max(SCORES, QUERIES * k.shape[1]))


def products(
    a: Float[Tensor, "lead m d"], b: Float[Tensor, "lead n d"], space: Float[Tensor, " scores"]
) -> Float[Tensor, "lead m n"]:
    """a bᵀ, written into `space`."""
    shape = (len(a), a.shape[1], b.shape[1])
    return torch.bmm(a, b.mT, out=space[: math.prod(shape)].view(shape))
