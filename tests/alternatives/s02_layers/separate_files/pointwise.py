import torch
from torch import Tensor


def silu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.tanh(0.5 * x))


def softmax(x: Tensor, dim: int) -> Tensor:
    largest = x.max(dim=dim, keepdim=True).values
    exponentials = torch.exp(x - largest)
    return exponentials / torch.sum(exponentials, dim, keepdim=True)
