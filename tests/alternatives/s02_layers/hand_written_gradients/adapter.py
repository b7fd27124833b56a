"""The formulas in NumPy, each with its gradient worked out by hand."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd import Function


def _cut_normal(rows, columns, sigma, device, dtype) -> nn.Parameter:
    """A normal distribution cut at 3σ, by the inverse of its distribution function."""
    edge = torch.erf(torch.tensor(3 / 2**0.5, dtype=torch.float64)).item()
    uniform = torch.empty(rows, columns, dtype=torch.float64).uniform_(-edge, edge)
    weight = sigma * 2**0.5 * torch.erfinv(uniform)
    return nn.Parameter(weight.to(device=device, dtype=dtype or torch.float32))


class _Silu(Function):
    @staticmethod
    def forward(context, x):
        z = x.numpy(force=True)
        small = np.exp(-np.abs(z))  # never overflows
        sigma = np.where(z >= 0, 1, small) / (1 + small)
        context.slope = torch.from_numpy(sigma * (1 + z * (1 - sigma)))
        return torch.from_numpy(z * sigma)

    @staticmethod
    def backward(context, gradient):
        return gradient * context.slope


class _Softmax(Function):
    @staticmethod
    def forward(context, x, dim):
        z = x.numpy(force=True)
        exponentials = np.exp(z - z.max(axis=dim, keepdims=True))
        y = torch.from_numpy(exponentials / exponentials.sum(axis=dim, keepdims=True))
        context.y, context.dim = y, dim
        return y

    @staticmethod
    def backward(context, gradient):
        weighted = gradient * context.y
        return weighted - context.y * weighted.sum(context.dim, keepdim=True), None


class _CrossEntropy(Function):
    @staticmethod
    def forward(context, logits, targets):
        z, t = logits.numpy(force=True), targets.numpy()[..., None]
        z = z - z.max(axis=-1, keepdims=True)
        log_sum = np.log(np.exp(z).sum(axis=-1, keepdims=True))
        slope = np.exp(z - log_sum)
        np.put_along_axis(slope, t, np.take_along_axis(slope, t, -1) - 1, -1)
        context.slope = torch.from_numpy(slope / t.size)
        return torch.tensor((log_sum - np.take_along_axis(z, t, -1)).mean())

    @staticmethod
    def backward(context, gradient):
        return gradient * context.slope, None


class Linear(nn.Module):
    def __init__(self, d_in, d_out, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = _cut_normal(d_out, d_in, np.sqrt(2 / (d_in + d_out)), device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        return torch.matmul(self.weight, x.unsqueeze(-1)).squeeze(-1)


class Embedding(nn.Module):
    def __init__(self, vocab_size, d_model, device=None, dtype=None) -> None:
        super().__init__()
        self.weight = _cut_normal(vocab_size, d_model, 1.0, device, dtype)

    def forward(self, token_ids: Tensor) -> Tensor:
        one_hot = token_ids[..., None] == torch.arange(len(self.weight))
        return one_hot.to(self.weight.dtype) @ self.weight


class RMSNorm(nn.Module):
    def __init__(self, d_model, eps=1e-5, device=None, dtype=None) -> None:
        super().__init__()
        self.eps = eps
        self.register_parameter("weight", nn.Parameter(torch.ones(d_model).to(device, dtype)))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float()
        mean_square = (wide * wide).sum(dim=-1, keepdim=True) / x.shape[-1]
        return (self.weight.float() * (wide * (mean_square + self.eps).pow(-0.5))).to(x.dtype)


def silu(x: Tensor) -> Tensor:
    return _Silu.apply(x)


class SwiGLU(nn.Module):
    def __init__(self, d_model, d_ff, device=None, dtype=None) -> None:
        super().__init__()
        for name, sizes in {"gate": (d_model, d_ff), "up": (d_model, d_ff)}.items():
            self.add_module(name, Linear(*sizes, device=device, dtype=dtype))
        self.add_module("down", Linear(d_ff, d_model, device=device, dtype=dtype))

    def forward(self, x: Tensor) -> Tensor:
        return self.down(silu(self.gate(x)) * self.up(x))


def softmax(x: Tensor, dim: int) -> Tensor:
    return _Softmax.apply(x, dim)


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    return _CrossEntropy.apply(logits, targets)
