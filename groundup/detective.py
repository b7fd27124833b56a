"""What can be said of a wrong array by looking at its numbers, without knowing the mistake.

Each clue is a pattern that chance does not make: it holds for every value, within the tolerance
of the test. Where none holds, nothing is said.
"""

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]

FEWEST = 4
"""Fewer values than this fit almost any pattern."""

SERIES = 6
"""So many values in a row may be a series, such as the losses of a run."""

NOISE = 12
"""So many errors are seldom to both sides unless they come from rounding."""


def clue(actual: Array, expected: Array, *, rtol: float, atol: float) -> str:
    """One sentence about how `actual` differs from `expected`; empty if there is none."""
    if actual.size < FEWEST or expected.size < FEWEST:
        return ""
    if "U" in (actual.dtype.kind, expected.dtype.kind):
        return ""
    if not all(np.isfinite(array).all() for array in (actual, expected) if _is_float(array)):
        return ""

    def same(left: Array, right: Array) -> bool:
        if not _is_float(right):  # compared exactly, as the test does
            return np.array_equal(left, right)
        return left.shape == right.shape and np.allclose(left, right, rtol=rtol, atol=atol)

    finders = (_moved, _scaled, _scaled_exactly, _confined, _rounded)
    found = (text for finder in finders for text in finder(actual, expected, same))
    return next(found, "")


def _is_float(array: Array) -> bool:
    return array.dtype.kind == "f"


def _moved(actual: Array, expected: Array, same: Any) -> Iterator[str]:
    """The right values in other places."""
    for order in itertools.permutations(range(expected.ndim)):
        moved = expected.transpose(order)
        if order != tuple(range(expected.ndim)) and same(actual, moved):
            yield f"The values are right, but the axes are transposed: yours are {order} of ours."
    if actual.shape != expected.shape:
        return
    for axis, size in enumerate(expected.shape):
        if size < 2:
            continue
        if same(actual, np.flip(expected, axis)):
            yield f"The values are right, but reversed along axis {axis}."
        for by in {1, size - 1}:
            if size > 2 and same(actual, np.roll(expected, by, axis)):
                how = "later" if by == 1 else "earlier"
                yield f"Everything is one place {how} along axis {axis}, around the end."
        ahead, behind = _but_one(axis, size, slice(1, None)), _but_one(axis, size, slice(-1))
        if size > 2 and same(actual[ahead], expected[behind]):
            yield f"Everything stands one place too late along axis {axis}: a shift by one."
        if size > 2 and same(actual[behind], expected[ahead]):
            yield f"Everything stands one place too early along axis {axis}: a shift by one."
        if places := _permutation(actual, expected, axis, same):
            yield f"The values are right, but permuted along axis {axis}: {_in_blocks(places)}."


def _but_one(axis: int, size: int, part: slice) -> tuple[slice, ...]:
    return (*[slice(None)] * axis, part)


def _permutation(actual: Array, expected: Array, axis: int, same: Any) -> list[int]:
    ours, yours = np.moveaxis(expected, axis, 0), np.moveaxis(actual, axis, 0)
    if ours[0].size < FEWEST:
        return []
    order = []
    for row in yours:
        places = [place for place, other in enumerate(ours) if same(row, other)]
        if len(places) != 1:
            return []
        order += places
    return order if sorted(order) == list(range(len(ours))) else []


