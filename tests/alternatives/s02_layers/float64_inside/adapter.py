"""Everything is computed in float64 and rounded to the dtype it came in."""

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    def __init__(self, d_in, d_out, device=None, dtype=None) -> None:
        super().__init__()
        sigma = (d_in / 2 + d_out / 2) ** -0.5
        weight = torch.empty(d_out, d_in, dtype=torch.float64, device=device)
        nn.init.trunc_normal_(weight, mean=0.0, std=sigma, a=-3 * sigma, b=3 * sigma)
        self.weight = nn.Parameter(weight.to(dtype or torch.get_default_dtype()))

    def forward(self, x: Tensor) -> Tensor:
        return (x.double() @ self.weight.double().mT).to(x.dtype)


class Embedding(nn.Module):
    def __init__(self, vocab_size, d_model, device=None, dtype=None) -> None:
        super().__init__()
        weight = torch.empty(vocab_size, d_model, dtype=torch.float64, device=device)
        nn.init.trunc_normal_(weight, a=-3, b=3)
        self.weight = nn.Parameter(weight.to(dtype or torch.get_default_dtype()))

    def forward(self, token_ids: Tensor) -> Tensor:
        return torch.stack([self.weight[i] for i in token_ids.flatten()]).view(*token_ids.shape, -1)


class RMSNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5, device=None, dtype=None) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.full((d_model,), 1.0, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.double()
        power = (wide**2).mean(-1, keepdim=True) + self.eps
        return (self.weight.double() * wide / power**0.5).to(x.dtype)


def silu(x: Tensor) -> Tensor:
    return (x.double() * x.double().sigmoid()).to(x.dtype)


class SwiGLU(nn.Module):
    def __init__(self, d_model, d_ff, device=None, dtype=None) -> None:
        super().__init__()
        self.gate, self.up = (Linear(d_model, d_ff, device, dtype) for _ in range(2))
        self.down = Linear(d_ff, d_model, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        wide = x.double()
        return self.down(self.up(wide) * silu(self.gate(wide))).to(x.dtype)


def softmax(x: Tensor, dim: int) -> Tensor:
    wide = x.double()
    exponentials = (wide - wide.amax(dim, keepdim=True)).exp()
    return (exponentials / exponentials.sum(dim, keepdim=True)).to(x.dtype)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    rows = logits.double().reshape(-1, logits.shape[-1])
    rows = rows - rows.amax(-1, keepdim=True)
    log_probabilities = rows - rows.exp().sum(-1, keepdim=True).log()
    picked = log_probabilities[torch.arange(len(rows)), targets.flatten()]
    return -picked.mean().to(logits.dtype)
