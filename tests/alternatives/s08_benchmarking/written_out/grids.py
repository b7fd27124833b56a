"""A grid as nested loops: one call for each name."""

import copy
import dataclasses
import difflib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote


def sweep(base: Any, grid: Mapping[str, Sequence[Any]]) -> list[Any]:
    for name, values in grid.items():
        _field(base, name)
        if type(values) is str or not isinstance(values, Sequence) or len(values) == 0:
            raise ValueError(f"{name} needs a list of values")
        if any(values.count(value) > 1 for value in values):
            raise ValueError(f"{name} has a value twice")
    runs: list[Any] = []
    _descend(base, list(grid.items()), {}, runs)
    return runs


def _field(config: Any, name: str) -> Any:
    """The value of `a.b.c` in `config`."""
    top = config
    for part in name.split("."):
        names = [field.name for field in dataclasses.fields(config)] if _nested(config) else []
        if part not in names:
            every = difflib.get_close_matches(name, _paths(top), cutoff=0.5) or _paths(top)
            raise ValueError(f"{name} is unknown; there are {', '.join(every)}")
        config = getattr(config, part)
    return config


def _nested(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _paths(config: Any) -> list[str]:
    paths = []
    for field in dataclasses.fields(config) if _nested(config) else ():
        paths.append(field.name)
        paths += [f"{field.name}.{inner}" for inner in _paths(getattr(config, field.name))]
    return paths


def _descend(base: Any, axes: list[tuple[str, Any]], chosen: dict[str, Any], runs: list) -> None:
    if axes:
        (name, values), *others = axes
        for value in values:
            _descend(base, others, {**chosen, name: (value, _label(value, values))}, runs)
        return
    values = {name: value for name, (value, _) in chosen.items()}
    folder = ",".join(f"{name}={label}" for name, (_, label) in chosen.items())
    folder = folder if len(folder) < 256 else f"run{len(runs)}"
    if {"run_dir", *values} - set(values) and hasattr(base, "run_dir") and folder:
        values["run_dir"] = Path(base.run_dir, folder)
    if "steps" in values and "warmup_steps" not in values and hasattr(base, "warmup_steps"):
        values["warmup_steps"] = round(values["steps"] / base.steps * base.warmup_steps)
    runs.append(_changed(base, values))


def _changed(config: Any, values: Mapping[str, Any]) -> Any:
    """A copy with all values set past its guards, which are asked once at the end."""
    new = copy.copy(config)
    for field in dataclasses.fields(config):
        if field.name in values:
            object.__setattr__(new, field.name, values[field.name])
        start = field.name + "."
        inner = {n.removeprefix(start): v for n, v in values.items() if n.startswith(start)}
        if inner:
            object.__setattr__(new, field.name, _changed(getattr(new, field.name), inner))
    if hasattr(new, "__post_init__"):
        new.__post_init__()
    return new


def _label(value: Any, values: Sequence[Any]) -> str:
    label = quote(str(value), safe="+").replace("%", "_")
    alike = [other for other in values if str(other).casefold() == str(value).casefold()]
    if len(label) > 40 or len(alike) > 1:
        return hashlib.sha256(str(value).encode()).hexdigest()[:12]
    return label
