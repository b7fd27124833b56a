"""Products in bfloat16 on a processor that has no instructions for them.

Torch has a library for processors with AVX-512 or better. On others it multiplies with a loop of
its own, which takes tens of times as long as a product in float32. What the instructions would do
can be had from float32: the factors are rounded to bfloat16, the sum is not.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

NUMBERS = 2**18


def pays(x: Tensor) -> bool:
    """Whether a product with x is in bfloat16, and faster in this way."""
    if torch.compiler.is_compiling() or x.device.type != "cpu" or x.numel() <= NUMBERS:
        return False
    wanted = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return wanted and torch.backends.cpu.get_cpu_capability() == "AVX2"


class Product(torch.autograd.Function):
    """x Wᵀ with x and W rounded to bfloat16, summed in float32 and rounded again."""

    @staticmethod
    def forward(
        ctx: Any, x: Float[Tensor, "... d_in"], weight: Float[Tensor, "d_out d_in"]
    ) -> Float[Tensor, "... d_out"]:
        x, weight = x.bfloat16(), weight.bfloat16()
        ctx.save_for_backward(x, weight)
        with torch.autocast("cpu", enabled=False):
            return (x.float() @ weight.float().T).bfloat16()

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, grad: Float[Tensor, "... d_out"]
    ) -> tuple[Float[Tensor, "... d_in"], Float[Tensor, "d_out d_in"]]:
        x, weight = (saved.float() for saved in ctx.saved_tensors)
        rows = grad.float().reshape(-1, len(weight))
        with torch.autocast("cpu", enabled=False):
            return (rows @ weight).view_as(x), rows.T @ x.reshape(-1, x.shape[-1])
