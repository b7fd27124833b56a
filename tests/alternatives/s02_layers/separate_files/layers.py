import math

import torch
from torch import Tensor, nn

from .pointwise import silu


def _normal_cut_at_three_sigma(weight: nn.Parameter, sigma: float) -> None:
    """Draw again whatever fell outside."""
    with torch.no_grad():
        weight.normal_(0, sigma)
        outside = weight.abs() > 3 * sigma
        while not weight.is_meta and outside.any():
            weight[outside] = torch.randn_like(weight[outside]) * sigma
            outside = weight.abs() > 3 * sigma


class Linear(nn.Module):
    def __init__(self, d_in, d_out, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty((d_out, d_in), device=device, dtype=dtype))
        _normal_cut_at_three_sigma(self.weight, math.sqrt(2.0 / (d_in + d_out)))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("...i,oi->...o", x, self.weight)


class Embedding(nn.Module):
    def __init__(self, vocab_size, d_model, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty((vocab_size, d_model), device=device, dtype=dtype))
        _normal_cut_at_three_sigma(self.weight, 1.0)

    def forward(self, token_ids: Tensor) -> Tensor:
        rows = torch.index_select(self.weight, 0, token_ids.flatten())
        return rows.unflatten(0, token_ids.shape)


class RMSNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5, device=None, dtype=None) -> None:
        super().__init__()
        self.d_model, self.eps = d_model, eps
        self.weight = nn.Parameter(torch.empty(d_model, device=device, dtype=dtype))
        nn.init.ones_(self.weight)

    def forward(self, x: Tensor) -> Tensor:
        scaled = x.to(torch.float32) * self.weight.to(torch.float32)
        squares = x.to(torch.float32) ** 2
        root = torch.sqrt(squares.sum(-1) / self.d_model + self.eps)
        return torch.div(scaled, root[..., None]).type_as(x)


class SwiGLU(nn.Module):
    def __init__(self, d_model, d_ff, device=None, dtype=None) -> None:
        super().__init__()
        where = {"device": device, "dtype": dtype}
        self.down = Linear(d_ff, d_model, **where)
        self.up = Linear(d_model, d_ff, **where)
        self.gate = Linear(d_model, d_ff, **where)

    def forward(self, x: Tensor) -> Tensor:
        joint = torch.einsum("...i,oi->...o", x, torch.cat([self.gate.weight, self.up.weight]))
        gate, up = joint.chunk(2, dim=-1)
        return self.down(up * silu(gate))
