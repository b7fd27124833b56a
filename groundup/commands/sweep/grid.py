"""`--over FIELD=VALUE,VALUE`: the runs of a sweep, each a `TrainConfig` with a label."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from groundup.commands.common import Refusal
from groundup.commands.overrides import MODEL, read_overrides

Grid = dict[str, list[Any]]


@dataclass(frozen=True)
class Trial:
    """One run. Those that differ only in their seed have the same label."""

    label: str
    values: dict[str, Any]
    """What makes the setting: by field, without the seed."""
    config: Any


def read_grid(overs: Iterable[str], model_config: type, train_config: type) -> Grid:
    """The values by field; one of several numbers, as betas are, cannot be swept from here."""
    grid: Grid = {}
    for over in overs:
        name, equals, texts = over.partition("=")
        if not equals or not all(texts.split(",")):
            raise Refusal(
                f"--over {over}: write a field and its values, as in max_lr=1e-3,3e-3", code=2
            )
        if name in grid or name == "seed":
            why = "the seeds come from --seeds" if name == "seed" else f"{name} is there twice"
            raise Refusal(f"--over {over}: {why}", code=2)
        for text in texts.split(","):
            changes = read_overrides([f"{name}={text}"], model_config, train_config, "--over")
            (value,) = [value for group in changes for value in group.values()]
            grid.setdefault(name, []).append(value)
    return grid


def trials(
    base: Any, grid: Mapping[str, Sequence[Any]], seeds: Sequence[int], fixed: set[str]
) -> list[Trial]:
    """Every setting with the first seed, then every one with the next, as stage 08 makes them.

    What has to follow does, but for the fields in `fixed`, which the user has set: see `_follow`.
    """
    from s08_benchmarking import sweep  # the learner's, or the reference's

    follows_rate = "max_lr" in grid and not {"min_lr"} & (fixed | grid.keys())
    start = dataclasses.replace(base, min_lr=0.0) if follows_rate else base
    found = []
    for config in sweep(start, {"seed": list(seeds), **grid}):
        values = {name: _value(config, name) for name in grid}
        label = ", ".join(f"{name}={shown_value(value)}" for name, value in values.items())
        found.append(Trial(label, values, _follow(base, config, set(grid), fixed)))
    return found


def _follow(base: Any, config: Any, varied: set[str], fixed: set[str]) -> Any:
    """The fields that change because others do: min_lr keeps its share of max_lr, d_ff of d_model;
    steps keep the number of tokens when the batch changes, and the warm-up its share of them."""
    changes: dict[str, Any] = {}
    named = varied | fixed
    if "max_lr" in varied and "min_lr" not in named:
        changes["min_lr"] = config.max_lr * (base.min_lr / base.max_lr)
    if "batch_size" in varied and "steps" not in varied:
        changes["steps"] = max(1, round(base.steps * base.batch_size / config.batch_size))
        if "warmup_steps" not in varied:
            changes["warmup_steps"] = round(base.warmup_steps * changes["steps"] / base.steps)
    if MODEL + "d_model" in varied and MODEL + "d_ff" not in named:
        d_ff = round(base.model.d_ff * config.model.d_model / base.model.d_model)
        changes["model"] = dataclasses.replace(config.model, d_ff=d_ff)
    return dataclasses.replace(config, **changes)


def _value(config: Any, name: str) -> Any:
    for part in name.split("."):
        config = getattr(config, part)
    return config


def shown_value(value: Any) -> str:
    """1.0 as 1; a number of many digits with all of them, or two settings would look alike."""
    short = f"{value:g}" if isinstance(value, float) else str(value)
    return short if not isinstance(value, float) or float(short) == value else str(value)
