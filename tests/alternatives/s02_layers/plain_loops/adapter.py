"""As somebody writes it who trusts nothing but single vectors and numbers."""

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    def __init__(self, d_in, d_out, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(d_out, d_in, device=device, dtype=dtype))
        sigma = (2 / (d_in + d_out)) ** 0.5
        nn.init.trunc_normal_(self.weight.data, 0.0, sigma, -3 * sigma, 3 * sigma)

    def forward(self, x: Tensor) -> Tensor:
        columns = [(x * row).sum(dim=-1) for row in self.weight]
        return torch.stack(columns, dim=-1)


class Embedding(nn.Module):
    def __init__(self, vocab_size, d_model, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(vocab_size, d_model, device=device, dtype=dtype))
        nn.init.trunc_normal_(self.weight.data, 0.0, 1.0, -3.0, 3.0)

    def forward(self, token_ids: Tensor) -> Tensor:
        if token_ids.ndim == 0:
            return self.weight[int(token_ids)]
        return torch.stack([self.forward(part) for part in token_ids])


class RMSNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5, device=None, dtype=None) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        normalised = []
        for vector in x.reshape(-1, x.shape[-1]):
            vector = vector.float()
            root_mean_square = torch.sqrt(torch.dot(vector, vector) / len(vector) + self.eps)
            normalised.append(vector / root_mean_square * self.weight.float())
        return torch.stack(normalised).reshape(x.shape).to(x.dtype)


def silu(x: Tensor) -> Tensor:
    # Only the branch whose exponential cannot overflow may see a number.
    small = torch.exp(-x.abs())
    return torch.where(x >= 0, x / (1 + small), x * small / (1 + small))


class SwiGLU(nn.Module):
    def __init__(self, d_model, d_ff, device=None, dtype=None) -> None:
        super().__init__()
        self.up = Linear(d_model, d_ff, device, dtype)
        self.down = Linear(d_ff, d_model, device, dtype)
        self.gate = Linear(d_model, d_ff, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        flow = silu(self.gate(x))
        return self.down(flow * self.up(x))


def softmax(x: Tensor, dim: int) -> Tensor:
    last = x.transpose(dim, -1)
    rows = []
    for row in last.reshape(-1, last.shape[-1]):
        exponentials = torch.exp(row - max(row.tolist()))
        rows.append(exponentials / sum(exponentials))
    return torch.stack(rows).reshape(last.shape).transpose(dim, -1)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    losses = []
    for row, target in zip(logits.reshape(-1, logits.shape[-1]), targets.reshape(-1), strict=True):
        row = row - row.max()
        losses.append(torch.log(sum(torch.exp(row))) - row[target])
    return sum(losses) / len(losses)