def _in_blocks(places: list[int]) -> str:
    """A permutation in words; that of heads moves blocks of d_head places."""
    for size in range(len(places) // 2, 1, -1):
        blocks = [places[start : start + size] for start in range(0, len(places), size)]
        if all(b[0] % size == 0 and b == list(range(b[0], b[0] + size)) for b in blocks):
            return f"blocks {[block[0] // size for block in blocks]} of ours, {size} places each"
    return f"{places} of ours"


def _scaled(actual: Array, expected: Array, same: Any) -> Iterator[str]:
    """A constant factor, or a constant added."""
    if actual.shape != expected.shape or not _is_float(expected):
        return
    if same(actual, -expected):
        yield "Every value has the wrong sign."
        return
    wide, ours = actual.astype(np.float64).ravel(), expected.astype(np.float64).ravel()
    if not ours.any() or not wide.any():
        return
    factor = float(ours @ wide / (ours @ ours))
    # A least-squares factor fits only if every single value agrees with it.
    if abs(factor - 1) > 1e-3 and same(wide, factor * ours):
        what = f"what it should be{_with_sign(factor)}"
        yield f"Every value is {abs(factor):.4g} times {what}{_constant(factor, expected)}."
    offset = float(np.median(wide - ours))
    if same(wide, ours + offset) and abs(offset) > 1e-3:
        yield f"Every value is {abs(offset):.4g} too {'large' if offset > 0 else 'small'}."


LONGEST_FRACTION = 100
"""Up to this denominator a fraction is easier to read than a decimal number."""


def _scaled_exactly(actual: Array, expected: Array, same: Any) -> Iterator[str]:
    """Integers, all of them in the same ratio to what they should be."""
    if actual.shape != expected.shape or {actual.dtype.kind, expected.dtype.kind} - set("iu"):
        return
    pairs = list(zip(actual.ravel().tolist(), expected.ravel().tolist(), strict=True))
    if np.count_nonzero(expected) < FEWEST or not actual.any():
        return
    ratio = next(Fraction(yours, ours) for yours, ours in pairs if ours)
    if ratio == 1 or any(
        yours * ratio.denominator != ours * ratio.numerator for yours, ours in pairs
    ):
        return
    if ratio == -1:
        yield "Every value has the wrong sign."
        return
    size = abs(ratio)
    told = size if size.denominator <= LONGEST_FRACTION else f"{float(size):.4g}"
    yield f"Every value is {told} times what it should be{_with_sign(ratio)}."


def _with_sign(factor: float | Fraction) -> str:
    return "" if factor > 0 else ", with the wrong sign"


def _constant(factor: float, expected: Array) -> str:
    """Which known number a factor is: a size of the array, its root, ln 2, √2, π."""
    constants = {math.log(2): "ln 2", 1 / math.log(2): "1/ln 2", math.pi: "π", 1 / math.pi: "1/π"}
    constants |= {math.sqrt(2): "√2", 1 / math.sqrt(2): "1/√2"}
    for axis, size in enumerate(expected.shape):
        for value, text in ((size, f"{size}"), (math.sqrt(size), f"√{size}")):
            if value > 2:
                constants[value] = f"{text}, where axis {axis} has size {size}"
                constants[1 / value] = f"1/{text}, where axis {axis} has size {size}"
    for value, text in constants.items():
        if math.isclose(abs(factor), value, rel_tol=1e-4):
            return f": {text}"
    return ""


def _confined(actual: Array, expected: Array, same: Any) -> Iterator[str]:
    """Differences in one place along an axis only, or from one place on."""
    if actual.shape != expected.shape:
        return
    if expected.ndim < 2:
        if expected.size < SERIES:
            return
        right = [same(yours, ours) for yours, ours in zip(actual, expected, strict=True)]
        if (first := right.index(False)) > 1 and not any(right[first:]) and first < len(right) - 1:
            yield f"The first {first} of {len(right)} values are right, all after them wrong."
        return
    for axis, size in enumerate(expected.shape):
        rows = zip(np.moveaxis(actual, axis, 0), np.moveaxis(expected, axis, 0), strict=True)
        wrong = [place for place, (yours, ours) in enumerate(rows) if not same(yours, ours)]
        if size > 2 and len(wrong) == 1:
            where = {0: "the first", size - 1: "the last"}.get(wrong[0], f"number {wrong[0]}")
            yield f"Only {where} of the {size} places along axis {axis} is wrong."
        elif size > 3 and wrong == list(range(1, size)):
            yield f"Only the first of the {size} places along axis {axis} is right."
    zero = expected == 0
    if min(zero.sum(), (~zero).sum()) >= FEWEST and same(actual[~zero], expected[~zero]):
        yield "Only what should be exactly 0 is wrong: what is masked, or padding."


def _rounded(actual: Array, expected: Array, same: Any) -> Iterator[str]:
    """Values that a narrower dtype can hold, or right to so many digits with errors both ways."""
    if actual.shape != expected.shape or not _is_float(expected):
        return
    for name, grid in (("float16", _in_float16), ("bfloat16", _in_bfloat16)):
        if np.array_equal(grid(actual), actual) and same(actual, grid(expected)):
            yield f"Every value is rounded to {name}."
    scale = np.maximum(np.abs(expected), 1e-3 * np.abs(expected).max())
    if not scale.all():
        return
    errors = (actual.astype(np.float64) - expected) / scale
    largest, too_large = float(np.abs(errors).max()), float((errors > 0).mean())
    if 0 < largest < 5e-3 and errors.size >= NOISE and 0.2 < too_large < 0.8:
        yield f"Right to about {math.floor(-math.log10(largest))} digits, and no further."


def _in_float16(values: Array) -> Array:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(values.dtype)


def _in_bfloat16(values: Array) -> Array:
    """To the nearest; of two as near, the even one."""
    bits = values.astype(np.float32).view(np.uint32)
    rounded = (bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)
    return rounded.astype(np.uint32).view(np.float32).astype(values.dtype)
