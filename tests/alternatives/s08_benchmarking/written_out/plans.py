"""Moments, budgets and phases, each in another way than the reference's."""

import statistics
import time
from collections.abc import Callable, Mapping

import numpy as np

from s04_transformer import ModelConfig

from .devices import Device
from .results import Budget, PhaseTimes, StepTimes


def memory_by_moment(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    from .adapter import count_parameters, training_memory

    kinds, count = training_memory(config, batch, seq, dtype), count_parameters(config)
    logits = batch * seq * config.vocab_size * 4
    held = logits + logits + (logits // 2 if dtype == "bfloat16" else 0)
    d, in_blocks = config.d_model, kinds["activations"] - logits
    return {
        "update": 16 * count + 4 * max(d * d, d * config.d_ff, d * config.vocab_size),
        "backward": 16 * count + in_blocks // config.num_layers,
        "loss": kinds["parameters"] + kinds["optimizer_state"] + kinds["activations"] + held,
    }


def largest(needed: Callable[[int], Mapping[str, int]], device: Device) -> int:
    """A straight line through two points leads near the answer, and single steps to it."""
    if device.memory is None:
        raise ValueError(f"{device.name} has no known memory")

    def fits(batch: int) -> bool:
        return max(needed(batch).values()) <= device.memory

    guesses = []
    for moment, at_one in needed(1).items():
        growth = needed(2)[moment] - at_one
        if growth > 0:
            guesses.append(1 + (device.memory - at_one) // growth)
    batch = max(0, min(guesses))
    while fits(batch + 1):
        batch += 1
    while batch > 0 and not fits(batch):
        batch -= 1
    return batch


def training_budget(
    tokens: int, *, batch: int, seq: int, step_seconds: float, price_per_hour: float = 0.0
) -> Budget:
    for name, value in {"tokens": tokens, "batch": batch, "seq": seq, "step": step_seconds}.items():
        if not value > 0:
            raise ValueError(f"{name} is {value}")
    if price_per_hour < 0:
        raise ValueError(f"the price is {price_per_hour}")
    whole, rest = divmod(tokens, batch * seq)
    steps = whole + (rest > 0)
    hours = steps * step_seconds / 3600
    rate = batch * seq / step_seconds
    return Budget(steps, hours * 3600, hours * price_per_hour, rate)


def time_phases(
    phases: Mapping[str, Callable[[], object]],
    *,
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> PhaseTimes:
    """A row of readings for each step; its phases are the differences."""
    if not phases:
        raise ValueError("there are no phases")
    if warmup < 1 or repeats < 1:
        raise ValueError(f"warmup {warmup} and repeats {repeats} must be above 0")

    def read() -> float:
        synchronize()
        return clock()

    rows = np.zeros((warmup + repeats, len(phases) + 1))
    for row in rows:
        row[0] = read()
        for place, phase in enumerate(phases.values(), start=1):
            phase()
            row[place] = read()
    spans = np.diff(rows, axis=1)
    totals = rows[warmup:, -1] - rows[warmup:, 0]
    low, high = np.argsort(totals, kind="stable")[[(repeats - 1) // 2, repeats // 2]]
    split = (spans[warmup + low] + spans[warmup + high]) / 2
    p10, p90 = np.quantile(totals, [0.1, 0.9])
    times = StepTimes(statistics.median(totals.tolist()), float(p10), float(p90))
    first = float(rows[0, -1] - rows[0, 0])
    return PhaseTimes(times, dict(zip(phases, split.tolist(), strict=True)), first)
