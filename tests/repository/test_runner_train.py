"""From a text file to a trained model to text, on the reference, in seconds."""

import json
import math
import re
import shlex
import shutil
import socket
from pathlib import Path

import pytest

from groundup.commands.alone import alone_in
from groundup.commands.common import Refusal
from s06_training import best_device

STORY = "Once there was a cat. It sat.\n<|endoftext|>\n"
TINY = (
    *("model.context_length=32", "model.d_model=32", "model.num_layers=1", "model.num_heads=2"),
    *("model.d_ff=64", "model.vocab_size=280", "steps=60", "batch_size=8", "warmup_steps=5"),
    *("max_lr=0.02", "eval_every=30", "eval_windows=none", "checkpoint_every=30", "device=cpu"),
    "log_every=1",
)
CHANGES = [word for change in TINY for word in ("--set", change)]
NATS = "nats per token"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # torchrun asks for it, too


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course):
    course = copy_course(tmp_path_factory.mktemp("train"))
    (course / "cats").mkdir()
    for name, times in (("train", 200), ("valid", 10)):
        (course / "cats" / f"{name}.txt").write_text(STORY * times, encoding="utf-8", newline="\n")
    return course


FILES = ["--train-file", "cats/train.txt", "--valid-file", "cats/valid.txt"]
COMMAND = ["train", "demo", *FILES, "--reference", "all", *CHANGES]


@pytest.fixture(scope="module")
def trained(course, run):
    return run("groundup", *COMMAND, cwd=course, **ONE_THREAD)


def test_train_says_whose_code_runs_and_ends_with_a_table(trained):
    assert (trained.returncode, trained.stderr) == (0, "")
    lines = trained.stdout.splitlines()
    assert lines[0].startswith("code under test: 01_bpe reference, ")
    assert lines[0].endswith(", 06_training reference")
    *_, loss, parameters, speed, seconds, after = lines
    assert loss.startswith("validation loss ")
    assert loss.endswith(f" {NATS}")
    assert parameters.split() == ["parameters", "28,256"]
    assert [speed.split()[:-1], seconds.split()[:-1]] == [["tokens", "per", "second"], ["seconds"]]
    assert after == "next: groundup generate runs/demo-cats-train-reference --reference all"
    assert "\x1b" not in trained.stdout


def test_train_learns_the_text(course, trained):
    metrics = course / "runs" / "demo-cats-train-reference" / "metrics.jsonl"
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["step"] == 60
    assert [line["step"] for line in lines if "sample" in line] == [30, 60]
    assert lines[-1]["sample"] in trained.stdout
    assert lines[0]["train_loss"] > 1.0
    assert lines[-1]["valid_loss"] < 0.2


