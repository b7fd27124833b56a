"""What the measurements and plans of this stage return. Given: nothing here is yours to write."""

from dataclasses import dataclass


@dataclass(frozen=True)
class StepTimes:
    """Percentiles of measured steps, in seconds."""

    median: float
    """Half of the steps took at most this."""
    p10: float
    """A tenth of the steps took at most this."""
    p90: float
    """Nine tenths of the steps took at most this."""


@dataclass(frozen=True)
class PhaseTimes:
    """Where the time of a step goes, in seconds."""

    step: StepTimes
    """Of whole steps."""
    split: dict[str, float]
    """By phase, of the step that took the median: they add up to it. With an even number of
    repeats, the mean of the two steps in the middle."""
    first: float
    """Of the very first step, which compiles and allocates."""


@dataclass(frozen=True)
class Budget:
    """What training on a number of tokens takes."""

    steps: int
    """Whole updates."""
    seconds: float
    """Of all of them."""
    cost: float
    """In the currency of the price."""
    tokens_per_second: float
    """That each step trains on."""
