"""Sentences of the contract where only a rare input shows whether they hold."""

import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import pytest
import torch

from groundup.testing import assert_close
from s05_adamw_schedule import AdamW
from s06_training import Diverged, Leak, evaluate, sample_batch, save_checkpoint, train

STILL = {"steps": 1, "max_lr": 1e-9, "min_lr": 0.0, "warmup_steps": 0}
"""An update too small to move a loss."""


@pytest.fixture
def wandb(monkeypatch):
    """A module that stands for wandb, and for a run of it."""
    module = MagicMock()
    module.init.return_value = module.run
    module.run.__enter__.return_value, module.run.id = module.run, "abc123"
    monkeypatch.setitem(sys.modules, "wandb", module)
    return module


@pytest.mark.parametrize(("name", "value"), [
    ("progress", True), ("wandb", "offline"), ("compile", True), ("keep_best", True),
    ("keep_last", 2), ("checkpoint_minutes", 9.0),
])  # fmt: skip
def test_what_no_loss_depends_on_may_change(
    configure, no_blocks, cut_short, wandb, monkeypatch, name, value
):
    monkeypatch.setattr(torch, "compile", lambda model, *_, **__: model)
    cut_short(configure(), 4)
    assert train(configure(**{name: value})).step == 6, f"{name} may change on the way"


def test_a_run_goes_on_in_a_folder_that_was_moved(configure, no_blocks, cut_short, read_metrics):
    before, after = configure("before"), configure("after")
    cut_short(before, 4)
    before.run_dir.rename(after.run_dir)
    result = train(after)
    assert (result.step, result.run_dir) == (6, after.run_dir)
    assert [line["step"] for line in read_metrics(after)] == [1, 2, 3, 4, 5, 6]
    assert not before.run_dir.exists(), "run_dir is a field about files, and may differ"


def test_every_field_that_a_loss_depends_on_is_compared(configure, no_blocks):
    config = configure(**STILL)
    train(config)
    changes = {"min_lr": 1e-10, "warmup_steps": 1, "eps": 0.03, "betas": (0.8, 0.91)}
    changes["model"] = replace(config.model, num_heads=1)  # all shapes stay as they are
    for name, value in changes.items():
        with pytest.raises(ValueError, match="num_heads" if name == "model" else name):
            train(replace(config, **{name: value}))


@pytest.mark.parametrize("field", ["train_tokens", "valid_tokens"])
@pytest.mark.parametrize(("place", "large"), [(150_000, 65_535), (299_999, 13)])
def test_an_id_too_large_is_found_wherever_it_is(configure, write_ids, field, place, large):
    ids = np.arange(300_000) % 13
    ids[place] = large
    config = configure(**{field: write_ids("long.bin", ids)}, eval_windows=1, **STILL)
    with pytest.raises(ValueError, match=str(large)):
        train(config)


def test_a_model_may_have_more_ids_than_the_tokenizer(configure, no_blocks):
    config = configure(**STILL)
    larger = replace(config, model=replace(config.model, vocab_size=16))
    assert train(larger).step == 1, "a vocabulary padded to a multiple of 16 allows ids under 13"


@pytest.mark.parametrize("bits", [8, 32])
def test_ids_are_read_in_the_type_that_the_header_names(configure, no_blocks, bits):
    config = configure("in 16 bits", **STILL)
    expected = train(config)
    for path in (config.train_tokens, config.valid_tokens):
        path.write_bytes(np.fromfile(path, "<u2").astype(f"<u{bits // 8}").tobytes())
        header = path.with_name(f"{path.name}.json")
        changed = json.loads(header.read_text("utf-8")) | {"dtype": f"uint{bits}"}
        header.write_text(json.dumps(changed), "utf-8")
    found = train(configure("in other bits", **STILL))
    assert found.train_loss == expected.train_loss, "the same ids to train on"
    assert found.valid_loss == expected.valid_loss, "the same ids to evaluate on"


def test_a_run_makes_the_folders_that_its_folder_is_in(configure, no_blocks):
    config = configure("runs/of today/first", **STILL)
    train(config)
    assert (config.run_dir / "checkpoint.pt").exists()


def test_a_run_that_has_logged_nothing_yet_resumes(configure, no_blocks, cut_short, read_metrics):
    config = configure(log_every=100, eval_every=100)
    cut_short(config, 5)
    assert read_metrics(config) == []
    assert train(config).step == 6, "the checkpoint says where to go on, not the lines"
    assert [line["step"] for line in read_metrics(config)] == [6]


def test_seconds_go_on_after_a_resume(configure, no_blocks, cut_short, read_metrics, monkeypatch):
    config, step = configure(steps=8, checkpoint_every=6), AdamW.step
    cut_short(config, 7)
    # Slow, so that these steps are unlike those before.
    monkeypatch.setattr(AdamW, "step", lambda *args: (time.sleep(0.1), step(*args))[1])
    result, lines = train(config), read_metrics(config)
    seconds = [line["seconds"] for line in lines]
    assert seconds == sorted(seconds), f"seconds of all updates, those before too: {seconds}"
    rates = [24 / (now - then) for then, now in zip(seconds, seconds[1:], strict=False)]
    found = [line["tokens_per_second"] for line in lines[1:]]
    assert_close(found, rates, "24 tokens by the seconds since the last line", rtol=0.1)
    rate = 8 * 24 / seconds[-1]
    assert_close(result.tokens_per_second, rate, "all tokens by all seconds", rtol=1e-6)


