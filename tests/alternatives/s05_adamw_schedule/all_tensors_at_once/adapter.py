"""All parameters of a group in one call of each operation, as torch's `foreach` does."""

import cmath
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
        settings = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        wrong = [name for name in ("lr", "eps", "weight_decay") if settings[name] < 0]
        wrong += ["betas"] if min(betas) < 0 or max(betas) >= 1 else []
        if wrong:
            raise ValueError(f"out of range: {', '.join(wrong)}")
        super().__init__(params, settings)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            parameters = [p for p in group["params"] if p.grad is not None]
            if parameters:
                self._update(parameters, group)
        return loss

    def _update(self, parameters: list[Tensor], group: dict[str, Any]) -> None:
        for p in parameters:
            if p not in self.state:
                zeros = torch.zeros_like
                self.state[p] = {"updates": 0, "mean": zeros(p), "square": zeros(p)}
            self.state[p]["updates"] += 1
        gradients = [p.grad for p in parameters]
        means = [self.state[p]["mean"] for p in parameters]
        squares = [self.state[p]["square"] for p in parameters]
        beta1, beta2 = group["betas"]
        counts = [self.state[p]["updates"] for p in parameters]

        torch._foreach_mul_(means, beta1)
        torch._foreach_add_(means, gradients, alpha=1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, gradients, gradients, value=1 - beta2)
        sizes = torch._foreach_sqrt(squares)
        torch._foreach_div_(sizes, [math.sqrt(1 - beta2**t) for t in counts])
        torch._foreach_add_(sizes, group["eps"])
        torch._foreach_mul_(parameters, 1 - group["lr"] * group["weight_decay"])
        scales = [-group["lr"] / (1 - beta1**t) for t in counts]
        torch._foreach_addcdiv_(parameters, means, sizes, scales)


def cosine_schedule(
    step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    """The cosine is the real part of a number that turns by half a circle."""
    rising = range(warmup_steps)
    falling = range(warmup_steps, total_steps)
    if step in rising:
        return max_lr * (step / len(rising))
    if step not in falling:
        return min_lr
    middle, radius = (max_lr + min_lr) / 2, (max_lr - min_lr) / 2
    return middle + radius * cmath.rect(1.0, math.pi * falling.index(step) / len(falling)).real


def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    gradients = [gradient for p in parameters if (gradient := p.grad) is not None]
    if not gradients:
        return 0.0
    norm = math.hypot(*torch.stack(torch._foreach_norm(gradients)).tolist())
    if norm > max_norm and not math.isinf(norm):
        torch._foreach_mul_(gradients, max_norm / norm)
    return norm
