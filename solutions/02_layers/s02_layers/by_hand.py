"""Gradients written by hand, for inputs of many numbers.

Autograd is as right, but it goes over memory once for every operation and keeps what each of them
gave. Derived by hand, the same gradient keeps the inputs only, and reuses the memory it has.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 2**18
LOG2_E = math.log2(math.e)


def pays(x: Tensor) -> bool:
    """Whether this is faster: for many numbers, if no compiler writes the code."""
    return x.numel() > NUMBERS and not torch.compiler.is_compiling()


class Gate(torch.autograd.Function):
    """silu(gate) ⊙ up. With σ the logistic function, silu' = σ + silu - σ · silu."""

    @staticmethod
    def forward(
        ctx: Any, gate: Float[Tensor, "... d_ff"], up: Float[Tensor, "... d_ff"]
    ) -> Float[Tensor, "... d_ff"]:
        ctx.save_for_backward(gate, up)
        return torch.sigmoid(gate).mul_(gate).mul_(up)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, "... d_ff"]) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        sigmoid = torch.sigmoid(gate)
        silu = gate * sigmoid
        slope = torch.addcmul(sigmoid, sigmoid, silu, value=-1).add_(silu)
        return slope.mul_(up).mul_(grad), silu.mul_(grad)


class Normalise(torch.autograd.Function):
    """RMSNorm in float32. With n = x / rms, ∂x = (g ∂y - n · mean_j(g_j ∂y_j n_j)) / rms."""

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "... d_model"], weight: Float[Tensor, " d_model"], eps: float
    ) -> Float[Tensor, "... d_model"]:
        mean_square = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1])
        scale = mean_square.add_(eps).rsqrt_()
        ctx.save_for_backward(x, weight, scale)
        return (x * scale).mul_(weight)

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Float[Tensor, "... d_model"]
    ) -> tuple[Float[Tensor, "... d_model"], Float[Tensor, " d_model"], None]:
        x, weight, scale = ctx.saved_tensors
        normalised = x * scale
        products = normalised * grad
        grad_weight = products.reshape(-1, x.shape[-1]).sum(dim=0)
        means = (products @ weight)[..., None].div_(x.shape[-1])
        grad_x = torch.mul(grad, weight, out=products).sub_(normalised.mul_(means)).mul_(scale)
        return grad_x, grad_weight, None


class CrossEntropy(torch.autograd.Function):
    """The mean of -log softmax(logits)[target]. Its gradient is softmax less one-hot."""

    @staticmethod
    def forward(
        ctx: Any, logits: Float[Tensor, "... vocab"], targets: Int[Tensor, "..."]
    ) -> Float[Tensor, ""]:
        targets = targets.long()[..., None]
        largest = logits.amax(dim=-1, keepdim=True)
        # A power of 2 takes far less time than a power of e in float32 on a CPU.
        exponentials = (logits - largest).mul_(LOG2_E).exp2_()
        sums = exponentials.sum(dim=-1, keepdim=True)
        ctx.save_for_backward(exponentials, sums, targets)
        return (sums.log() - (logits.gather(-1, targets) - largest)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, ""]) -> tuple[Float[Tensor, "... vocab"], None]:
        exponentials, sums, targets = ctx.saved_tensors
        share = grad / targets.numel()
        probabilities = exponentials * (share / sums)
        return probabilities.scatter_add_(-1, targets, -share.expand_as(targets)), None
