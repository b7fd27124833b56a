"""Many configurations from one: the cartesian product of a grid over a dataclass."""

import dataclasses
import difflib
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LONGEST_FILE_NAME = 255
UNSAFE_IN_FILE_NAMES = re.compile(r"[^A-Za-z0-9._+-]")


def sweep(base: Any, grid: Mapping[str, Sequence[Any]]) -> list[Any]:
    for name, values in grid.items():
        _check(base, name, values)
    axes = [list(zip(values, _labels(values), strict=True)) for values in grid.values()]
    configs: list[Any] = []
    for combination in itertools.product(*axes):
        chosen = dict(zip(grid, combination, strict=True))
        changes = {name: value for name, (value, _) in chosen.items()}
        described = ",".join(f"{name}={label}" for name, (_, label) in chosen.items())
        if len(described) > LONGEST_FILE_NAME:
            described = f"combination-{len(configs)}"
        try:
            configs.append(_replace(base, changes | _followers(base, changes, described)))
        except ValueError as error:
            raise ValueError(f"the combination {described} is not valid: {error}") from error
    return configs


def _check(base: Any, name: str, values: Sequence[Any]) -> None:
    """`name` is a field of `base`, and `values` a list of different values for it."""
    known = _field_names(base)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"fields: {', '.join(known)}"
        raise ValueError(f"{type(base).__name__} has no field {name}; {hint}")
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ValueError(f"grid[{name!r}] must be a list of values, found {values!r}")
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ValueError(f"grid[{name!r}] has {value!r} twice; each run must be another one")


def _field_names(config: Any, prefix: str = "") -> list[str]:
    """Every name that a grid may use: `max_lr`, `model`, `model.d_model`."""
    names = []
    for field in dataclasses.fields(config):
        names.append(prefix + field.name)
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            names += _field_names(value, f"{prefix}{field.name}.")
    return names


def _replace(config: Any, changes: Mapping[str, Any]) -> Any:
    """A copy with all changes made at once, also those of nested fields.

    {"model.d_model": 64, "seed": 1} -> config with its model replaced and its seed set
    """
    whole = {name: value for name, value in changes.items() if "." not in name}
    nested: dict[str, dict[str, Any]] = {}
    for name, value in changes.items():
        if "." in name:
            outer, inner = name.split(".", 1)
            nested.setdefault(outer, {})[inner] = value
    for outer, inside in nested.items():
        whole[outer] = _replace(whole.get(outer, getattr(config, outer)), inside)
    return dataclasses.replace(config, **whole)


def _followers(base: Any, changes: Mapping[str, Any], described: str) -> dict[str, Any]:
    """The fields that change because others do: the warm-up's length and the run's folder."""
    following: dict[str, Any] = {}
    if "steps" in changes and "warmup_steps" not in changes and hasattr(base, "warmup_steps"):
        following["warmup_steps"] = round(base.warmup_steps * changes["steps"] / base.steps)
    if described and "run_dir" not in changes and hasattr(base, "run_dir"):
        following["run_dir"] = Path(base.run_dir) / described
    return following


def _labels(values: Sequence[Any]) -> list[str]:
    """The values as they stand in a folder's name, or their places in the list where they are
    too long or would be alike."""
    labels = [UNSAFE_IN_FILE_NAMES.sub("_", str(value)) for value in values]
    different = len({label.casefold() for label in labels}) == len(labels)
    short = max(map(len, labels)) <= 20
    return labels if different and short else [str(place) for place in range(len(labels))]
