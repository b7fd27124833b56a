"""`groundup bench tokenizer`: what it measures, what it checks, and how it refuses."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from groundup.__main__ import main
from groundup.commands.bench import bpe_libraries, child, texts
from groundup.commands.bench.agreement import compare_ids, compare_tokens
from groundup.commands.bench.bpe_rounds import Timing
from groundup.commands.bench.processes import Seen
from groundup.presets import SEPARATOR

QUICK = ["bench", "tokenizer", "--vocab-size", "400", "--repeats", "1"]
PEERS = [peer for peer in ("tokenizers", "rustbpe", "tiktoken") if importlib.util.find_spec(peer)]
TRAINERS = ["ours", *(peer for peer in PEERS if peer != "tiktoken")]
ENCODERS = [name for name in bpe_libraries.ENCODING if name.split()[0] in ("ours", *PEERS)]


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course):
    return copy_course(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="module")
def two_sizes(course, run):
    words = ["--size", "0.02", "--size", "0.01", "--out", "results", "--reference", "1"]
    return run("groundup", *QUICK, *words, cwd=course, TMPDIR=str(empty_folder(course)))


@pytest.fixture(scope="module")
def record(course, two_sizes):
    [file] = (course / "results").glob("*.json")
    return json.loads(file.read_text(encoding="utf-8"))


def empty_folder(course: Path) -> Path:
    folder = course / "temporary"
    folder.mkdir(exist_ok=True)
    return folder


def without(course: Path, *packages: str) -> dict[str, str]:
    """An environment in which the packages are not installed."""
    folder = course / "without"
    folder.mkdir(exist_ok=True)
    lines = [f"sys.modules[{package!r}] = None" for package in packages]
    text = "\n".join(["import sys", *lines])
    (folder / "sitecustomize.py").write_text(text, encoding="utf-8")
    return {"PYTHONPATH": str(folder)}


def test_the_table_has_a_line_for_each_library_and_size(two_sizes):
    assert (two_sizes.returncode, two_sizes.stderr) == (0, "")
    lines = two_sizes.stdout.splitlines()
    assert lines[0] == "code under test: 01_bpe reference"
    assert [line for line in lines if line.endswith(" bytes")] == ["10,000 bytes", "20,000 bytes"]
    names = [line[:18].strip() for line in lines if line.startswith("  ")]
    assert names == [*TRAINERS, *ENCODERS] * 2
    assert "\x1b" not in two_sizes.stdout


def test_the_json_holds_the_machine_the_settings_and_every_measurement(record):
    assert record["machine"]["cores"] == os.cpu_count()
    assert {"python", "platform", "processor"} < record["machine"].keys()
    assert set(PEERS) < record["machine"]["packages"].keys()
    assert (record["settings"]["vocab_size"], record["settings"]["code"]) == (400, "reference")
    assert [text["bytes"] for text in record["texts"]] == [10_000, 20_000]
    for text in record["texts"]:
        assert list(text["training"]) == TRAINERS
        assert list(text["encoding"]) == ENCODERS
        ours, *others = text["training"].values()
        assert ours["ours_over_this"] is None
        for each in others:
            assert each["ours_over_this"] == ours["median_seconds"] / each["median_seconds"]
            assert len(each["repeats"]) == 1


def test_peers_learn_as_many_tokens_and_encode_to_the_same_ids(record, two_sizes):
    text = record["texts"][1]
    assert {each["result_size"] for each in text["training"].values()} == {400 - 257}
    assert [each["peer"] for each in text["same_tokens"]] == TRAINERS[1:]
    same = [name for name in ENCODERS if name not in ("ours", "rustbpe batch")]
    assert [each["peer"] for each in text["same_ids"] if each["equal"]] == same
    count = text["encoding"]["ours"]["result_size"]
    assert f"ids of tiktoken: all {count:,} equal to ours" in two_sizes.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="memory is not measured there")
def test_memory_is_that_of_each_process(record):
    for library in record["texts"][0]["encoding"].values():
        assert 5e6 < library["peak_memory"] < 500e6


def test_results_are_a_json_and_a_plot_and_the_text_is_gone(course, two_sizes):
    files = sorted((course / "results").iterdir())
    assert [file.suffix for file in files] == [".json", ".png"]
    assert files[1].read_bytes().startswith(b"\x89PNG")
    assert list(empty_folder(course).iterdir()) == []
    assert f"results results/{files[0].name}\nplot results/{files[1].name}\n" in two_sizes.stdout


def test_a_peer_that_is_missing_is_named_and_left_out(course, run, tmp_path):
    text = tmp_path / "text.txt"
    text.write_text(f"a cat sat{SEPARATOR}a cat" * 9, encoding="utf-8")
    words = ["--file", str(text), "--out", str(tmp_path / "out"), "--reference", "1"]
    ran = run("groundup", *QUICK, *words, cwd=course, **without(course, "rustbpe", "tokenizers"))
    assert (ran.returncode, ran.stderr) == (0, "")
    for peer in ("rustbpe", "tokenizers"):
        line = f'{peer} is not installed and left out; pip install -e ".[bench]" installs it\n'
        assert line in ran.stdout
    names = [line[:18].strip() for line in ran.stdout.splitlines() if line.startswith("  ")]
    assert names == ["ours", "ours", "tiktoken", "tiktoken batch"]
    assert [file.suffix for file in (tmp_path / "out").iterdir()] == [".json"]


def test_wrong_ids_are_told_and_exit_with_1(course, run, tmp_path):
    """Of a stage 01 that loses the last id of every file."""
    stage = course / "assignments" / "01_bpe"
    kept = stage / "s01_bpe" / "__init__.py"
    before = kept.read_text(encoding="utf-8")
    solution = (course / "solutions" / "01_bpe").as_posix()
    kept.write_text(WRONG.format(solution=solution), encoding="utf-8")
    words = ["--size", "0.01", "--out", str(tmp_path)]
    ran = run("groundup", *QUICK, *words, cwd=course, **without(course, "rustbpe", "tokenizers"))
    kept.write_text(before, encoding="utf-8")
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert line.startswith("groundup: the results do not agree: ids of tiktoken: not ours from id ")
    [file] = tmp_path.iterdir()
    [text] = json.loads(file.read_text(encoding="utf-8"))["texts"]
    assert [each["equal"] for each in text["same_ids"]] == [False, False]


WRONG = """
import importlib.util
import sys

