"""x Wᵀ for a handful of rows, as in decoding: then to fetch W from memory is all the work.

On a processor of AMD, torch's library multiplies a matrix by a vector on one core, which does not
fetch as fast as memory can give. A batch of products, one for each block of W, it shares between
the cores. On one of Intel it shares the plain product, and the batch takes twice as long.
"""

import functools

import torch
from jaxtyping import Float
from torch import Tensor

ROWS = 8
BLOCKS = 8
WEIGHTS = 2**18
"""From here on W is too large for a core's own cache."""


def pays(rows: int, weight: Float[Tensor, "d_out d_in"]) -> bool:
    large = weight.numel() >= WEIGHTS and weight.shape[0] % BLOCKS == 0
    return large and rows <= ROWS and _on_amd()


def product(
    x: Float[Tensor, "rows d_in"], weight: Float[Tensor, "d_out d_in"]
) -> Float[Tensor, "rows d_out"]:
    d_out, d_in = weight.shape
    blocks = weight.view(BLOCKS, d_out // BLOCKS, d_in)
    products = torch.bmm(blocks, x.T.expand(BLOCKS, -1, -1))  # (BLOCKS, d_out / BLOCKS, rows)
    return products.view(d_out, -1).T.contiguous()


@functools.cache
def _on_amd() -> bool:
    capabilities = getattr(torch.cpu, "get_capabilities", None)  # newer than torch 2.6
    return capabilities is not None and "AMD" in capabilities().get("cpu_name", "")
