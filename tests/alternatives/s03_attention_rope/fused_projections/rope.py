"""Rotary position embedding with a table of rotation matrices."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class RotaryEmbedding(nn.Module):
    """One 2 × 2 matrix for each position and pair, kept beside the buffers."""

    def __init__(self, d_head, max_seq_len, theta=10_000.0, device=None) -> None:
        super().__init__()
        if d_head % 2 == 1:
            raise ValueError(f"an odd d_head cannot be cut into pairs: {d_head}")
        pairs = torch.arange(d_head // 2, dtype=torch.float64)
        angles = torch.arange(max_seq_len)[:, None] * torch.exp(
            -2 * pairs / d_head * torch.log(torch.tensor(theta, dtype=torch.float64))
        )
        cos, sin = angles.cos(), angles.sin()
        rows = torch.stack([torch.stack([cos, -sin], dim=-1), torch.stack([sin, cos], dim=-1)], -2)
        self.matrices = {torch.device(device or "cpu").type: rows.float().to(device or "cpu")}

    def forward(
        self, x: Float[Tensor, "... seq d_head"], positions: Int[Tensor, "... seq"]
    ) -> Float[Tensor, "... seq d_head"]:
        table = self.matrices.setdefault(x.device.type, next(iter(self.matrices.values())))
        table = self.matrices[x.device.type] = table.to(x.device)
        pairs = x.float().reshape(*x.shape[:-1], -1, 1, 2)
        # No matrix product: autocast would compute it in bfloat16.
        return (table[positions] * pairs).sum(dim=-1).reshape(x.shape).to(x.dtype)
