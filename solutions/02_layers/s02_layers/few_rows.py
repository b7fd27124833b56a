"""x Wᵀ where x has a handful of rows, as in decoding: then reading W is all the work."""

import torch
from jaxtyping import Float
from torch import Tensor

BLOCKS = 8
MOST_ROWS = 8
LEAST_WEIGHTS = 2**18
"""Below that, W is in a core's own cache, and a second core is no help."""


def pays(x: Tensor, weight: Tensor) -> bool:
    return (
        x.numel() <= MOST_ROWS * x.shape[-1]
        and weight.numel() >= LEAST_WEIGHTS
        and weight.shape[0] % BLOCKS == 0
        and x.device.type == "cpu"
    )


def product(
    x: Float[Tensor, "... d_in"], weight: Float[Tensor, "d_out d_in"]
) -> Float[Tensor, "... d_out"]:
    """A CPU's libraries take one core to multiply a matrix by a vector, but all for a batch of
    blocks of it."""
    rows = x.reshape(-1, x.shape[-1])
    blocks = weight.unflatten(0, (BLOCKS, -1))
    products = torch.bmm(blocks, rows.T.expand(BLOCKS, -1, -1)).flatten(0, 1)  # (d_out, rows)
    return products.T.reshape(*x.shape[:-1], -1)
