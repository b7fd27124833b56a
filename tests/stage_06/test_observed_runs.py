"""Whole runs, each from one side; losses and weights of updates are in test_updates.py."""

import pytest
import torch
from torch._dynamo import OptimizedModule

from groundup.testing import check, outcome
from s04_transformer import TransformerLM
from s06_training import train

STILL = {"max_lr": 1e-9, "min_lr": 0.0, "warmup_steps": 0, "eval_windows": 4}
"""Updates too small to move a loss: what is seen does not depend on how updates are made."""


def column(lines, name):
    return [line[name] for line in lines if name in line]


def test_when_a_run_logs_evaluates_and_saves(configure, fixed_weights, read_metrics, monkeypatch):
    saved, real_save = [], torch.save

    def save(state, *args, **kwargs):
        saved.append(state["step"])
        return real_save(state, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save)
    config = configure(steps=7, log_every=3, eval_every=2, checkpoint_every=5, **STILL)
    result = outcome(lambda: train(config))
    ending = result if isinstance(result, str) else [float(result.step), result.valid_loss]
    lines = read_metrics(config)
    check(
        {
            "logged": column(lines, "step"),
            "evaluated": [line["step"] for line in lines if "valid_loss" in line],
            "saved": saved,
            "tokens": column(lines, "tokens"),
            "valid_loss": column(lines, "valid_loss"),
            "files": ", ".join(sorted(path.name for path in config.run_dir.iterdir())),
            "the result": ending,
        },
        rtol=1e-5,
    )


def test_validation_losses_of_some_windows(configure, fixed_weights, read_metrics):
    config = configure(steps=2, accumulation_steps=2, eval_every=1, **STILL)
    train(config)
    lines = read_metrics(config)
    check({name: column(lines, name) for name in ("tokens", "valid_loss")}, rtol=1e-5)


def test_the_text_written_after_an_evaluation(configure, fixed_weights, read_metrics):
    seen = []

    def write(model):
        gradients = "gradients" if torch.is_grad_enabled() else "no gradients"
        seen.append(f"{'train' if model.training else 'eval'} mode, {gradients}")
        return f"text {len(seen)}"

    config = configure(steps=5, eval_every=2, **STILL)
    train(config, write)
    texts = [
        f"{line['step']}: {line['sample']}" for line in read_metrics(config) if "sample" in line
    ]
    check({"where it was written": seen, "lines with a text": texts or ["none"]})


def test_whose_seed_decides_the_first_weights(configure, no_blocks, monkeypatch):
    made, original = [], TransformerLM.__init__

    def remember(self, *args, **kwargs):
        original(self, *args, **kwargs)
        made.append(self.lm_head.weight.detach().clone())

    monkeypatch.setattr(TransformerLM, "__init__", remember)
    config = configure(steps=1, **STILL)
    for seed in (99, config.seed):
        torch.manual_seed(seed)
        TransformerLM(config.model)
    callers, own = made
    torch.manual_seed(99)
    train(config)
    names = {"the configuration's": own, "the caller's": callers}
    found = [name for name, weight in names.items() if torch.equal(weight, made[2])]
    check({"seed of the first weights": found[0] if found else "another"})


@pytest.fixture
def compiled(monkeypatch):
    """The calls of what torch.compile makes, here without compiling."""
    calls = []

    def counted(forward):
        def call(*args, **kwargs):
            calls.append("training" if torch.is_grad_enabled() else "evaluation")
            return forward(*args, **kwargs)

        return call

    monkeypatch.setattr(
        torch, "compile", lambda model, *args, **kwargs: OptimizedModule(model, counted)
    )
    return calls


def test_where_a_compiled_model_is_used(configure, compiled, fixed_weights):
    train(configure("plain", steps=1, **STILL))
    parts = {"without compile": len(compiled)}
    config = configure("compiled", steps=2, compile=True, **STILL)
    train(config)
    parts |= {name: compiled.count(name) for name in ("training", "evaluation")}
    state = torch.load(config.run_dir / "checkpoint.pt", weights_only=True)
    check(parts | {"names in the checkpoint": ", ".join(sorted(state["model"]))})


def test_what_a_run_in_bfloat16_computes_in(configure, fixed_weights, on_forward, read_metrics):
    seen = []

    def look(count, logits):
        autocast = "autocast" if torch.is_autocast_enabled("cpu") else "no autocast"
        seen.append(f"{autocast}, {logits.dtype} logits")

    on_forward(look)
    config = configure(steps=3, eval_every=100, dtype="bfloat16", **STILL)
    train(config)
    losses = column(read_metrics(config), "train_loss")
    # In bfloat16, a loss of 2 to 4 is a multiple of 1/64.
    rounded = ["bfloat16" if (loss * 128).is_integer() else "float32" for loss in losses]
    dtypes = {str(parameter.dtype) for parameter in fixed_weights[0].parameters()}
    check({"forward": seen, "loss": rounded, "parameters": ", ".join(sorted(dtypes))})
