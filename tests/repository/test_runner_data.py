"""`groundup data`: from text to ids, whole or not at all."""

import contextlib
import json
import shutil
from functools import partial
from pathlib import Path
from textwrap import dedent
from types import SimpleNamespace
from typing import get_type_hints

import pytest

from groundup.atomic import UNFINISHED
from groundup.commands import prepared
from groundup.commands.alone import alone_in
from groundup.commands.results import write_json
from groundup.commands.steps import Steps

SMALL = ["--vocab-size", "300", "--reference", "1"]
STORY = "Once there was a cat. It sat.\n<|endoftext|>\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course):
    return copy_course(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def embedded(course, run):
    words = ["data", "--stories", "60", "--valid-stories", "6"]
    return run("groundup", *words, *SMALL, cwd=course)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_data_makes_a_tokenizer_ids_and_a_record(course, embedded):
    assert (embedded.returncode, embedded.stderr) == (0, "")
    lines = embedded.stdout.splitlines()
    assert lines[0] == "code under test: 01_bpe reference"
    assert lines[1] == "60 stories to train on, 6 to validate with"
    folder = course / "data" / "embedded"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        *("train.txt", "train.bin", "train.bin.json", "data.json"),
        *("valid.txt", "valid.bin", "valid.bin.json", "vocab.json", "merges.txt"),
    }
    record = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    assert (record["vocab_size"], record["separators"]) == (300, 60)
    counts = [
        json.loads((folder / f"{name}.bin.json").read_text(encoding="utf-8"))["count"]
        for name in ("train", "valid")
    ]
    assert [record["train_tokens"], record["valid_tokens"]] == counts


def test_the_record_holds_the_floor_in_nats_per_predicted_token(course, embedded):
    from groundup import corpus

    folder = course / "data" / "embedded"
    record = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    floor = corpus.entropy_floor(folder / "valid.txt", record["valid_tokens"] - 1)
    assert record["entropy_floor"] == floor
    assert f"{floor:.4f} nats per token" in embedded.stdout


def test_the_two_texts_share_no_story(course, embedded):
    from groundup import corpus

    folder = course / "data" / "embedded"
    train = set(corpus.read_stories(folder / "train.txt"))
    assert train.isdisjoint(corpus.read_stories(folder / "valid.txt"))


def test_data_that_matches_is_left_alone_and_other_data_is_made_anew(course, embedded, run):
    folder, words = course / "data" / "embedded", ["data", "embedded", "--valid-stories", "6"]
    before = snapshot(folder)
    same = run("groundup", *words, "--stories", "60", *SMALL, cwd=course)
    assert "data/embedded is there and matches; --force makes it anew\n" in same.stdout
    assert snapshot(folder) == before
    other = run("groundup", *words, "--stories", "60", *SMALL, "--name", "again", cwd=course)
    assert "matches" not in other.stdout
    name = ["--name", "again", "--stories", "61"]
    anew = run("groundup", *words, *name, *SMALL, cwd=course)
    assert "data/again was made of something else or by other code; making it anew\n" in anew.stdout
    assert snapshot(folder) == before


def test_a_stub_is_named_and_leaves_what_was_there(course, embedded, run):
    before = snapshot(course / "data" / "embedded")
    stopped = run("groundup", "data", cwd=course)
    assert stopped.returncode == 1
    [line] = stopped.stderr.splitlines()
    assert line.startswith("groundup: not written yet: train_bpe (assignments/01_bpe/s01_bpe/")
    assert line.endswith("; fill it in and run pytest tests/stage_01, or add --reference 1")
    assert snapshot(course / "data" / "embedded") == before
    assert [path.name for path in (course / "data").glob(".*.unfinished")] == []


def test_a_step_that_was_finished_is_not_done_again(tmp_path, capsys):
    folder, done = tmp_path / "data", []
    steps = Steps(folder, {"of": 1})
    steps.once("tokenizer", "tokenizer learned", lambda: done.append("tokenizer"))
    with pytest.raises(KeyboardInterrupt):
        steps.once("train", "text encoded", stop)
    again = Steps(folder, {"of": 1})
    for step in ("tokenizer", "train"):
        again.once(step, f"{step} made", partial(done.append, step))
    assert done == ["tokenizer", "train"]
    assert "tokenizer made (before the stop)\n" in capsys.readouterr().out


@pytest.mark.parametrize("other", [{"recipe": {"of": 2}}, {"anew": True}])
def test_steps_of_another_recipe_are_done_again(tmp_path, other):
    folder = tmp_path / "data"
    Steps(folder, {"of": 1}).once("tokenizer", "tokenizer learned", (folder / "vocab").touch)
    assert Steps(folder, {"of": 1}).finished == ["tokenizer"]
    assert (folder / "vocab").exists()
    assert Steps(folder, **{"recipe": {"of": 1}} | other).finished == []
    assert not (folder / "vocab").exists()


