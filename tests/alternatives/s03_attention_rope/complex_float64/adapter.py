"""RoPE as a product of complex numbers, sums as einsum, and float64 inside."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from s02_layers import Linear, softmax


class RotaryEmbedding(nn.Module):
    """The pair (x, y) is the number x + iy, and a turn by a is a product with e^(ia)."""

    def __init__(self, d_head, max_seq_len, theta=10_000.0, device=None) -> None:
        super().__init__()
        if d_head % 2:
            raise ValueError(f"d_head = {d_head} is odd, and RoPE turns pairs")
        exponents = torch.arange(0, d_head, 2, dtype=torch.float64) / d_head
        angles = torch.outer(torch.arange(max_seq_len), theta**-exponents)
        # No buffer: casting a model would make a complex table real. It moves where it is used.
        self.turns = torch.polar(torch.ones_like(angles), angles).to(device or "cpu")

    def forward(
        self, x: Float[Tensor, "... seq d_head"], positions: Int[Tensor, "... seq"]
    ) -> Float[Tensor, "... seq d_head"]:
        if self.turns.device != x.device:
            self.turns = self.turns.to(x.device)
        numbers = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)).contiguous())
        return torch.view_as_real(numbers * self.turns[positions]).flatten(-2).to(x.dtype)


def scaled_dot_product_attention(
    q: Float[Tensor, "... queries d_head"],
    k: Float[Tensor, "... keys d_head"],
    v: Float[Tensor, "... keys d_value"],
    mask: Bool[Tensor, "... #queries #keys"] | None = None,
) -> Float[Tensor, "... queries d_value"]:
    wide_q, wide_k, wide_v = q.double(), k.double(), v.double()
    scores = torch.einsum("...qd,...kd->...qk", wide_q, wide_k) * q.shape[-1] ** -0.5
    if mask is None:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device)
    # Only beside smaller numbers is the lowest finite one a score like any other. A row that
    # holds nothing else gives a mean, which its weights of 0 then erase.
    lowest = torch.finfo(torch.float64).min
    weights = softmax(torch.where(mask, scores, lowest), dim=-1) * mask
    return torch.einsum("...qk,...kd->...qd", weights, wide_v).to(v.dtype)


class CausalSelfAttention(nn.Module):
    def __init__(self, d_model, num_heads, rope=None, device=None, dtype=None) -> None:
        super().__init__()
        self.d_head, rest = divmod(d_model, num_heads)
        if rest:
            raise ValueError(f"{num_heads} heads do not divide a d_model of {d_model}")
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (
            Linear(d_model, d_model, device, dtype) for _ in range(4)
        )
        self.rope = rope

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache=None,
    ) -> Float[Tensor, "... seq d_model"]:
        order = torch.arange(x.shape[-2], device=x.device)
        positions = order if positions is None else positions
        q, k, v = map(self._heads, (self.q_proj(x), self.k_proj(x), self.v_proj(x)))
        if self.rope:
            q, k = (self.rope(each, positions.unsqueeze(-2)) for each in (q, k))
        mask = order <= order.unsqueeze(-1)
        if cache is not None:
            k, v, mask = cache.update(k, v, positions)
        mixed = scaled_dot_product_attention(q, k, v, mask)
        return self.o_proj(mixed.movedim(-3, -2).flatten(-2))

    def _heads(self, projected: Tensor) -> Tensor:
        return projected.unflatten(-1, (-1, self.d_head)).movedim(-2, -3)
