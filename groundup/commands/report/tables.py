"""The tables of a report: a row for each thing that is known, a column for each run."""

import json
import math
from collections.abc import Callable
from typing import Any

from groundup.commands.report.runs import Run

Row = tuple[str, list[str]]
UNKNOWN = "–"


def results(runs: list[Run]) -> list[Row]:
    """How the runs ended, or how far they are; what no run knows is left out."""
    rows = [(name, [_cell(run, value, form) for run in runs]) for name, value, form in RESULTS]
    return _known_of_some(rows)


def _known_of_some(rows: list[Row]) -> list[Row]:
    return [(name, cells) for name, cells in rows if set(cells) != {UNKNOWN}]


def _per_byte(run: Run) -> float | None:
    if run.valid_loss is None or not run.bytes_per_token:
        return None
    return run.valid_loss / run.bytes_per_token


def _perplexity(run: Run) -> float | None:
    return None if run.valid_loss is None else math.exp(run.valid_loss)


def _distance(run: Run) -> float | None:
    return None if run.valid_loss is None or run.floor is None else run.valid_loss - run.floor


RESULTS: list[tuple[str, Callable[[Run], Any], str]] = [
    ("validation loss, nats per token", lambda run: run.valid_loss, ".4f"),
    ("validation loss, nats per byte", _per_byte, ".4f"),
    ("perplexity per token", _perplexity, ",.3f"),
    ("entropy floor, nats per token", lambda run: run.floor, ".4f"),
    ("distance from the floor", _distance, ".4f"),
    ("last training loss", lambda run: run.lines[-1]["train_loss"], ".4f"),
    ("parameters", lambda run: run.parameters, ",d"),
    ("steps made", lambda run: run.lines[-1]["step"], ",d"),
    ("steps planned", lambda run: run.config.get("steps"), ",d"),
    ("tokens trained on", lambda run: run.lines[-1]["tokens"], ",d"),
    ("tokens per second", lambda run: run.lines[-1]["tokens"] / run.lines[-1]["seconds"], ",.0f"),
    ("seconds", lambda run: run.lines[-1]["seconds"], ",.1f"),
]


def _cell(run: Run, value: Callable[[Run], Any], form: str) -> str:
    try:
        found = value(run)
        return UNKNOWN if found is None else format(found, form)
    except (ArithmeticError, ValueError):  # no time has passed, or a perplexity beyond all numbers
        return UNKNOWN


def configurations(runs: list[Run], *, differing: bool) -> list[Row]:
    """The fields of the configurations: those in which the runs differ, or all the others."""
    rows = []
    for name in dict.fromkeys(name for run in runs for name in run.config):
        values = [run.config.get(name) for run in runs]
        if name != "run_dir" and any(value != values[0] for value in values) == differing:
            rows.append((name, [_plain(value) for value in values]))
    return rows


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def machines(runs: list[Run]) -> list[Row]:
    """Where the runs began, as `groundup train` has written it down."""
    rows = [
        ("code", lambda begun: begun["code"].removeprefix("code under test: ")),
        ("device", lambda begun: begun["device"]),
        ("threads", lambda begun: begun["threads"]),
        ("processor", lambda begun: begun["machine"]["processor"]),
        ("cores", lambda begun: begun["machine"]["cores"]),
        ("system", lambda begun: begun["machine"]["platform"]),
        ("Python", lambda begun: begun["machine"]["python"]),
        ("torch", lambda begun: begun["machine"]["packages"]["torch"]),
    ]
    cells = [(name, [_known(run.started, value) for run in runs]) for name, value in rows]
    return _known_of_some(cells)


def _known(begun: dict[str, Any], value: Callable[[dict[str, Any]], object]) -> str:
    try:
        return str(value(begun))
    except (KeyError, TypeError, AttributeError):
        return UNKNOWN
