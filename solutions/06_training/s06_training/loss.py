"""The loss in pieces, so that what it takes to compute it fits the cache, or at least memory."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from s02_layers import cross_entropy

NUMBERS = {"cpu": 2**20, "cuda": 2**26, "mps": 2**26}
"""Logits in a piece: on a CPU what the cache holds; elsewhere each further call takes time, too."""


@torch.no_grad()
def loss_in_pieces(
    logits: Float[Tensor, "batch seq vocab"], targets: Int[Tensor, "batch seq"], share: float
) -> tuple[Float[Tensor, ""], Float[Tensor, "batch seq vocab"]]:
    """`share` times the mean loss, and its gradient with respect to the logits.

    The loss is computed in float32 whatever the dtype of the logits. The gradient takes their
    place: nothing needs them any more, and there may be more of them than of anything else.
    """
    gradient = logits.detach().contiguous()
    rows, targets = gradient.flatten(0, -2), targets.flatten()
    loss = torch.zeros((), device=logits.device)
    step = max(1, NUMBERS[logits.device.type] // rows.shape[-1])
    for piece, its_targets in zip(rows.split(step), targets.split(step), strict=True):
        with torch.enable_grad():
            numbers = piece.float().requires_grad_()
            its_loss = cross_entropy(numbers, its_targets) * (share * len(piece) / len(rows))
        piece.copy_(torch.autograd.grad(its_loss, numbers)[0])
        loss += its_loss.detach()
    return loss, gradient
