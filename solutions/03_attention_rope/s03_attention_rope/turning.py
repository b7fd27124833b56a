"""RoPE by complex numbers: (x + iy) e^{ia} turns the pair (x, y) by the angle a."""

import torch
from jaxtyping import Float
from torch import Tensor

NUMBERS = 2**18


def pays(x: Tensor) -> bool:
    """Whether this is faster: for many numbers, on a CPU, and unless the compiler writes the code,
    which it does not for complex numbers."""
    on_cpu = x.device.type == "cpu" and not torch.compiler.is_compiling()
    return on_cpu and x.numel() > NUMBERS


def turn(
    x: Float[Tensor, "... seq d_head"],
    cos: Float[Tensor, "... seq d_head"],
    sin: Float[Tensor, "... seq d_head"],
) -> Float[Tensor, "... seq d_head"]:
    """cos and sin hold each value twice, for both coordinates of its pair."""
    pairs = torch.view_as_complex(x.float().contiguous().unflatten(-1, (-1, 2)))
    turns = torch.complex(cos[..., ::2], sin[..., ::2])
    return torch.view_as_real(pairs * turns).flatten(-2).to(x.dtype)
