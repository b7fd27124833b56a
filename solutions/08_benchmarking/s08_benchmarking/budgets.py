"""What a device has room for, and what a number of tokens takes."""

import math
from collections.abc import Callable

from .devices import Device
from .results import Budget


def largest_batch(needed: Callable[[int], int], device: Device) -> int:
    """`needed` says how many bytes a batch takes; a larger one takes more."""
    if device.memory is None:
        raise ValueError(f"how much memory has {device.name}? Give a Device with its memory")
    high = 1
    while needed(high) <= device.memory:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if needed(middle) <= device.memory else (low, middle)
    return low


def plan(tokens: int, batch: int, seq: int, step_seconds: float, price_per_hour: float) -> Budget:
    if min(tokens, batch, seq, step_seconds) <= 0 or price_per_hour < 0:
        raise ValueError(
            f"tokens ({tokens}), batch ({batch}), seq ({seq}) and step_seconds ({step_seconds}) "
            f"must be above 0, price_per_hour ({price_per_hour}) at least 0"
        )
    steps = math.ceil(tokens / (batch * seq))
    seconds = steps * step_seconds
    return Budget(
        steps=steps,
        seconds=seconds,
        cost=seconds / 3600 * price_per_hour,
        tokens_per_second=batch * seq / step_seconds,
    )
