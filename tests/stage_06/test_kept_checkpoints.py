"""Which checkpoints a run leaves, and when it saves them."""

import errno

import pytest
import torch

from groundup.testing import check
from s06_training import load_checkpoint, load_model, train

STILL = {"max_lr": 1e-9, "min_lr": 0.0, "warmup_steps": 0, "eval_windows": 4}
"""Updates too small to move a loss."""

LOSSES = [1.0, 0.0, 60.0, 1.0, 60.0]
"""Of five evaluations, these multiples of the logits: 0 gives the lowest loss, 60 the highest."""


@pytest.fixture
def saved(monkeypatch):
    """The steps that were saved, in order."""
    steps, real_save = [], torch.save

    def save(state, *args, **kwargs):
        steps.append(state["step"])
        return real_save(state, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save)
    return steps


def kept(config):
    """The checkpoints of a run by name, and the step in each."""
    files = sorted(path for path in config.run_dir.iterdir() if path.suffix == ".pt")
    return {path.name: torch.load(path, weights_only=True)["step"] for path in files}


def listed(config):
    return [f"{name} of step {step}" for name, step in kept(config).items()]


@pytest.fixture
def twenty_seconds_a_step(clock, on_forward):
    def pass_time(count, logits):
        clock[0] += 20.0

    on_forward(pass_time)


def test_when_a_run_saves_by_the_clock(configure, fixed_weights, twenty_seconds_a_step, saved):
    config = {"steps": 10, "checkpoint_minutes": 1.0, "eval_every": 10, **STILL}
    train(configure("clock", checkpoint_every=100, **config))
    by_the_clock = list(saved)
    train(configure("both", checkpoint_every=4, **config))
    check({"by the clock": by_the_clock, "by steps too": saved[len(by_the_clock) :]})


def test_minutes_are_counted_from_the_last_checkpoint(
    configure, no_blocks, twenty_seconds_a_step, saved
):
    train(configure(steps=10, checkpoint_minutes=1.0, checkpoint_every=4))
    assert saved == [3, 4, 7, 8, 10], "of 20 s each: a minute after the start, step 3, step 4, …"


def test_no_checkpoint_is_kept_unless_asked_for(configure, no_blocks):
    config = configure(checkpoint_every=2)
    train(config)
    assert kept(config) == {"checkpoint.pt": 6}


def test_which_of_the_last_checkpoints_are_kept(configure, fixed_weights, saved):
    config = configure(steps=11, checkpoint_every=1, keep_last=3, eval_every=11, **STILL)
    train(config)
    check({"kept": listed(config)})


def test_the_last_checkpoints_are_whole_ones(configure, no_blocks):
    config = configure(keep_last=2, checkpoint_every=2)
    train(config)
    assert kept(config) == {"checkpoint-4.pt": 4, "checkpoint-6.pt": 6, "checkpoint.pt": 6}
    model = load_model(config.run_dir / "checkpoint-4.pt")
    assert load_checkpoint(config.run_dir / "checkpoint-4.pt", model=model) == 4


def test_what_a_full_disk_leaves_of_the_last_checkpoints(
    configure, fixed_weights, monkeypatch, answer
):
    real_save = torch.save

    def save(state, *args, **kwargs):
        if state["step"] == 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_save(state, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save)
    config = configure(keep_last=2, checkpoint_every=2, **STILL)
    check({"answer": answer(lambda: train(config)), "kept": listed(config)})


def test_steps_that_come_again_do_not_count_as_the_last(configure, no_blocks, cut_short):
    config = configure(keep_last=2, checkpoint_every=2)
    cut_short(config, 4)
    (config.run_dir / "checkpoint-5.pt").write_bytes(
        (config.run_dir / "checkpoint.pt").read_bytes()
    )
    train(configure(keep_last=1, checkpoint_every=2))
    assert list(kept(config)) == ["checkpoint-6.pt", "checkpoint.pt"]


def test_which_checkpoint_takes_its_place_first(configure, fixed_weights, on_rename):
    names = []
    on_rename(lambda path: names.append(path.name) if path.suffix == ".pt" else None)
    train(configure(steps=5, checkpoint_every=2, keep_last=2, eval_every=5, **STILL))
    check({"renamed into place": names or ["none"]})


@pytest.fixture
def these_losses(on_evaluation):
    """Evaluations are of LOSSES: batches of 4 windows, one for each evaluation."""
    evaluations = []

    def scale(logits):
        evaluations.append(1)
        return logits * LOSSES[(len(evaluations) - 1) % len(LOSSES)]

    on_evaluation(scale)


def test_which_checkpoint_is_the_best(
    configure, fixed_weights, these_losses, on_forward, cut_short
):
    # Step 6, which comes three times, has the lowest train_loss and the highest valid_loss.
    on_forward(lambda call, logits: 0.01 * logits if call in (6, 16, 17) else None)
    config = {"steps": 10, "checkpoint_every": 5, "eval_every": 2, "keep_best": True, **STILL}
    whole, resumed = configure("whole", **config), configure("resumed", **config)
    train(whole)
    cut_short(resumed, 6)
    train(resumed)
    check({"of a whole run": listed(whole), "of a resumed run": listed(resumed)})


def test_the_best_is_that_of_the_lowest_line(configure, no_blocks, these_losses, read_metrics):
    config = configure(steps=10, eval_every=2, eval_windows=4, keep_best=True)
    train(config)
    losses = {
        line["valid_loss"]: line["step"] for line in read_metrics(config) if "valid_loss" in line
    }
    assert kept(config) == {"best.pt": losses[min(losses)], "checkpoint.pt": 10}
