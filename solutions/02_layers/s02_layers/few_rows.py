"""x Wᵀ for a handful of rows, as in decoding: then to fetch W from memory is all the work.

The libraries of a CPU multiply a matrix by a vector on one core, which does not fetch as fast as
memory can give. A batch of products, one for each block of W, they share between the cores.
"""

import torch
from jaxtyping import Float
from torch import Tensor

ROWS = 8
BLOCKS = 8
WEIGHTS = 2**18
"""From here on W is too large for a core's own cache."""


def pays(x: Tensor, weight: Tensor) -> bool:
    return (
        weight.numel() >= WEIGHTS
        and x.numel() <= ROWS * x.shape[-1]
        and weight.shape[0] % BLOCKS == 0
        and weight.device.type == "cpu"
        and not torch.compiler.is_compiling()
    )


def product(
    x: Float[Tensor, "... d_in"], weight: Float[Tensor, "d_out d_in"]
) -> Float[Tensor, "... d_out"]:
    d_out, d_in = weight.shape
    rows = x.reshape(-1, d_in)
    blocks = weight.reshape(BLOCKS, d_out // BLOCKS, d_in)
    products = torch.bmm(blocks, rows.T.expand(BLOCKS, -1, -1))  # (BLOCKS, d_out / BLOCKS, rows)
    return products.reshape(d_out, -1).T.reshape(*x.shape[:-1], d_out)