def test_two_processes_of_torchrun_train_one_model(course, trained, run):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port), **ONE_THREAD}
    words = ["groundup", "train", "demo", "--data", "cats-train", "--run-dir", "runs/two"]
    words += ["--reference", "all", *CHANGES, "--set", "steps=6", "--set", "eval_every=3"]
    ranks = [common | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    first, second = run.at_once([(words, course, environment) for environment in ranks])
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert second.stdout == "", "one of them speaks for both"
    assert first.stdout.splitlines()[-1] == "next: groundup generate runs/two --reference all"
    text = (course / "runs" / "two" / "metrics.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["step"] for line in text.splitlines()] == [1, 2, 3, 4, 5, 6]


def test_files_are_prepared_by_one_process(course, run):
    words = ["train", "demo", *FILES, "--reference", "all"]
    refused = run("groundup", *words, cwd=course, WORLD_SIZE="2")
    message = "several processes need --data; run groundup data on your files"
    assert (refused.returncode, refused.stderr) == (2, f"groundup: {message}\n")


def test_a_run_holds_everything_that_generating_needs(course, trained, run, tmp_path):
    elsewhere = shutil.copytree(course / "runs" / "demo-cats-train-reference", tmp_path / "run")
    words = ["generate", str(elsewhere), "--temperature", "0", "--reference", "all"]
    new_story = run("groundup", *words, cwd=course)
    assert (new_story.returncode, new_story.stdout) == (0, "Once there was a cat. It sat.\n")
    assert new_story.stderr.startswith("code under test: ")
    assert re.search(r"\n\d+ tokens, \d+ tokens/s\n$", new_story.stderr)
    both = run("groundup", *words, "--prompt", "Once there", "--batch", "2", cwd=course)
    text = "Once there was a cat. It sat."
    assert both.stdout == f"[1 of 2]\n{text}\n[2 of 2]\n{text}\n"


def test_a_run_knows_its_command_and_its_machine(course, trained):
    folder = course / "runs" / "demo-cats-train-reference"
    begun = json.loads((folder / "started.json").read_text(encoding="utf-8"))
    assert begun["command"] == shlex.join(["groundup", *COMMAND])
    assert begun["code"] == trained.stdout.splitlines()[0]
    assert (begun["device"], begun["threads"]) == ("cpu", 1)
    assert begun["machine"]["packages"].keys() == {"torch", "numpy"}


def test_a_command_that_was_refused_leaves_no_record_in_the_next_run(course, trained, run):
    words = ["train", "demo", "--data", "cats-train", "--run-dir", "elsewhere/after", *CHANGES]
    words += ["--reference", "all", "--set", "steps=5"]
    refused = run("groundup", *words, "--set", "model.context_length=9999", cwd=course)
    assert refused.returncode == 1
    assert run("groundup", *words, cwd=course).returncode == 0
    begun = json.loads(
        (course / "elsewhere" / "after" / "started.json").read_text(encoding="utf-8")
    )
    assert begun["command"] == shlex.join(["groundup", *words])


def test_the_loss_curve_is_a_picture(course, trained):
    picture = course / "runs" / "demo-cats-train-reference" / "loss.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_command_again_finds_the_run_complete(course, trained, run):
    checkpoint = course / "runs" / "demo-cats-train-reference" / "checkpoint.pt"
    before = checkpoint.stat().st_mtime_ns
    again = run("groundup", *COMMAND, cwd=course)
    assert again.returncode == 0
    assert checkpoint.stat().st_mtime_ns == before
    losses = [done.stdout.splitlines()[-5] for done in (trained, again)]
    assert losses[0] == losses[1]
    told = ["it was complete already: nothing was trained" in d.stdout for d in (trained, again)]
    assert told == [False, True]


def test_one_command_at_a_time_trains_in_a_folder(course, trained, run):
    folder = course / "runs" / "in-use"
    with alone_in(folder):
        refused = run("groundup", *COMMAND, "--run-dir", str(folder), cwd=course, **ONE_THREAD)
    assert refused.returncode == 1
    assert refused.stderr == (
        "groundup: another command is at work in runs/in-use; wait until it has ended, stop it, "
        "or use another folder\n"
    )
    assert not folder.exists()
    with alone_in(folder):
        pass


def test_a_run_follows_its_data_to_another_folder(course, trained, run):
    name = "demo-cats-train-reference"
    shutil.copytree(course / "runs" / name, course / "moved" / "runs" / name)
    shutil.copytree(course / "data" / "cats-train", course / "moved" / "data" / "cats-train")
    files = ["--data", "moved/data/cats-train", "--run-dir", f"moved/runs/{name}"]
    done = run("groundup", "train", "demo", *files, "--reference", "all", *CHANGES, cwd=course)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"the data of moved/runs/{name} is in moved/data/cats-train now\n" in done.stdout
    again = run("groundup", "train", "demo", *files, "--reference", "all", *CHANGES, cwd=course)
    assert "now" not in again.stdout


FAILURES = {
    "a model that cannot be": (
        [*COMMAND, "--set", "model.num_heads=3"],
        1,
        "d_model (32) must be divisible by num_heads (3)",
    ),
    "a learning rate beyond float32": (
        [*COMMAND, "--set", "max_lr=1e300"],
        1,
        "max_lr (1e+300) must be at most 3.4e+37",
    ),
    "data that is not there": (
        ["train", "tinystories-cpu", "--reference", "all"],
        1,
        "there is no prepared data at data/tinystories; run groundup data tinystories",
    ),
    "a device that is not there": (
        [*COMMAND, "--set", "device=gpu0"],
        2,
        "expected a device that this machine has, found 'gpu0'; leave it out to take the best "
        f"there is, which is {best_device()}",
    ),
    "a vocabulary under 257": (
        ["data", "--vocab-size", "100"],
        2,
        "a vocabulary of 100 is too small: 256 bytes and <|endoftext|> need 257",
    ),
    "a run that is not there": (
        ["generate", "cats"],
        1,
        "'cats' is no run with a checkpoint.pt in runs; there are demo-cats-train-reference, two",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_cannot_work_is_told_in_one_line(case, course, trained, run):
    words, code, message = FAILURES[case]
    refused = run("groundup", *words, cwd=course)
    assert (refused.returncode, refused.stderr) == (code, f"groundup: {message}\n")


def shortened(path):
    path.write_bytes(path.read_bytes()[:-2])


def with_a_strange_id(path):
    path.write_bytes(b"\xff\xff" + path.read_bytes()[2:])


def with_header(**changes):
    def change(path):
        header = Path(f"{path}.json")
        found = json.loads(header.read_text(encoding="utf-8"))
        header.write_text(json.dumps(found | changes), encoding="utf-8")

    return change


def with_a_header_that_is_not_utf8(path):
    header = Path(f"{path}.json")
    header.write_bytes(header.read_bytes().replace(b"endoftext", b"\xff"))


def without_header(path):
    Path(f"{path}.json").unlink()


def in_the_vocabulary(content):
    return lambda path: path.with_name("tokenizer").joinpath("vocab.json").write_text(content)


SPOILED = {
    "no ids": (Path.unlink, "expected ids at "),
    "a broken vocabulary": (in_the_vocabulary("{"), "expected the JSON of a vocabulary in "),
    "no vocabulary": (in_the_vocabulary("3"), "expected the JSON of a vocabulary in "),
    "cut short": (shortened, "expected 2400 uint16, found 4798 bytes; "),
    "no count": (with_header(count=None), "expected dtype (uint8, uint16 or uint32) and count, "),
    "no number": (with_header(count=math.inf), "(uint8, uint16 or uint32) and count, found "),
    "no header": (without_header, "uint16 or uint32) and count, found 'nothing'; encode the text"),
    "an id beyond": (with_a_strange_id, "holds the id 65535, but its tokenizer has 276 tokens"),
    "another vocabulary": (with_header(vocab_sha256="0"), "expected vocab_sha256 "),
    "no UTF-8": (with_a_header_that_is_not_utf8, "expected special_tokens {'<|endoftext|>': "),
    "other special ids": (with_header(special_tokens={}), "expected special_tokens {'<|endoftext"),
}


@pytest.mark.parametrize("case", SPOILED)
def test_ids_that_are_not_the_tokenizers_are_refused(case, course, trained, tmp_path):
    from groundup.commands import ids, prepared

    spoil, message = SPOILED[case]
    folder = shutil.copytree(course / "data" / "cats-train", tmp_path / "cats")
    ids.check_ids(folder, prepared.load(folder))
    spoil(folder / "train.bin")
    with pytest.raises(Refusal) as refused:
        ids.check_ids(folder, prepared.load(folder))
    assert message in str(refused.value)
    assert str(refused.value).endswith("; make it anew with groundup data … --force")
    assert "\n" not in str(refused.value)


def test_a_run_that_was_ruined_with_finite_numbers_says_so(course, trained, run):
    changes = [
        word for change in ("steps=20", "eval_every=5", "max_lr=30") for word in ("--set", change)
    ]
    words = ["train", "demo", "--data", "cats-train", "--run-dir", "elsewhere/ruined"]
    done = run("groundup", *words, "--reference", "all", *CHANGES, *changes, cwd=course)
    assert done.returncode == 0
    [line] = [each for each in done.stdout.splitlines() if each.startswith("the loss was ")]
    assert line.endswith(
        "guessing has ln(280) = 5.63. Likely causes: max_lr (30) is too high, or warmup_steps (5) "
        "too few"
    )


def test_a_crash_in_the_learners_code_is_one_line_with_its_place(course, trained, run, tmp_path):
    folder = Path("07_decoding", "s07_decoding")
    copy = shutil.copytree(course, tmp_path / "course")
    text = (copy / "assignments" / folder / "adapter.py").read_text(encoding="utf-8")
    broken = text.replace("raise NotImplementedError", "return [1, 2][3]")
    (copy / "assignments" / folder / "adapter.py").write_text(broken, encoding="utf-8")
    words = ["generate", "demo-cats-train-reference", "--reference", "1,2,3,4,5,6"]
    failed = run("groundup", *words, cwd=copy)
    assert failed.returncode == 1
    assert re.fullmatch(
        r"groundup: IndexError: list index out of range at assignments/07_decoding/s07_decoding/"
        r"adapter\.py:\d+ in \w+; run pytest tests/stage_07\n",
        failed.stderr.partition("\n")[2],
    )
