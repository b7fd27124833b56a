"""Cross-entropy with its gradient written by hand: softmax less one-hot.

Autograd would go over the logits about a dozen times, and keep as many copies of them for a while.
"""

import math
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 2**18
LOG2_E = math.log2(math.e)


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, logits: Float[Tensor, "... vocab"], targets: Int[Tensor, "..."]
    ) -> Float[Tensor, ""]:
        targets = targets.long()[..., None]
        largest = logits.amax(dim=-1, keepdim=True)
        # A power of 2 takes a quarter of the time of a power of e in float32 on a CPU.
        exponentials = (logits - largest).mul_(LOG2_E).exp2_()
        sums = exponentials.sum(dim=-1, keepdim=True)
        ctx.save_for_backward(exponentials, sums, targets)
        return (sums.log() - (logits.gather(-1, targets) - largest)).mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Float[Tensor, ""]) -> tuple[Tensor, None]:
        exponentials, sums, targets = ctx.saved_tensors
        share = grad / targets.numel()
        probabilities = exponentials * (share / sums)
        return probabilities.scatter_add_(-1, targets, -share.expand_as(targets)), None