def stop():
    raise KeyboardInterrupt


STOPPED = """
    from groundup.__main__ import main
    import sys
    from groundup.commands import prepared

    encode, calls = prepared.partial, []

    def stop(*words):
        calls.append(words)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return encode(*words)

    prepared.partial = stop
    sys.exit(main(sys.argv[1:]))
"""


def test_data_that_was_stopped_goes_on_with_the_step_it_was_in(course, run):
    (course / "stopped.py").write_text(dedent(STOPPED), encoding="utf-8")
    words = ["data", "--stories", "30", "--valid-stories", "3", *SMALL, "--name", "goes-on"]
    stopped = run("stopped", *words, cwd=course)
    assert (stopped.returncode, stopped.stderr) == (130, "groundup: stopped\n")
    assert not (course / "data" / "goes-on").exists()
    done = run("groundup", *words, cwd=course)
    before = [line for line in done.stdout.splitlines() if line.endswith("(before the stop)")]
    assert [line.split()[0] for line in before] == ["tokenizer", "training"]
    assert "validation text encoded (" in done.stdout
    assert "steps.json" not in {path.name for path in (course / "data/goes-on").iterdir()}
    assert [path.name for path in (course / "data").glob(".*.unfinished")] == []


def test_what_a_killed_process_left_half_written_does_not_stay(tmp_path):
    folder = tmp_path / "data"
    Steps(folder, {"of": 1}).once("tokenizer", "tokenizer learned", (folder / "vocab").touch)
    (folder / f"train.bin.1234{UNFINISHED}").touch()
    Steps(folder, {"of": 1})
    assert {path.name for path in folder.iterdir()} == {"steps.json", "vocab"}


def test_a_folder_that_holds_something_else_is_left_alone(course, run):
    mine = course / "data" / "mine" / "train.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text(STORY * 20, encoding="utf-8")
    files = ["--train-file", "data/mine/train.txt", "--valid-file", "data/mine/train.txt"]
    refused = run("groundup", "data", *files, *SMALL, "--name", "mine", cwd=course)
    message = "expected nothing or prepared data at data/mine, found something else"
    assert refused.returncode == 1
    assert refused.stderr == f"groundup: {message}; give another --name, or move it away\n"
    assert mine.read_text(encoding="utf-8") == STORY * 20


def test_data_that_another_command_makes_just_now_is_left_to_it(course, run):
    unfinished = course / "data" / ".two-at-once.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("of the other command", encoding="utf-8")
    with alone_in(course / "data" / "two-at-once"):
        words = ["data", "--stories", "60", "--valid-stories", "6", "--name", "two-at-once"]
        refused = run("groundup", *words, *SMALL, cwd=course)
    assert refused.returncode == 1
    assert refused.stderr.startswith(
        "groundup: another command is at work in data/two-at-once; wait until it has ended"
    )
    assert [path.name for path in unfinished.iterdir()] == ["half"]


def made(steps, source, recipe):
    record = dict.fromkeys(get_type_hints(prepared.Prepared), 0) | recipe
    record |= {"tokenizer_owner": "", "special_tokens": [], "entropy_floor": None}
    steps.once("ids", "text encoded", (steps.folder / "train.bin").touch)
    write_json(steps.folder / prepared.RECORD, record)


@pytest.mark.parametrize("last", range(5))
def test_data_that_was_stopped_while_it_takes_the_place_of_other_goes_on(
    last, monkeypatch, tmp_path
):
    """Stopped in each of the calls that move or remove a folder, the record gone first."""
    left = iter([None] * last)

    def until_stopped(function):
        def call(path, *words, **named):
            if next(left, stop) is stop:
                if function.__name__ == "rmtree":
                    (path / prepared.RECORD).unlink(missing_ok=True)
                raise KeyboardInterrupt
            return function(path, *words, **named)

        return call

    monkeypatch.setattr(prepared, "_make", made)
    folder, other = tmp_path / "cats", SimpleNamespace(spec={"of": 2})
    prepared.prepare(folder, SimpleNamespace(spec={"of": 1}), 300)
    with monkeypatch.context() as patch, contextlib.suppress(KeyboardInterrupt):
        patch.setattr(Path, "rename", until_stopped(Path.rename))
        patch.setattr(shutil, "rmtree", until_stopped(shutil.rmtree))
        prepared.prepare(folder, other, 300)
    prepared.prepare(folder, other, 300)
    assert prepared.load(folder).source == {"of": 2}
    assert not list(tmp_path.glob(".cats.*ed"))
