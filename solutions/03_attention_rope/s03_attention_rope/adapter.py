"""The contract of stage 03. Axes: batch, seq, d_model, heads, d_head, queries, keys, d_value;
`...` is any leading axes."""

import math
from collections.abc import Callable
from typing import Any

import einx
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from s02_layers import Linear, softmax

from . import blocks, turning


class RotaryEmbedding(nn.Module):
    """Turn each pair of coordinates (2i, 2i+1) of a vector at position m by the angle m·ω_i.

    ω_i = theta^(-2i / d_head) for i = 0 … d_head/2 - 1 (Su et al. 2021, eq. 15), so the first
    pair turns by one radian per position and each later pair more slowly. A turn by the angle a
    is (x, y) → (x cos a - y sin a, x sin a + y cos a). With d_head 2, the vector (1, 0) at
    position 3 becomes (cos 3, sin 3) = (-0.990, 0.141).

    It has no parameters and adds nothing to a state dict. Angles and the turn are computed in
    float32, whatever dtype the model around it is cast to, and under autocast too.

    Raises ValueError if d_head is odd.
    """

    def __init__(
        self,
        d_head: int,
        max_seq_len: int,
        theta: float = 10_000.0,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        if d_head % 2:
            raise ValueError(f"d_head ({d_head}) must be even: RoPE turns pairs of coordinates")
        self.d_head, self.max_seq_len, self.theta = d_head, max_seq_len, theta
        self._make_tables(device)

    def forward(
        self, x: Float[Tensor, "... seq d_head"], positions: Int[Tensor, "... seq"]
    ) -> Float[Tensor, "... seq d_head"]:
        """The vectors of x, each turned by its position; the result has the dtype of x.

        Positions are from [0, max_seq_len), in any order, with or without gaps. They broadcast
        against the axes of x but the last, so that positions of shape (batch, 1, seq) go with
        an x of shape (batch, heads, seq, d_head).
        """
        if turning.pays(x):
            return turning.turn(x, self.cos[positions], self.sin[positions])
        wide = x.float()
        quarter_turn = torch.stack([-wide[..., 1::2], wide[..., 0::2]], dim=-1).flatten(-2)
        return (wide * self.cos[positions] + quarter_turn * self.sin[positions]).to(x.dtype)

    def _make_tables(self, device: torch.device | str | None) -> None:
        frequencies = self.theta ** (-torch.arange(0, self.d_head, 2, device=device) / self.d_head)
        positions = torch.arange(self.max_seq_len, device=device)
        angles = einx.multiply("position, pair -> position (pair 2)", positions, frequencies)
        self.cos: Tensor
        self.sin: Tensor
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "RotaryEmbedding":
        # `model.bfloat16()` and `model.to(device)` end here. Bfloat16 would round every sine to
        # three digits, so the tables are made anew: they follow the device, never the dtype.
        super()._apply(fn, recurse)
        self._make_tables(self.cos.device)
        return self


def scaled_dot_product_attention(
    q: Float[Tensor, "... queries d_head"],
    k: Float[Tensor, "... keys d_head"],
    v: Float[Tensor, "... keys d_value"],
    mask: Bool[Tensor, "... #queries #keys"] | None = None,
) -> Float[Tensor, "... queries d_value"]:
    """softmax(q kᵀ / √d_head) v, where each query attends only to the keys its mask allows.

    Vaswani et al. 2017, eq. 1. The mask broadcasts against the scores; True means "may attend",
    and no mask means that every query may attend to every key. A query that may attend to
    nothing gives zeros, with finite gradients. The result has the dtype of the inputs, which are
    left as they were.
    """
    if mask is not None and blocks.pays(q, k, v, mask):
        return blocks.attention(q, k, v, mask)
    # Scaling the queries instead of the scores is the same and touches fewer numbers.
    scores = q / math.sqrt(q.shape[-1]) @ k.mT  # (..., queries, keys)
    if mask is None:
        return softmax(scores, dim=-1) @ v
    # Subtle: a row of nothing but -inf is NaN in softmax, and in its gradient even where a later
    # `where` hides it. A query with no key at all may therefore see every key, and is erased.
    sees_something = mask.any(dim=-1, keepdim=True)
    forbidden = scores.new_zeros(mask.shape).masked_fill(sees_something & ~mask, -torch.inf)
    return softmax(scores + forbidden, dim=-1) @ v * sees_something


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which no position sees a later one (Vaswani et al. 2017).

    The submodules `q_proj`, `k_proj`, `v_proj` and `o_proj` are `Linear` from d_model to d_model.
    Head h has the coordinates from h·d_head to (h+1)·d_head of each projection, where
    d_head = d_model / num_heads, and of what `o_proj` reads. `rope`, if given, turns queries and
    keys, never values.

    Raises ValueError if d_model is not divisible by num_heads.
    """

    def __init__(
        self,
        d_model: int,
        num_heads: int,
        rope: RotaryEmbedding | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if d_model % num_heads:
            raise ValueError(f"d_model ({d_model}) must be divisible by num_heads ({num_heads})")
        self.num_heads = num_heads
        self.rope = rope
        self.q_proj = Linear(d_model, d_model, device=device, dtype=dtype)
        self.k_proj = Linear(d_model, d_model, device=device, dtype=dtype)
        self.v_proj = Linear(d_model, d_model, device=device, dtype=dtype)
        self.o_proj = Linear(d_model, d_model, device=device, dtype=dtype)

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        """Each position's mixture of the values at its own position and before it.

        `positions` are what `rope` turns by: 0, 1, 2, … unless given, one row for all sequences
        or one for each. "Before" means before in the sequence, whatever the positions say.

        A `cache` (stage 07) takes the new keys and values, after RoPE, and answers with all that
        there is to attend to: `k, v, mask = cache.update(k, v, positions)`. Its mask then stands
        in for the causal one.
        """
        seq = x.shape[-2]
        if positions is None:
            positions = torch.arange(seq, device=x.device)
        heads = (*x.shape[:-1], self.num_heads, -1)
        q, k, v = (
            proj(x).view(heads).transpose(-3, -2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.rope is not None:
            every_head = positions[..., None, :]
            q, k = self.rope(q, every_head), self.rope(k, every_head)
        if cache is None:
            mask = torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()
        else:
            k, v, mask = cache.update(k, v, positions)
        attended = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(attended.transpose(-3, -2).flatten(-2))
