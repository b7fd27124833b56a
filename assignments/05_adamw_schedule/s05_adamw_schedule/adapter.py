"""The contract of stage 05: AdamW, the cosine schedule, and gradient clipping."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class AdamW(Optimizer):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2).

    With gradient g, decay rates (β₁, β₂) = betas, and t counting the steps of this parameter
    from 1, one step does

        m ← β₁ m + (1 - β₁) g               the mean of the gradient
        v ← β₂ v + (1 - β₂) g²              the mean of its square
        θ ← θ - lr · (m̂ / (√v̂ + eps) + weight_decay · θ)

    where m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) correct for m and v having started at 0. The
    decay takes θ as it was before the step, never enters m or v, and is scaled by lr.

    `params` are tensors, or dicts with `params` and settings of their own (parameter groups).
    Every step reads lr, betas, eps and weight_decay from `param_groups`, so a schedule sets them
    there. A parameter without gradient is left alone, decay and step count included. m, v and t
    live in `state`: a new optimizer that loads the `state_dict` goes on to the bit. m and v have
    the dtype of their parameter, which is a reason to keep parameters in float32.

    Raises:
        ValueError: a negative lr, eps or weight_decay, or a beta outside [0, 1); it says which.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        raise NotImplementedError

    @torch.no_grad()
    def step(  # type: ignore[override]  # torch writes the two cases as overloads
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """Update every parameter that has a gradient, in place.

        `closure`, if given, is called once before, with gradients enabled, and its value is
        returned: torch's interface.
        """
        raise NotImplementedError


def cosine_schedule(
    step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    """The learning rate of `step`, counted from 0: a line up, half a cosine down, then flat.

    - step < warmup_steps: max_lr · step / warmup_steps, so step 0 has learning rate 0;
    - then min_lr + ½ (max_lr - min_lr) (1 + cos π·p), with p going from 0 at warmup_steps to 1
      at total_steps (Loshchilov and Hutter 2017, eq. 5);
    - step ≥ total_steps: min_lr.

    warmup_steps may be 0, for no warm-up. Computed in float64, which Python's floats are.
    """
    raise NotImplementedError


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    """Scale all gradients together so that their ℓ2 norm is at most `max_norm`; in place.

    Returns the norm before clipping: of all gradients seen as one long vector, parameters
    without gradient left out, 0 if none has one. `parameters` may be an iterator: it is gone
    through once. The gradients stay to the bit as they were if the norm is not above `max_norm`,
    and also if it is infinite or NaN, which is for the caller to notice.
    """
    raise NotImplementedError
