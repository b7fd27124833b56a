"""`groundup bench training`: one tiny round, and how it refuses."""

import functools
import json
from pathlib import Path

import pytest

from groundup.commands.bench import training
from groundup.commands.bench.llama_training import Option
from groundup.commands.bench.training import SHAPES


@pytest.fixture(scope="module")
def round_of_two(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    words = ["--shape", "small", "--dtype", "float32", "--steps", "1", "--repeats", "1"]
    done = run("groundup", "bench", "training", *words, "--out", str(folder), "--reference", "all")
    assert done.returncode == 0, done.stderr
    [file] = folder.glob("training-*.json")
    return done.stdout, json.loads(file.read_text(encoding="utf-8"))["shapes"]["small"]


def test_both_models_are_the_same_before_they_are_timed(round_of_two):
    text, found = round_of_two
    assert found["differences"]["logits"] < 1e-4
    assert found["differences"]["loss"] < 1e-5
    assert "from the same weights, logits differ by at most" in text


def test_the_record_holds_what_the_table_says(round_of_two):
    text, found = round_of_two
    [row] = found["rows"]
    for who in ("ours", "theirs"):
        [seconds] = row[who]["seconds"]
        assert row[who]["tokens_per_second"] == pytest.approx(SHAPES["small"].tokens / seconds)
        assert f"{row[who]['tokens_per_second']:,.0f}" in text
        assert 16 * 1_315_968 < row[who]["memory"] < 2**30  # weights, gradients and two moments
    assert "float32, eager" in text


@pytest.mark.parametrize("seconds", [3.0, 6.0])
def test_a_step_that_takes_long_is_taken_once(monkeypatch, seconds):
    taken = []

    def steps(who, shape, option, tokens, count):
        taken.append((who, count))
        return [seconds + (who == "theirs")] * count

    for who in ("ours", "theirs"):
        monkeypatch.setattr(training, who, functools.partial(steps, who))
    rounds = training.Rounds([], steps=3, repeats=2)
    found = training._seconds(SHAPES["small"], Option("bfloat16"), Path(), rounds)
    if seconds > training.LONG:
        assert found == {"ours": [6.0], "theirs": [7.0]}
        assert taken == [("ours", 1), ("theirs", 1)]
    else:
        assert found == {"ours": [3.0] * 6, "theirs": [4.0] * 6}
        assert taken[2:] == [("ours", 3), ("theirs", 3)] * 2


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--shape", "huge"], "--shape huge cannot be; choose of small, 17m"),
        (["--dtype", "float16"], "--dtype float16 cannot be; choose of float32, bfloat16"),
    ],
)
def test_what_cannot_be_measured_is_refused(words, expected, run):
    done = run("groundup", "bench", "training", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert expected in done.stderr
