"""Probes expose: what the tests that call `check` may not look like."""

import ast

import numpy as np
import pytest

from groundup import snapshots
from groundup.stages import STAGES

FEWEST = 6
"""A part with fewer numbers cannot be told to be square or uniform."""

PATHS = sorted(path for stage in STAGES for path in stage.fixtures.glob("*.npz"))


@pytest.fixture(scope="module")
def recorded():
    return {path: snapshots.read(path) for path in PATHS}


def float_parts(snapshot):
    for name, part in snapshot.expected.items():
        if part.values.dtype.kind == "f" and part.values.size >= FEWEST:
            yield name, part.values


def test_every_probe_sees_a_mistake(recorded):
    blind = [path.name for path, snapshot in recorded.items() if not snapshot.mistakes]
    assert not blind, "no mistake of the catalogue changes what these observe"


def test_no_observation_is_square(recorded):
    """Two axes of one size could be swapped unseen."""
    square = [
        (path.name, name, values.shape)
        for path, snapshot in recorded.items()
        for name, values in float_parts(snapshot)
        if values.ndim > 1 and values.shape[-1] == values.shape[-2]
    ]
    assert not square


def test_no_observation_is_uniform(recorded):
    uniform = [
        (path.name, name)
        for path, snapshot in recorded.items()
        for name, values in float_parts(snapshot)
        if values.any() and np.ptp(values[np.isfinite(values)]) == 0
    ]
    assert not uniform


def test_tolerances_are_far_below_what_a_mistake_changes(recorded):
    """Each mistake is at least 20 tolerances away from right in one of the parts it changes."""
    close = [
        f"{path.name}: {slip}"
        for path, snapshot in recorded.items()
        for slip, changed in snapshot.mistakes.items()
        if changed and max(distance(snapshot, name, part) for name, part in changed.items()) < 20
    ]
    assert not close


def distance(snapshot, name, part) -> float:
    """How many tolerances lie between what a mistake gives and what is right."""
    expected = snapshot.expected.get(name)
    alike = expected and (part.kind, part.values.shape) == (expected.kind, expected.values.shape)
    if not alike or expected.values.dtype.kind != "f":
        return np.inf
    allowed = snapshot.atol + snapshot.rtol * np.abs(expected.values)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.abs(part.values - expected.values) / allowed
    return float(np.nanmax(ratio)) if np.isfinite(part.values).all() else np.inf


def test_tolerances_are_tight(recorded):
    wide = {path.name for path, snapshot in recorded.items() if snapshot.atol > 1e-3}
    wide |= {path.name for path, snapshot in recorded.items() if snapshot.rtol > 1e-3}
    assert not wide


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_inputs_of_probes_are_not_square(stage):
    """Reads the calls of `draw` in tests that call `check`."""
    found = []
    for path in sorted(stage.tests.glob("*.py")):
        for test in ast.parse(path.read_text(encoding="utf-8")).body:
            calls = [node for node in ast.walk(test) if isinstance(node, ast.Call)]
            if any(getattr(call.func, "id", "") == "check" for call in calls):
                found += [f"{path.name}:{call.lineno}" for call in calls if is_square_draw(call)]
    assert not found


def is_square_draw(call: ast.Call) -> bool:
    if getattr(call.func, "attr", "") != "normal":
        return False
    sizes = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
    return len(sizes) > 1 and sizes[-1] == sizes[-2] != 1
