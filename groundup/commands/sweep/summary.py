"""Which setting won, and by how much against the noise of seeds; where runs begin to diverge."""

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from groundup.commands.sweep.grid import shown_value
from groundup.commands.sweep.results import Result

CLEAR = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26)
"""Standard errors from which on a difference is taken to be one, by the number of seeds from 2 on:
Student's t, at 95 %. Two or three seeds say little of how much seeds vary."""


@dataclass(frozen=True)
class Setting:
    """The runs that differ in nothing but their seed."""

    runs: tuple[Result, ...]

    @property
    def label(self) -> str:
        return self.runs[0].label

    @property
    def values(self) -> dict[str, Any]:
        return self.runs[0].values

    @property
    def by_seed(self) -> dict[int, float]:
        """The losses of the runs that did not diverge."""
        return {
            run.seed: run.valid_loss
            for run in self.runs
            if not run.diverged and run.valid_loss is not None
        }

    @property
    def losses(self) -> list[float]:
        return list(self.by_seed.values())

    @property
    def diverged(self) -> int:
        return sum(run.diverged is not None for run in self.runs)

    @property
    def mean(self) -> float:
        return statistics.fmean(self.losses)

    @property
    def spread(self) -> float | None:
        """The standard deviation over seeds; None of a single one."""
        return statistics.stdev(self.losses) if len(self.losses) > 1 else None


def by_setting(results: Iterable[Result]) -> list[Setting]:
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.label, []).append(result)
    return [Setting(tuple(runs)) for runs in groups.values()]


def table(settings: Sequence[Setting]) -> str:
    """A line for each setting, and a star at the lowest mean of those that never diverged."""
    head = ("", "setting", "parameters", "runs", "loss", "spread", "above floor", "diverged")
    best = _ranked(settings)[:1]
    rows = [head, *(_row(setting, "*" if setting in best else "") for setting in settings)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            text.ljust(width) if place < 2 else text.rjust(width)
            for place, (text, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )


def _row(setting: Setting, star: str) -> tuple[str, ...]:
    first, losses, spread = setting.runs[0], setting.losses, setting.spread
    known = bool(losses) and first.floor is not None
    return (
        star,
        setting.label,
        f"{first.parameters:,}",
        str(len(setting.runs)),
        f"{setting.mean:.4f}" if losses else "",
        f"{spread:.4f}" if spread is not None else "",
        f"{setting.mean - (first.floor or 0):.4f}" if known else "",
        f"{setting.diverged} of {len(setting.runs)}" if setting.diverged else "",
    )


def _ranked(settings: Sequence[Setting]) -> list[Setting]:
    """By mean loss. One that sometimes diverges is not in the running."""
    return sorted((s for s in settings if not s.diverged), key=lambda setting: setting.mean)


def winner(settings: Sequence[Setting]) -> str:
    """The setting of the lowest mean loss and its lead over the next one."""
    ranked = _ranked(settings)
    if not ranked:
        return "every setting diverged: none won"
    if len(ranked) == 1:
        return f"{ranked[0].label} is the only setting that never diverged"
    first, second = ranked[:2]
    return f"{first.label} won: {difference(first, second)}"


def difference(one: Setting, other: Setting) -> str:
    """How far `one` is from `other`, and whether seeds alone could do that.

    A seed gives all settings the same batches and, where shapes agree, the same first weights. So
    what counts is how the difference varies from seed to seed, not how the losses do.
    """
    gap = one.mean - other.mean
    where = f"{abs(gap):.4f} {'under' if gap < 0 else 'above'} {other.label}"
    theirs = other.by_seed
    gaps = [loss - theirs[seed] for seed, loss in one.by_seed.items() if seed in theirs]
    if len(gaps) < 2:
        return f"{where}; one seed does not say whether that is chance, --seeds 3 does"
    noise = statistics.stdev(gaps) / math.sqrt(len(gaps))
    if noise == 0:
        return f"{where}, with every seed alike"
    times = abs(statistics.fmean(gaps)) / noise
    needed = CLEAR[min(len(gaps) - 2, len(CLEAR) - 1)]
    chance = f", so seeds alone could do that (with {len(gaps)} it takes {needed:.1f})"
    verdict = "" if times >= needed else chance
    return f"{where}, {times:.1f} times the seed noise of that difference ({noise:.4f}){verdict}"


def edges(settings: Sequence[Setting]) -> list[str]:
    """Between which learning rates runs begin to diverge, for each setting of the other fields."""
    lines: dict[str, list[Setting]] = {}
    for setting in settings:
        if "max_lr" in setting.values:
            lines.setdefault(other_values(setting, "max_lr"), []).append(setting)
    return [f"{others}: {_edge(line)}" if others else _edge(line) for others, line in lines.items()]


def other_values(setting: Setting, field: str) -> str:
    others = {name: value for name, value in setting.values.items() if name != field}
    return ", ".join(f"{name}={shown_value(value)}" for name, value in others.items())


def _edge(line: Sequence[Setting]) -> str:
    by_rate = sorted(line, key=lambda setting: setting.values["max_lr"])
    broken = next((place for place, each in enumerate(by_rate) if each.diverged), None)
    if broken is None:
        return f"no run diverged up to max_lr={shown_value(by_rate[-1].values['max_lr'])}"
    first = by_rate[broken]
    rate, count = shown_value(first.values["max_lr"]), len(first.runs)
    if broken == 0:
        return f"{first.diverged} of {count} runs diverged at max_lr={rate}, the lowest"
    last = shown_value(by_rate[broken - 1].values["max_lr"])
    return (
        f"edge of divergence: up to max_lr={last} all runs train; at {rate}, "
        f"{first.diverged} of {count} diverged"
    )