def test_seconds_are_those_of_updates_only(configure, no_blocks, on_evaluation, clock, monkeypatch):
    def wait(*_, **__):
        clock[0] += 100.0

    real_save = torch.save
    monkeypatch.setattr(torch, "save", lambda *a, **k: (wait(), real_save(*a, **k))[1])
    on_evaluation(wait)
    result = train(configure(eval_every=1, checkpoint_every=1))
    # Each look at this clock takes 1 ms, each evaluation and each checkpoint 100 s.
    assert result.seconds < 1, "in seconds, of the updates alone"


def test_a_validation_loss_that_is_not_finite_has_diverged(configure, no_blocks, on_evaluation):
    on_evaluation(lambda logits: logits * torch.nan)
    config = configure(checkpoint_every=2)
    with pytest.raises(Diverged, match="step 3") as error:
        train(config)
    text = str(error.value)
    assert "max_lr" in text and "\n" not in text, "one line with what may be the cause"
    state = torch.load(config.run_dir / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2, "the last checkpoint is as it was"


def test_a_run_that_never_clips_can_diverge(configure, no_blocks, on_forward):
    def spoil(call, logits):
        logits.register_hook(lambda gradient: gradient * torch.nan)

    on_forward(spoil)  # the loss is finite, its gradient is not
    with pytest.raises(Diverged, match="step 1"):
        train(configure(max_grad_norm=None))


@pytest.mark.parametrize(("windows", "targets"), [(None, 48), (4, 24), (1000, 48)])
def test_chance_is_two_by_the_root_of_the_tokens_evaluated(
    configure, fixed_weights, windows, targets
):
    config = {"eval_windows": windows, **STILL}
    loss, chance = train(configure("first", **config)).valid_loss, 2 / targets**0.5
    allowed = configure("allowed", entropy_floor=loss + 0.95 * chance, **config)
    assert train(allowed).step == 1, f"{targets} tokens: {chance:.3f} under the floor is chance"
    with pytest.raises(Leak):
        train(configure("refused", entropy_floor=loss + 1.05 * chance, **config))


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [("steps", -3, "-3"), ("batch_size", -3, "-3"), ("accumulation_steps", -3, "-3"),
     ("eval_every", -3, "-3"), ("eval_windows", -3, "-3"), ("checkpoint_every", -3, "-3"),
     ("log_every", -3, "-3"), ("warmup_steps", 17, "17"), ("min_lr", 0.75, "0.75"),
     ("max_lr", -0.25, "-0.25"), ("betas", (1.25, 0.9), "1.25"), ("betas", (0.9, -0.25), "-0.25"),
     ("max_grad_norm", -1.5, "-1.5"), ("weight_decay", -1.5, "-1.5"), ("seed", -3, "-3"),
     ("eps", -1.5, "-1.5"), ("entropy_floor", -1.5, "-1.5"), ("keep_last", -3, "-3"),
     ("checkpoint_minutes", -1.5, "-1.5")],
)  # fmt: skip
def test_what_was_found_in_a_wrong_field_is_said(configure, name, value, found):
    configure()
    with pytest.raises(ValueError, match=name) as error:
        configure(**{name: value})
    assert found in str(error.value), f"{error.value}: it does not say what was found"


def test_ids_above_two_billion_keep_their_value():
    generator = torch.Generator().manual_seed(3)
    tokens = np.array([4_000_000_000, 4_000_000_001], dtype=np.uint32)
    inputs, targets = sample_batch(tokens, 1, 1, device="cpu", generator=generator)
    assert_close(inputs, torch.tensor([[4_000_000_000]]), "one window of one id, as it was")
    assert_close(targets, torch.tensor([[4_000_000_001]]), "… and its target, in int64")


def test_evaluation_reads_ids_above_32767():
    model, tokens = torch.nn.Embedding(40_001, 1), np.array([0, 40_000] * 4, dtype=np.uint16)
    torch.nn.init.zeros_(model.weight)
    model.register_forward_hook(lambda _, inputs, out: out.expand(*out.shape[:-1], 40_001))
    loss = evaluate(model, tokens, batch_size=2, context_length=7)
    assert_close(loss, float(np.log(40_001)), "40,001 ids, all as likely", rtol=1e-5)


def write(path, config):
    model = torch.nn.Linear(3, 2)
    save_checkpoint(path, model=model, optimizer=AdamW(model.parameters(), lr=0.1), step=3,
                    config=config, generator=torch.Generator())  # fmt: skip


def test_a_checkpoint_that_cannot_be_written_is_an_oserror(configure, tmp_path):
    (tmp_path / "file").write_text("no folder", "utf-8")
    with pytest.raises(OSError, match=r".+"):
        write(tmp_path / "file" / "checkpoint.pt", configure())


def test_the_unfinished_checkpoint_is_in_the_same_folder(configure, tmp_path, monkeypatch):
    real, folders = os.replace, []

    def look(source, target, **options):
        folders.append(Path(source).parent)
        return real(source, target, **options)

    monkeypatch.setattr(os, "replace", look)
    write(tmp_path / "checkpoint.pt", configure())
    elsewhere = "os.replace works within one disk only, and /tmp is often another"
    assert all(folder == tmp_path for folder in folders), elsewhere
