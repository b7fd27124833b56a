"""`torchrun --nproc_per_node 2 -m groundup train …`, its processes started as it does."""

import json
import socket

import pytest

STORY = "Once there was a cat. It sat.\n<|endoftext|>\n"
TINY = (
    *("model.context_length=32", "model.d_model=32", "model.num_layers=1", "model.num_heads=2"),
    *("model.d_ff=64", "steps=8", "batch_size=4", "warmup_steps=2", "max_lr=0.02", "eval_every=4"),
    *("eval_windows=2", "device=cpu", "log_every=1", "accumulation_steps=2"),
)
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # as torchrun has it, too
CHANGES = [word for change in TINY for word in ("--set", change)]


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course, run):
    course = copy_course(tmp_path_factory.mktemp("processes"))
    (course / "cats").mkdir()
    for name, times in (("train", 100), ("valid", 10)):
        (course / "cats" / f"{name}.txt").write_text(STORY * times, encoding="utf-8", newline="\n")
    files = ["--train-file", "cats/train.txt", "--valid-file", "cats/valid.txt"]
    made = run("groundup", "data", *files, "--vocab-size", "280", "--reference", "all", cwd=course)
    assert made.returncode == 0, made.stderr
    return course


@pytest.fixture(scope="module")
def together(run):
    """Run one command in two processes with the environment that torchrun gives them."""

    def start(*words, cwd):
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": str(port)}
        common |= ONE_THREAD
        ranks = [common | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
        return run.at_once([(words, cwd, environment) for environment in ranks])

    return start


def metrics(folder):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_two_processes_train_what_one_does(course, run, together):
    words = ["train", "demo", "--data", "cats-train", "--reference", "all", *CHANGES]
    one = run("groundup", *words, "--run-dir", "runs/one", cwd=course, **ONE_THREAD)
    first, second = together("groundup", *words, "--run-dir", "runs/two", cwd=course)
    assert [each.returncode for each in (one, first, second)] == [0, 0, 0], first.stderr
    assert second.stdout == "", "only one of them speaks"
    assert first.stdout.splitlines()[-1].startswith("next: groundup generate ")
    pair = [metrics(course / "runs" / name) for name in ("one", "two")]
    for name in ("train_loss", "grad_norm"):
        alone, shared = ([line[name] for line in lines] for lines in pair)
        assert shared == pytest.approx(alone, rel=1e-4), name
    assert [line["step"] for line in pair[1] if "sample" in line] == [4, 8]


def test_files_are_prepared_by_one_process(course, run):
    words = ["train", "demo", "--train-file", "cats/train.txt", "--valid-file", "cats/valid.txt"]
    refused = run("groundup", *words, "--reference", "all", cwd=course, WORLD_SIZE="2")
    message = "several processes need --data; run groundup data on your files"
    assert (refused.returncode, refused.stderr) == (2, f"groundup: {message}\n")
