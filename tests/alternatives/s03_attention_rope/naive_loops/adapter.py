"""What many write first: a loop over pairs, a loop over heads, and no tables."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from s02_layers import Linear, softmax


class RotaryEmbedding(nn.Module):
    """The angles are computed on each call, so that there is nothing to cast, move or save."""

    def __init__(self, d_head, max_seq_len, theta=10_000.0, device=None) -> None:
        super().__init__()
        if d_head % 2 != 0:
            raise ValueError(f"RoPE needs an even d_head, not {d_head}")
        self.d_head = d_head
        self.max_seq_len = max_seq_len
        self.theta = theta

    def forward(
        self, x: Float[Tensor, "... seq d_head"], positions: Int[Tensor, "... seq"]
    ) -> Float[Tensor, "... seq d_head"]:
        coordinates = []
        for i in range(self.d_head // 2):
            angle = positions.to(torch.float32) / self.theta ** (2 * i / self.d_head)
            cos, sin = torch.cos(angle), torch.sin(angle)
            first = x[..., 2 * i].to(torch.float32)
            second = x[..., 2 * i + 1].to(torch.float32)
            coordinates.append(first * cos - second * sin)
            coordinates.append(first * sin + second * cos)
        return torch.stack(coordinates, dim=-1).to(x.dtype)


def scaled_dot_product_attention(
    q: Float[Tensor, "... queries d_head"],
    k: Float[Tensor, "... keys d_head"],
    v: Float[Tensor, "... keys d_value"],
    mask: Bool[Tensor, "... #queries #keys"] | None = None,
) -> Float[Tensor, "... queries d_value"]:
    scores = torch.matmul(q, k.transpose(-2, -1)) / q.shape[-1] ** 0.5
    if mask is None:
        return torch.matmul(softmax(scores, dim=-1), v)
    weights = softmax(scores.masked_fill(~mask, float("-inf")), dim=-1)
    # Safe going backward too: masked_fill hands no gradient to what it fills, so that the NaN
    # of a row without a key ends there.
    return torch.matmul(weights.masked_fill(~mask, 0.0), v)


class CausalSelfAttention(nn.Module):
    def __init__(self, d_model, num_heads, rope=None, device=None, dtype=None) -> None:
        super().__init__()
        if d_model % num_heads != 0:
            raise ValueError(f"cannot split d_model = {d_model} into {num_heads} heads")
        self.num_heads = num_heads
        self.d_head = d_model // num_heads
        self.rope = rope
        for name in ("q_proj", "k_proj", "v_proj", "o_proj"):
            self.add_module(name, Linear(d_model, d_model, device=device, dtype=dtype))

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache=None,
    ) -> Float[Tensor, "... seq d_model"]:
        seq = x.shape[-2]
        if positions is None:
            positions = torch.arange(seq, device=x.device)
        queries, keys, values = [], [], []
        for head in range(self.num_heads):
            mine = slice(head * self.d_head, (head + 1) * self.d_head)
            q, k = self.q_proj(x)[..., mine], self.k_proj(x)[..., mine]
            if self.rope is not None:
                q, k = self.rope(q, positions), self.rope(k, positions)
            queries.append(q)
            keys.append(k)
            values.append(self.v_proj(x)[..., mine])
        if cache is not None:
            stacked = torch.stack(keys, dim=-3), torch.stack(values, dim=-3)
            k, v, mask = cache.update(*stacked, positions)
            attended = scaled_dot_product_attention(torch.stack(queries, dim=-3), k, v, mask)
            return self.o_proj(torch.cat(list(attended.unbind(dim=-3)), dim=-1))
        index = torch.arange(seq, device=x.device)
        mask = index[:, None] >= index[None, :]
        heads = zip(queries, keys, values, strict=True)
        attended = [scaled_dot_product_attention(q, k, v, mask) for q, k, v in heads]
        return self.o_proj(torch.cat(attended, dim=-1))
