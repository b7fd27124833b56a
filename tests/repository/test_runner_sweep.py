"""`groundup sweep` and `groundup ablate`, on the reference, with models of no size."""

import json
import math
import multiprocessing
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from groundup.commands.common import Refusal
from groundup.commands.sweep import ablate
from groundup.commands.sweep.grid import read_grid, trials
from groundup.commands.sweep.results import load
from groundup.commands.sweep.runs import ruined, run_all
from s04_transformer import ModelConfig
from s06_training import TrainConfig
from s08_benchmarking import count_parameters

STORY = "Once there was a cat. It sat.\n<|endoftext|>\n"
TINY = (
    *("model.context_length=16", "model.d_model=16", "model.num_layers=1", "model.num_heads=2"),
    *("model.d_ff=24", "steps=20", "batch_size=4", "warmup_steps=2", "eval_every=10", "device=cpu"),
)
CHANGES = [word for change in TINY for word in ("--set", change)]
FOLDER = "runs/demo-cats-train-reference-"
COMMON = ["demo", "--data", "cats-train", "--reference", "all", *CHANGES]
SWEEP = ["sweep", *COMMON, "--over", "max_lr=1e-3,1e20", "--seeds", "2"]


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course, run):
    course = copy_course(tmp_path_factory.mktemp("sweep"))
    (course / "cats").mkdir()
    for name, times in (("train", 100), ("valid", 5)):
        (course / "cats" / f"{name}.txt").write_text(STORY * times, encoding="utf-8", newline="\n")
    files = ["--train-file", "cats/train.txt", "--valid-file", "cats/valid.txt"]
    made = run("groundup", "data", *files, "--vocab-size", "280", "--reference", "1", cwd=course)
    assert made.returncode == 0, made.stderr
    return course


@pytest.fixture(scope="module")
def swept(course, run):
    return run("groundup", *SWEEP, cwd=course)


def results_of(course, name):
    return load(course / f"{FOLDER}{name}" / "results.jsonl")


def test_a_run_that_diverges_is_a_result(course, swept):
    assert (swept.returncode, swept.stderr) == (0, "")
    assert "[2 of 4] max_lr=1e+20, seed 0: diverged, step " in swept.stdout
    assert "max_lr=0.001 is the only setting that never diverged" in swept.stdout
    assert "up to max_lr=0.001 all runs train; at 1e+20, 2 of 2 diverged" in swept.stdout
    found = results_of(course, "sweep-max_lr")
    seeds = [(run.values["max_lr"], run.seed, run.diverged is None) for run in found]
    assert seeds == [(1e-3, 0, True), (1e20, 0, False), (1e-3, 1, True), (1e20, 1, False)]
    assert [tokens for tokens, _ in found[0].curve] == [640, 1280]
    assert found[0].curve[-1][1] == found[0].valid_loss
    for record in (course / f"{FOLDER}sweep-max_lr").glob("*/started.json"):
        begun = json.loads(record.read_text(encoding="utf-8"))
        assert begun["command"].startswith("groundup sweep demo ") and begun["machine"]["cores"]
    assert [found[1].valid_loss, found[1].curve] == [None, []]


def test_a_model_that_is_ruined_with_finite_numbers_has_diverged():
    start, back = [64, math.log(1024) + 0.1], [1280, 5.4]
    assert ruined([start, back], 1024) is None
    assert ruined([start, [640, 16.03], back], 1024) == (
        "the loss was 16.03 after 640 tokens; guessing has ln(1,024) = 6.93"
    )


def test_the_rate_at_the_end_follows_the_one_at_the_start(course, swept):
    rates = [
        run.settings["min_lr"] / run.values["max_lr"] for run in results_of(course, "sweep-max_lr")
    ]
    assert rates == pytest.approx([1 / 30] * 4)


