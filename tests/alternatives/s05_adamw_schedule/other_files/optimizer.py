"""Both corrections folded into the step size and eps, so that √v̂ is never made."""

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
        self.check("lr", lr)
        self.check("eps", eps)
        self.check("weight_decay", weight_decay)
        for beta in betas:
            self.check("betas", beta, below=1.0)
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, settings)

    @staticmethod
    def check(name: str, value: float, below: float = float("inf")) -> None:
        if value < 0 or value >= below:
            raise ValueError(f"{name} out of range: {value}")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure:
            with torch.enable_grad():
                loss = closure()
        pairs = [(p, group) for group in self.param_groups for p in group["params"]]
        for parameter, group in pairs:
            if parameter.grad is not None:
                parameter.sub_(self.change(parameter, **group))
        return loss

    def change(self, parameter, *, lr, betas, eps, weight_decay, params) -> Tensor:
        state = self.state[parameter]
        state.setdefault("count", 0)
        for name in ("mean", "mean_square"):
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        state["count"] += 1
        left = [1 - beta ** state["count"] for beta in betas]
        powers = parameter.grad, parameter.grad * parameter.grad
        for name, power, beta in zip(("mean", "mean_square"), powers, betas, strict=True):
            state[name] += (power - state[name]) * (1 - beta)
        root = left[1] ** 0.5
        size = lr * root / left[0]
        step = size * state["mean"] / (state["mean_square"].sqrt() + eps * root)
        return step + lr * weight_decay * parameter
