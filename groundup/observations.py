"""What a graded test observed, as arrays, and how one observation differs from another."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from groundup.detective import clue

SHOWN = 4
KINDS = {"i": "int", "f": "float", "b": "bool", "U": "str"}
"""Of Python's own values, and of lists of them, by NumPy's letter."""


@dataclass(frozen=True)
class Record:
    """One part of an observation: `kind` is its type in words, as in `torch.float32 tensor`."""

    kind: str
    values: np.ndarray[Any, Any]
    told: str = field(default="", compare=False)
    """Of an exception, its message and where it was raised: for the reader, never compared."""


class Raised(str):
    """An exception as a part of an observation, `raises ValueError`, and what it said."""

    told = ""


def record(value: Any) -> Record:
    """A tensor, array, number, string, or list of them, as an array that a file can hold."""
    if isinstance(value, torch.Tensor):
        kind = f"{value.dtype} tensor"
        if value.device.type != "cpu":
            return Record(f"{kind} on {value.device.type}", np.zeros(tuple(value.shape)))
        plain = value.detach()
        return Record(
            kind,
            (plain.float() if plain.is_floating_point() and plain.dtype != torch.float64 else plain)
            .numpy()
            .copy(),
        )
    values = np.asarray(value)
    if values.dtype == object:
        raise TypeError(f"an observation may not hold {type(value).__name__} of mixed values")
    if isinstance(value, np.ndarray):
        return Record(f"{values.dtype} array", values)
    kind = KINDS[values.dtype.kind] if values.size else "empty"
    return Record(kind, values, value.told if isinstance(value, Raised) else "")


def difference(actual: Record, expected: Record, *, rtol: float, atol: float) -> str:
    """Why `actual` is not `expected`, in a few lines; empty if it is."""
    text = _difference(actual, expected, rtol, atol)
    return f"{text}\n{actual.told}" if text and actual.told else text


def _difference(actual: Record, expected: Record, rtol: float, atol: float) -> str:
    if actual.kind != expected.kind:
        return f"expected: {_outline(expected)}\nfound:    {_outline(actual)}"
    if actual.values.shape != expected.values.shape:
        if (
            expected.kind in KINDS.values()
            and max(actual.values.size, expected.values.size) <= 2 * SHOWN
        ):
            return f"expected {expected.values.tolist()}, found {actual.values.tolist()}"
        return _with_clue(
            f"expected shape {expected.values.shape}, found {actual.values.shape}",
            clue(actual.values, expected.values, rtol=rtol, atol=atol),
        )
    if expected.values.dtype.kind == "f":
        lost = ~np.isfinite(actual.values) & np.isfinite(expected.values)
        if lost.any():
            first = _first(lost, actual, expected)
            return f"{lost.sum()} of {lost.size} values are NaN or infinite\n{first}"
    wrong = _wrong(actual, expected, rtol, atol)
    if not wrong.any():
        return ""
    if not wrong.ndim and expected.kind in KINDS.values():
        return "expected {}, found {}".format(*_readable(expected.values[()], actual.values[()]))
    return _with_clue(
        f"{wrong.sum()} of {wrong.size} values differ\n{_first(wrong, actual, expected)}",
        clue(actual.values, expected.values, rtol=rtol, atol=atol),
    )


def agree(actual: Record, expected: Record, *, rtol: float, atol: float) -> bool:
    """Whether there is no `difference`."""
    alike = actual.kind == expected.kind and actual.values.shape == expected.values.shape
    return alike and not _wrong(actual, expected, rtol, atol).any()


def _wrong(actual: Record, expected: Record, rtol: float, atol: float) -> np.ndarray[Any, Any]:
    if expected.values.dtype.kind != "f":
        return np.asarray(actual.values != expected.values)
    return ~np.isclose(actual.values, expected.values, rtol=rtol, atol=atol, equal_nan=True)


def _with_clue(text: str, clue: str) -> str:
    return f"{clue}\n{text}" if clue else text


def _outline(part: Record) -> str:
    if part.kind == "str" and str(part.values).startswith("raises "):
        return str(part.values)  # of `testing.outcome`
    if part.values.ndim == 0 and part.kind in KINDS.values():
        return f"{part.kind} {part.values}"
    return f"{part.kind} of shape {part.values.shape}" if part.values.ndim else part.kind


def _first(wrong: np.ndarray[Any, Any], actual: Record, expected: Record) -> str:
    places = np.argwhere(np.atleast_1d(wrong))[:SHOWN]
    found, wanted = np.atleast_1d(actual.values), np.atleast_1d(expected.values)
    return "\n".join(
        "  at {}: expected {}, found {}".format(
            list(map(int, place)), *_readable(wanted[tuple(place)], found[tuple(place)])
        )
        for place in places
    )


def _readable(wanted: Any, found: Any) -> tuple[str, str]:
    """Two different values, floats with six digits if those tell them apart."""
    if isinstance(wanted, np.floating) and isinstance(found, np.floating):
        short = f"{wanted:.6g}", f"{found:.6g}"
        if short[0] != short[1]:
            return short
    return str(wanted), str(found)
