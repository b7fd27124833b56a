"""Everything in float64, rounded once at the end of a step; the step count is a tensor."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class AdamW(Optimizer):
    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict[str, Any]],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        if min(lr, eps, weight_decay) < 0:
            raise ValueError(f"negative among lr={lr}, eps={eps}, weight_decay={weight_decay}")
        if not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"betas={betas} must lie in [0, 1)")
        super().__init__(
            params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        )

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = closure() if closure else None
        with torch.no_grad():
            for group in self.param_groups:
                for parameter in filter(lambda p: p.grad is not None, group["params"]):
                    self._step_of(parameter, group)
        return loss

    def _step_of(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if "step" not in state:
            state["step"] = torch.tensor(0)
            state["moments"] = torch.zeros_like(parameter)
            state["second_moments"] = torch.zeros_like(parameter)
        state["step"] += 1
        t = int(state["step"])
        weight, gradient = parameter.double(), parameter.grad.double()
        corrected = []
        for name, value, beta in (
            ("moments", gradient, group["betas"][0]),
            ("second_moments", gradient.square(), group["betas"][1]),
        ):
            mean = state[name].double() + (1 - beta) * (value - state[name].double())
            state[name].copy_(mean)
            corrected.append(mean / -math.expm1(t * math.log(beta)) if beta else mean)
        direction = corrected[0] / (corrected[1].sqrt() + group["eps"])
        parameter.copy_(weight - group["lr"] * (direction + group["weight_decay"] * weight))


def cosine_schedule(
    step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    """½ (1 + cos x) is cos² ½x."""
    if step < warmup_steps:
        return max_lr * (1 - (warmup_steps - step) / warmup_steps)
    left = max(0, total_steps - step) / max(1, total_steps - warmup_steps)
    return min_lr + (max_lr - min_lr) * math.sin(math.pi / 2 * left) ** 2


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    gradients = [p.grad for p in parameters if p.grad is not None]
    everything = torch.cat([torch.zeros(1).double(), *(g.flatten().double() for g in gradients)])
    norm = float(everything.square().sum().sqrt())
    if not math.isfinite(norm) or norm <= max_norm:
        return norm
    for gradient in gradients:
        gradient.copy_(gradient.double() * max_norm / norm)
    return norm
