"""Snapshots are complete, unchanged, reproducible, and compared strictly."""

import json
import pickle
import sys
import types
from functools import partial

import numpy as np
import pytest
import torch

from groundup import observations, snapshots
from groundup.stages import ROOT, STAGES
from groundup.testing import outcome

FIXTURES = ROOT / "fixtures"
RECORD = ("--reference=all", "--record-snapshots", "-q")


def test_the_manifest_holds_every_fixture_with_its_checksum():
    written = json.loads((FIXTURES / "manifest.json").read_text(encoding="utf-8"))
    assert written["sha256"] == snapshots.manifest(FIXTURES)["sha256"]
    assert set(written["versions"]) == set(snapshots.VERSIONS_OF)


def test_fixtures_were_made_with_the_pinned_versions():
    versions = json.loads((FIXTURES / "manifest.json").read_text(encoding="utf-8"))["versions"]
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
    for name, version in versions.items():
        assert f"{name}=={version.partition('+')[0]}" in pins


def test_recording_twice_gives_the_same_bytes(run, tmp_path):
    made = []
    for name in ("first", "second"):
        folder = tmp_path / name
        done = run(
            "pytest", *(f"tests/{stage.tests.name}" for stage in STAGES), *RECORD,
            GROUNDUP_FIXTURES=str(folder),
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        made.append({path.relative_to(folder): path.read_bytes() for path in folder.rglob("*.npz")})
    assert made[0] == made[1]
    committed = {path.relative_to(FIXTURES) for path in FIXTURES.rglob("*.npz")}
    assert set(made[0]) == committed, "a snapshot without a test, or a test without a snapshot"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_snapshots_are_small_and_hold_no_pickles(stage):
    for path in stage.fixtures.glob("*.npz"):
        assert path.stat().st_size < 100_000, path
        assert snapshots.read(path), path


def difference(actual, expected, **tolerances):
    return observations.difference(
        observations.record(actual),
        observations.record(expected),
        **({"rtol": 0, "atol": 0} | tolerances),
    )


def test_equal_observations_have_no_difference():
    for value in (torch.tensor([1.0, torch.nan]), [1, 2], "text", 3, 0.5, True, [], np.uint16([7])):
        assert not difference(value, value)


@pytest.mark.parametrize(
    ("actual", "expected", "words"),
    [
        (torch.zeros(2), torch.zeros(3), "expected shape (3,), found (2,)"),
        (torch.zeros(2).double(), torch.zeros(2), "found:    torch.float64 tensor of shape (2,)"),
        (torch.zeros(2).bfloat16(), torch.zeros(2), "found:    torch.bfloat16 tensor"),
        (torch.zeros(2, device="meta"), torch.zeros(2), "found:    torch.float32 tensor on meta"),
        (torch.zeros(2), np.zeros(2, np.float32), "expected: float32 array"),
        (torch.tensor([0.0, torch.nan]), torch.zeros(2), "1 of 2 values are NaN or infinite"),
        ([1, 2, 4], [1, 2, 3], "at [2]: expected 3, found 4"),
        ([1, 2], [], "expected: empty"),
        ("a", "b", "expected b, found a"),
        (1.0, 1, "expected: int 1\nfound:    float 1.0"),
        ("raises KeyError", [1, 2], "expected: int of shape (2,)\nfound:    raises KeyError"),
        ("no file", [1, 2], "expected: int of shape (2,)\nfound:    str no file"),
        (["a", "b"], ["a"], "expected ['a'], found ['a', 'b']"),
        ([1, 3], [0, 1, 2, 3, 4], "expected [0, 1, 2, 3, 4], found [1, 3]"),
        (torch.tensor(1.001), torch.tensor(1.0), "1 of 1 values differ"),
    ],
)
def test_a_difference_is_said_plainly(actual, expected, words):
    assert words in difference(actual, expected, atol=1e-4)


def test_an_exception_that_was_observed_says_what_it_was_about():
    raised = outcome(lambda: [][1])
    assert raised == "raises IndexError"
    assert "IndexError: list index out of range" in difference(raised, 1)
    assert not difference(pickle.loads(pickle.dumps(raised)), raised)


def fail(error):
    raise error


def test_an_exception_of_the_learners_own_counts_as_the_one_it_was_made_of(monkeypatch):
    package = types.ModuleType("s01_bpe")
    package.__all__ = ["Leak"]  # of the contract
    monkeypatch.setitem(sys.modules, "s01_bpe", package)
    for name, seen in {"NotUtf8": "raises ValueError", "Leak": "raises Leak"}.items():
        kind = type(name, (ValueError,), {"__module__": "s01_bpe.adapter"})
        raised = outcome(partial(fail, kind("byte 3")))
        assert raised == seen
        assert f"{name}: byte 3" in difference(raised, 1)


def test_an_observation_of_mixed_values_is_refused():
    with pytest.raises((TypeError, ValueError)):
        observations.record([1, "a", None])
