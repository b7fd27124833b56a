"""What top-k and top-p keep of a distribution, and which settings make sense."""

import math

import torch
from jaxtyping import Float
from torch import Tensor


def check_settings(temperature: float, top_k: int | None, top_p: float | None) -> None:
    """Raise ValueError for settings that no distribution could follow."""
    if not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(
            f"temperature ({temperature}) must be a positive number, or 0 for the likeliest token"
        )
    if top_k is not None and top_k < 1:
        raise ValueError(f"top_k ({top_k}) must be at least 1, or None to keep every token")
    if top_p is not None and not 0 < top_p <= 1:
        raise ValueError(f"top_p ({top_p}) must be above 0 and at most 1, or None to keep all")


def keep_top_k(probabilities: Float[Tensor, "... vocab"], k: int) -> Float[Tensor, "... vocab"]:
    """Keep exactly k tokens: the likeliest, and of equals at the border those of lower id."""
    # Much faster than to sort a vocabulary of which a few dozen tokens stay.
    border = probabilities.topk(min(k, probabilities.shape[-1])).values[..., -1:]
    above, level = probabilities > border, probabilities == border
    room = k - above.sum(dim=-1, keepdim=True)
    keep = above | (level & (level.cumsum(dim=-1) <= room))
    return _normalise(probabilities.masked_fill(~keep, 0))


def keep_top_p(probabilities: Float[Tensor, "... vocab"], p: float) -> Float[Tensor, "... vocab"]:
    """Keep the smallest set of likeliest tokens that reaches p; of equals the lower id first."""
    if p == 1:  # A float32 sum reaches 1 before the last few tokens, and would lose them.
        return probabilities
    ranked, ids = probabilities.sort(dim=-1, descending=True, stable=True)
    p = max(p, 1e-30)  # what float32 takes for 0 would keep nothing
    mass_before = ranked.cumsum(dim=-1) - ranked
    kept = ranked.masked_fill(mass_before >= p, 0)
    return _normalise(torch.empty_like(kept).scatter(-1, ids, kept))


def _normalise(weights: Float[Tensor, "... vocab"]) -> Float[Tensor, "... vocab"]:
    return weights / weights.sum(dim=-1, keepdim=True)