folder = "{solution}/s01_bpe"
spec = importlib.util.spec_from_file_location(
    "right", folder + "/__init__.py", submodule_search_locations=[folder]
)
sys.modules["right"] = right = importlib.util.module_from_spec(spec)
spec.loader.exec_module(right)
from right import *


def encode_file(tokenizer, path, out):
    return right.encode_file(tokenizer, path, out)[:-1]
"""


def test_a_stub_is_named_in_one_line(course, run, tmp_path):
    ran = run("groundup", *QUICK, "--size", "0.01", "--out", str(tmp_path), cwd=course)
    assert ran.returncode == 1
    [line] = ran.stderr.splitlines()
    assert line.startswith("groundup: not written yet: train_bpe (assignments/01_bpe/s01_bpe/")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
def test_a_stop_leaves_neither_results_nor_text(course, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "groundup", "bench", "tokenizer", "--reference", "1"]
    with subprocess.Popen(
        [*command, "--size", "0.05", "--repeats", "1000", "--out", str(tmp_path / "out")],
        cwd=course,
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        # A shell's background jobs, and all they start, ignore it unless told not to.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as running:
        while not list(temporary.glob("*/vocab.json")):
            assert running.poll() is None
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        _, errors = running.communicate(timeout=60)
    assert (running.returncode, errors) == (130, "groundup: stopped; nothing was written\n")
    assert list(temporary.iterdir()) == list((tmp_path / "out").iterdir()) == []


BAD = {
    "--size 0": "--size 0 cannot be; write megabytes, at least 0.001",
    "--size nan": "--size nan cannot be; write megabytes, at least 0.001",
    "--size inf": "--size inf cannot be; write megabytes, at least 0.001",
    "--vocab-size 256": "a vocabulary of 256 is too small: 256 bytes and <|endoftext|> need 257",
    "--file nowhere": "expected a text file at nowhere, found nothing; check the path",
    "--file .": "expected a text file at ., found a folder; check the path",
    "--file empty": "expected text in empty, found an empty file; check the path",
    "--file latin": "expected UTF-8 text in latin, found byte 0xe9 at offset 3; "
    "convert the file to UTF-8",
    "--out latin/out": "expected a folder to write to at latin/out, found: Not a directory; "
    "give another --out",
}


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_and_exit_code_2(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("empty").touch()
    Path("latin").write_bytes(b"caf\xe9 ")
    assert main(["bench", "tokenizer", *words.split()]) == 2
    assert capsys.readouterr() == ("", f"groundup: {BAD[words]}\n")


def test_stories_are_cut_or_repeated_in_another_order(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    stories = [f"story {number} ☃{SEPARATOR}" for number in range(50)]
    text = "".join(stories).encode()
    source.write_bytes(text)
    for size in (7, len(text) - 1, len(text), len(text) + 1, 5 * len(text) + 9):
        texts.write_resized(source, out, size)
        data = out.read_bytes()
        assert size - 3 < len(data) <= size
        assert data[: len(text)] == text[: len(data)]
    repeats = data.decode().removeprefix("".join(stories)).split(SEPARATOR)
    assert sorted(repeats[:50]) == sorted(story.removesuffix(SEPARATOR) for story in stories)
    assert repeats[:50] != repeats[50:100] != [*range(50)]


def test_a_cut_never_splits_a_character(tmp_path):
    source, out = tmp_path / "source", tmp_path / "out"
    source.write_bytes("é☃🙃".encode())
    for size, expected in enumerate(["é", "é", "é", "é☃", "é☃", "é☃", "é☃", "é☃🙃"], start=2):
        texts.write_resized(source, out, size)
        assert out.read_text(encoding="utf-8") == expected


def test_pieces_and_stories_are_all_of_the_text(tmp_path):
    path = tmp_path / "text"
    for text in ("", "a", SEPARATOR, f"a\r\n{SEPARATOR}\nb{SEPARATOR}{SEPARATOR}\n"):
        path.write_bytes(text.encode())
        assert SEPARATOR.join(bpe_libraries.stories(str(path))) == text
        for least in (0, 3, 30):
            assert "".join(bpe_libraries.pieces(text, least)) == text


def test_agreement_says_where_results_begin_to_differ(tmp_path):
    import numpy as np

    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    ours.write_text(json.dumps(["a", "b", "c"]), encoding="utf-8")
    theirs.write_text(json.dumps(["a", "c", "b"]), encoding="utf-8")
    assert compare_tokens("x", ours, theirs).sentence == (
        "merges of x: the first 1 as ours, the same tokens in all (ours 3, theirs 3)"
    )
    assert compare_tokens("x", ours, ours).sentence == "merges of x: all 3 as ours"
    ids = np.arange(3_000_000)
    for name, other in ((ours, ids), (theirs, np.where(ids == 2_000_000, 7, ids))):
        with name.open("wb") as file:
            np.save(file, other)
    assert compare_ids("x", ours, theirs).first_difference == 2_000_000
    assert compare_ids("x", ours, ours).equal


def test_memory_counts_a_worker_for_each_core():
    seen = Seen(seconds=1.0, own_memory=100, worker_memory=10, result_size=1)
    assert seen.peak_memory == 100 + os.cpu_count() * 10
    unknown = Seen(seconds=3.0, own_memory=None, worker_memory=None, result_size=1)
    assert Timing(library="x", num_bytes=1, repeats=[unknown]).peak_memory is None
    assert Timing(library="x", num_bytes=1, repeats=[seen, seen, unknown]).median == 1.0


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="only Linux has it")
def test_memory_of_a_child_is_not_its_parents():
    code = "from groundup.commands.bench.child import peak_memory; print(peak_memory()[0])"
    ballast = bytearray(os.urandom(1 << 20) * 300)
    small = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert int(small.stdout) < len(ballast) < child.peak_memory()[0]


def test_one_line_has_neither_white_space_nor_separators(tmp_path):
    (tmp_path / "text.txt").write_text(f"a b\r\n{SEPARATOR}\n\tc", encoding="utf-8")
    texts.write_one_line(tmp_path / "text.txt", tmp_path / "line.txt")
    assert (tmp_path / "line.txt").read_bytes() == b"abc"
