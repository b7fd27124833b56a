"""`groundup bench decoding`: one tiny round, what counts as equal, and how it refuses."""

import json
from types import SimpleNamespace

import pytest
import torch

from groundup.commands.bench.decoding import compare

TINY = ["--shape", "small", "--new-tokens", "4", "--repeats", "1", "--reference", "all"]


def test_a_tiny_round_gives_equal_ids_and_keeps_what_it_measured(run, tmp_path):
    done = run("groundup", "bench", "decoding", *TINY, "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    [file] = tmp_path.glob("decoding-*.json")
    found = json.loads(file.read_text(encoding="utf-8"))["shapes"]["small"]
    assert [row["batch_size"] for row in found["rows"]] == [1, 8]
    for row in found["rows"]:
        speeds = row["tokens_per_second"]
        for who in ("ours", "theirs"):
            [seconds] = row["seconds"][who]
            assert speeds[who] == pytest.approx(4 * row["batch_size"] / seconds)
            assert f"{speeds[who]:,.0f}" in done.stdout
        assert row["ours_over_theirs"] == pytest.approx(speeds["ours"] / speeds["theirs"])
        assert row["agreement"] == f"ids: all {4 * row['batch_size']} equal"
        assert row["agreement"] in done.stdout


class Fixed:
    """A model with the same logits everywhere."""

    def __init__(self, *logits):
        self.logits = torch.tensor(logits)

    def parameters(self):
        return iter([SimpleNamespace(device="cpu")])

    def __call__(self, ids):
        return self.logits.expand(*ids.shape, -1)


def test_ids_may_differ_where_two_logits_are_equal_and_nowhere_else():
    prompts, ours, theirs = [[0], [0]], [[1, 1], [1, 2]], [[1, 1], [1, 1]]
    assert compare(Fixed(0.0, 2.0, 2.0), prompts, theirs, theirs) == (True, "ids: all 4 equal")
    agrees, sentence = compare(Fixed(0.0, 2.0, 2.0), prompts, ours, theirs)
    assert agrees
    assert sentence == (
        "ids: equal in 1 of 2 rows; "
        "by a tie row 1 differs from token 1 on, where two logits are 0.0e+00 apart"
    )
    agrees, sentence = compare(Fixed(0.0, 2.5, 2.0), prompts, ours, theirs)
    assert not agrees
    assert sentence == "row 1 differs from token 1 on, where two logits are 5.0e-01 apart"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--shape", "huge"], "--shape huge cannot be; choose of small, 17m"),
        (["--new-tokens", "241"], "--new-tokens 241 cannot be: beyond the context"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, expected, run):
    done = run("groundup", "bench", "decoding", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr


def test_without_transformers_one_line_says_what_to_install(run, tmp_path, monkeypatch):
    import importlib.util

    from groundup.__main__ import main

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert main(["bench", "decoding", "--out", str(tmp_path)]) == 2
