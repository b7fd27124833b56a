"""Steps and their phases, between readings of a clock."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from .results import PhaseTimes, StepTimes


def steps(
    step: Callable[[], object],
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float],
) -> StepTimes:
    if repeats < 1 or warmup < 0:
        raise ValueError(f"repeats ({repeats}) must be at least 1, warmup ({warmup}) at least 0")
    for _ in range(warmup):
        step()
    seconds = []
    for _ in range(repeats):
        synchronize()
        start = clock()
        step()
        synchronize()
        seconds.append(clock() - start)
    return percentiles(seconds)


def percentiles(seconds: Sequence[float]) -> StepTimes:
    p10, median, p90 = np.percentile(seconds, [10, 50, 90]).tolist()
    return StepTimes(median=median, p10=p10, p90=p90)


def phases(
    phases: Mapping[str, Callable[[], object]],
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float],
) -> PhaseTimes:
    if not phases or repeats < 1 or warmup < 1:
        raise ValueError(
            f"phases ({len(phases)}), repeats ({repeats}) and warmup ({warmup}) must be at least 1"
        )
    steps = [seconds_of(phases, synchronize, clock) for _ in range(warmup + repeats)]
    first, timed = steps[0], steps[warmup:]
    return PhaseTimes(
        step=percentiles([sum(step.values()) for step in timed]),
        split=middle(timed),
        first=sum(first.values()),
    )


def seconds_of(
    phases: Mapping[str, Callable[[], object]],
    synchronize: Callable[[], object],
    clock: Callable[[], float],
) -> dict[str, float]:
    """Of each phase of one step."""
    synchronize()
    before, found = clock(), {}
    for name, phase in phases.items():
        phase()
        synchronize()
        now = clock()
        found[name], before = now - before, now
    return found


def middle(steps: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By phase, of the step of median length, or the mean of the two in the middle."""
    ordered = sorted(steps, key=lambda step: sum(step.values()))
    below, above = ordered[(len(steps) - 1) // 2], ordered[len(steps) // 2]
    return {name: (below[name] + above[name]) / 2 for name in below}
