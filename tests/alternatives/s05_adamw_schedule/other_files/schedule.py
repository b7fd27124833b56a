"""Each of the three pieces is a function."""

from math import cos, pi


def cosine_schedule(
    step: int, max_lr: float, min_lr: float, warmup_steps: int, total_steps: int
) -> float:
    pieces = [
        (warmup_steps, lambda: max_lr * step / warmup_steps),
        (total_steps, lambda: fall(step - warmup_steps, total_steps - warmup_steps)),
        (float("inf"), lambda: min_lr),
    ]

    def fall(done: int, length: int) -> float:
        share = 0.5 + 0.5 * cos(pi * done / length)
        return share * max_lr + (1 - share) * min_lr

    return next(rate for end, rate in pieces if step < end)()
