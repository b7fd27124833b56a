"""Queries, keys and values from one product of joined weights; softmax key by key."""

import math

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from s02_layers import Linear

from .rope import RotaryEmbedding

__all__ = ["CausalSelfAttention", "RotaryEmbedding", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    q: Float[Tensor, "... queries d_head"],
    k: Float[Tensor, "... keys d_head"],
    v: Float[Tensor, "... keys d_value"],
    mask: Bool[Tensor, "... #queries #keys"] | None = None,
) -> Float[Tensor, "... queries d_value"]:
    """Looks at one key after the other and corrects what it has by the largest score so far."""
    largest = torch.full_like(q[..., :1], -math.inf)
    total = torch.zeros_like(largest)
    mixed = torch.zeros_like(q[..., :1] * v[..., :1, :])
    for index in range(k.shape[-2]):
        score = (q * k[..., index : index + 1, :]).sum(-1, keepdim=True) / q.shape[-1] ** 0.5
        if mask is not None:
            score = score.masked_fill(~mask[..., index : index + 1], -math.inf)
        candidate = torch.maximum(largest, score.detach())
        reference = torch.where(candidate.isfinite(), candidate, 0.0)
        shrink, weight = torch.exp(largest - reference), torch.exp(score - reference)
        total = total * shrink + weight
        mixed = mixed * shrink + weight * v[..., index : index + 1, :]
        largest = candidate
    return mixed / torch.where(total > 0, total, 1.0)


class CausalSelfAttention(nn.Module):
    def __init__(self, d_model, num_heads, rope=None, device=None, dtype=None) -> None:
        super().__init__()
        if num_heads * (d_model // num_heads) != d_model:
            raise ValueError(f"d_model {d_model} is not a multiple of num_heads {num_heads}")
        self.num_heads, self.rope = num_heads, rope
        like = {"device": device, "dtype": dtype}
        self.q_proj = Linear(d_model, d_model, **like)
        self.k_proj = Linear(d_model, d_model, **like)
        self.v_proj = Linear(d_model, d_model, **like)
        self.o_proj = Linear(d_model, d_model, **like)

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache=None,
    ) -> Float[Tensor, "... seq d_model"]:
        *leading, seq, d_model = x.shape
        joined = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        split = (x @ joined.T).reshape(*leading, seq, 3, self.num_heads, -1)
        q, k, v = (split[..., i, :, :].transpose(-3, -2) for i in range(3))
        if positions is None:
            positions = torch.arange(seq, device=x.device)
        if self.rope is not None:
            q, k = self.rope(torch.stack([q, k]), positions[..., None, :])
        if cache is None:
            mask = torch.full((seq, seq), True, device=x.device).triu(1).logical_not()
        else:
            k, v, mask = cache.update(k, v, positions)
        attended = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(attended.transpose(-3, -2).reshape(*leading, seq, d_model))
