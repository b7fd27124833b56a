"""As the formulas stand in the guide, one tensor after another, nothing folded together."""

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
        if lr < 0:
            raise ValueError(f"lr is negative: {lr}")
        if not 0.0 <= betas[0] < 1.0 or not 0.0 <= betas[1] < 1.0:
            raise ValueError(f"betas are not in [0, 1): {betas}")
        if eps < 0:
            raise ValueError(f"eps is negative: {eps}")
        if weight_decay < 0:
            raise ValueError(f"weight_decay is negative: {weight_decay}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults)

    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None if closure is None else closure()
        for group in self.param_groups:
            lr, eps, weight_decay = group["lr"], group["eps"], group["weight_decay"]
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                g = p.grad.detach()
                state = self.state[p]
                t = state.get("t", 0) + 1
                m = state.get("m", torch.zeros_like(g))
                v = state.get("v", torch.zeros_like(g))
                m = beta1 * m + (1 - beta1) * g
                v = beta2 * v + (1 - beta2) * g**2
                state["t"], state["m"], state["v"] = t, m, v
                m_hat = m / (1 - beta1**t)
                v_hat = v / (1 - beta2**t)
                with torch.no_grad():
                    p.copy_(p - lr * (m_hat / (torch.sqrt(v_hat) + eps) + weight_decay * p))
        return loss


def cosine_schedule(
    step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    if warmup_steps > 0 and step < warmup_steps:
        lr = step * max_lr / warmup_steps
    elif step < total_steps:
        angle = math.pi * (step - warmup_steps) / (total_steps - warmup_steps)
        lr = (1 + math.cos(angle)) / 2 * (max_lr - min_lr) + min_lr
    else:
        lr = min_lr
    return float(lr)


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    parameters = list(parameters)
    total = 0.0
    for p in parameters:
        if p.grad is not None:
            total += float((p.grad**2).sum())
    norm = math.sqrt(total)
    if norm > max_norm and math.isfinite(norm):
        for p in parameters:
            if p.grad is not None:
                p.grad *= max_norm / (norm + 1e-6)  # torch's clip_grad_norm_ adds as much
    return norm