def test_the_same_runs_are_not_made_again_and_new_ones_are(course, swept, run):
    folder = course / f"{FOLDER}sweep-max_lr"
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*/checkpoint.pt")}
    assert len(before) == 2
    more = [word.replace("1e-3,1e20", "1e-3,1e-2") for word in SWEEP]
    again = run("groundup", *more, cwd=course)
    assert again.returncode == 0, again.stderr
    lines = [line for line in again.stdout.splitlines() if line.startswith("[")]
    assert [line.endswith(" (before)") for line in lines] == [True, False, True, False]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(results_of(course, "sweep-max_lr")) == 6
    for name in ("loss.png", "curves.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_a_wandb_sweep_names_the_fields_and_the_agents_command_runs(course, run):
    words = ["sweep", *COMMON, "--over", "max_lr=1e-3,1e-2", "--over", "batch_size=2,8"]
    written = run("groundup", *words, "--wandb", cwd=course)
    assert written.returncode == 0, written.stderr
    path = f"{FOLDER}sweep-max_lr+batch_size/sweep.yaml"
    assert f"wandb sweep {path}; on each: the line wandb agent" in written.stdout
    found = yaml.safe_load((course / path).read_text(encoding="utf-8"))
    assert found["parameters"] == {
        "max_lr": {"values": [1e-3, 1e-2]},
        "batch_size": {"values": [2, 8]},
        "seed": {"values": [0, 1, 2]},
    }
    assert (found["method"], found["metric"]["name"]) == ("grid", "valid_loss")
    assert found["command"][:3] == ["${env}", "groundup", "sweep"]
    *common, last = found["command"][2:]
    assert last == "${args_no_hyphens}", "which wandb writes so:"
    one = ["max_lr=0.01", "batch_size=8", "seed=1"]
    agent = run(
        "groundup", *common, *one, "--set", "wandb=offline", cwd=course, WANDB_SILENT="true"
    )
    assert agent.returncode == 0, agent.stderr
    assert "max_lr=0.01, batch_size=8, seed 1: " in agent.stdout
    (config,) = course.glob("runs/*batch_size/*/config.json")
    made = json.loads(config.read_text(encoding="utf-8"))
    assert (course / path).with_name("sweep.json").exists(), "the folder is that of this sweep"
    assert [made["max_lr"], made["batch_size"], made["steps"], made["seed"]] == [0.01, 8, 10, 1]


def test_ablations_are_compared_with_the_base(course, run):
    words = ["ablate", *COMMON, "--over", "model.num_heads=1", "--seeds", "1"]
    done = run("groundup", *words, cwd=course)
    assert (done.returncode, done.stderr) == (0, "")
    labels = [run.label for run in results_of(course, "ablate")]
    assert labels == [
        *("as it is", "no norm", "post-norm", "no position", "SiLU", "tied embeddings"),
        "model.num_heads=1",
    ]
    assert "\nSiLU: " in done.stdout
    for name in ("loss.png", "curves.png"):
        assert (course / f"{FOLDER}ablate" / name).read_bytes().startswith(b"\x89PNG")


def model(**changes):
    sizes = {"vocab_size": 50, "context_length": 8, "d_model": 16, "num_layers": 2, "num_heads": 2}
    return ModelConfig(**(sizes | {"d_ff": 44} | changes))


def test_silu_has_as_many_parameters_as_swiglu():
    for d_ff in (44, 344, 1344):
        base = model(d_ff=d_ff)
        silu = {name.removeprefix("model."): value for name, value in
                ablate.variants(base)["SiLU"].items()}  # fmt: skip
        assert silu["ffn"] == "silu"
        assert count_parameters(replace(base, **silu)) == count_parameters(base)


def test_what_the_base_has_already_is_no_ablation():
    labels = list(ablate.variants(model(norm="post", tie_embeddings=True)))
    assert labels == ["as it is", "no norm", "no position", "SiLU"]


def config(**changes):
    made = {
        "model": model(),
        "train_tokens": Path("t"),
        "valid_tokens": Path("v"),
        "run_dir": Path("r"),
    }
    made |= {"steps": 100, "batch_size": 8, "max_lr": 0.01, "min_lr": 0.001, "warmup_steps": 10}
    return TrainConfig(**(made | changes))


def test_steps_and_warm_up_follow_the_batch_and_tokens_stay():
    found = trials(config(), {"batch_size": [2, 8, 16]}, [0], set())
    assert [each.config.steps for each in found] == [400, 100, 50]
    assert [each.config.warmup_steps for each in found] == [40, 10, 5]


def test_d_ff_follows_the_width():
    found = trials(config(), {"model.d_model": [16, 32]}, [0], set())
    assert [each.config.model.d_ff for each in found] == [44, 88]


def test_what_the_user_has_set_does_not_follow():
    grid = {"max_lr": [0.1], "model.d_model": [32]}
    (found,) = trials(config(), grid, [0], {"min_lr", "model.d_ff"})
    assert (found.config.min_lr, found.config.model.d_ff) == (0.001, 44)


REFUSED = {
    "no such field": ("max_rl=1", "--over max_rl=1: no field 'max_rl'; did you mean max_lr"),
    "no values": (
        "max_lr=", "--over max_lr=: write a field and its values, as in max_lr=1e-3,3e-3"
    ),
    "a hole in the list": ("max_lr=1,,2", "--over max_lr=1,,2: write a field and its values"),
    "no number": ("max_lr=1,much", "--over max_lr=much: expected a number, found 'much'"),
    "its own seeds": ("seed=1,2", "--over seed=1,2: the seeds come from --seeds"),
    "one value twice": ("max_lr=0.1,1e-1", "grid['max_lr'] has 0.1 twice"),
    "no such model": (
        "model.d_model=16,15",
        "the combination seed=0,model.d_model=15 is not valid: d_model (15) must be divisible by",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_values_that_cannot_be_are_refused(case):
    over, message = REFUSED[case]
    with pytest.raises((Refusal, ValueError)) as refused:
        trials(config(), read_grid([over], ModelConfig, TrainConfig), [0], set())
    assert str(refused.value).startswith(message)
    assert "\n" not in str(refused.value)


def test_what_cannot_work_is_told_in_one_line(course, swept, run):
    told = {
        ("sweep", "demo"): (2, "give --over a field and values, as in --over max_lr=1e-3,3e-3\n"),
        (*SWEEP, "--set", "steps=30"): (
            1,
            f"{FOLDER}sweep-max_lr holds another sweep: base.steps is 20 there, 30 here; "
            "give another --out, or delete it\n",
        ),
        ("ablate", *COMMON, "--over", "model.norm=pre"): (
            2,
            "--over model.norm=pre: the base has that already\n",
        ),
    }
    done = run.at_once([(("groundup", *words), course, {}) for words in told])
    for (code, message), refused in zip(told.values(), done, strict=True):
        assert refused.returncode == code
        assert refused.stderr.startswith(f"groundup: {message}")
        assert refused.stderr.count("\n") == 1


def run_for(seconds, found, folder):
    signal.setitimer(signal.ITIMER_PROF, seconds)
    run_all(found, folder)


@pytest.mark.skipif(sys.platform != "linux", reason="needs fork and a timer of computing time")
def test_a_sweep_killed_again_and_again_ends_the_same(course, tmp_path):
    files = {
        f"{name}_tokens": course / "data/cats-train" / f"{name}.bin" for name in ("train", "valid")
    }
    base = config(
        **files, model=model(vocab_size=280), device="cpu", progress=False, checkpoint_every=7,
        eval_every=50,
    )  # fmt: skip
    sweeps = {
        name: trials(replace(base, run_dir=tmp_path / name), {"max_lr": [0.01, 0.02]}, [0], set())
        for name in ("whole", "killed")
    }
    began = time.process_time()
    whole = run_all(sweeps["whole"], tmp_path / "whole")
    taken = time.process_time() - began
    codes = []
    for share in (0.3, 0.5):
        child = multiprocessing.get_context("fork").Process(
            target=run_for, args=(share * taken, sweeps["killed"], tmp_path / "killed")
        )
        child.start()
        child.join()
        codes.append(child.exitcode)
    assert codes[0] == -signal.SIGPROF
    killed = run_all(sweeps["killed"], tmp_path / "killed")
    assert [run.curve for run in killed] == [run.curve for run in whole]
    assert [run.valid_loss for run in killed] == [run.valid_loss for run in whole]
