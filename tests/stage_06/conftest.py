"""Small runs: a model of one layer, a few hundred ids on disk, all on the CPU.

Fixtures import stages when they run: this file is read before it is known whose code runs.
"""

import contextlib
import functools
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from groundup.testing import outcome

VOCAB = 13


@pytest.fixture(autouse=True)
def one_thread():
    """Threads cost more than they save on models this small."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def write_ids(tmp_path):
    """Write ids as encode_file does: raw and little-endian, with a header beside them."""

    def write(name, ids):
        path, ids = tmp_path / name, np.asarray(ids)
        path.write_bytes(ids.astype("<u2").tobytes())
        header = {"dtype": "uint16", "count": len(ids), "vocab_size": VOCAB}
        header |= {"vocab_sha256": "0" * 64, "special_tokens": {}}
        (tmp_path / f"{name}.json").write_text(json.dumps(header), encoding="utf-8")
        return path

    return write


@pytest.fixture
def configure(tmp_path, write_ids, draw):
    """A configuration that logs every step of a short run, but for the fields given."""
    train_tokens = write_ids("train.bin", draw.integers(0, VOCAB, 200).numpy())
    # 8 whole windows: with a batch_size of 4, every batch of a run has the same shape.
    valid_tokens = write_ids("valid.bin", draw.integers(0, VOCAB, 49).numpy())

    def make(run="run", **changes):
        from s04_transformer import ModelConfig
        from s06_training import TrainConfig

        model = ModelConfig(
            vocab_size=VOCAB, context_length=6, d_model=8, num_layers=1, num_heads=2, d_ff=12
        )
        settings = {
            "model": model, "train_tokens": train_tokens, "valid_tokens": valid_tokens,
            "run_dir": tmp_path / run, "steps": 6, "batch_size": 4, "max_lr": 0.05,
            "min_lr": 0.005, "warmup_steps": 2, "betas": (0.8, 0.9), "eps": 0.02,
            "weight_decay": 0.5, "max_grad_norm": 0.5, "eval_every": 3, "checkpoint_every": 3,
            "log_every": 1, "device": "cpu", "seed": 7, "progress": False,
        }  # fmt: skip
        return TrainConfig(**(settings | changes))

    return make


class Through(torch.nn.Module):
    """Stands for a block, and hands on what it gets."""

    def forward(self, x, *args, **kwargs):
        return x


@pytest.fixture
def no_blocks(monkeypatch):
    """No TransformerLM has a block: stage 04 has tested them, and most time would go to them."""
    from s04_transformer import TransformerLM

    original = TransformerLM.__init__

    def without_blocks(self, *args, **kwargs):
        original(self, *args, **kwargs)
        self.layers[0] = Through()

    monkeypatch.setattr(TransformerLM, "__init__", without_blocks)


@pytest.fixture
def fixed_weights(no_blocks, monkeypatch, draw):
    """Every TransformerLM starts with weights that depend on their names only; all that are made
    are in this list."""
    from s04_transformer import TransformerLM

    original, models = TransformerLM.__init__, []

    def with_fixed_weights(self, *args, **kwargs):
        original(self, *args, **kwargs)
        draw.weights(self)
        models.append(self)

    monkeypatch.setattr(TransformerLM, "__init__", with_fixed_weights)
    return models


@pytest.fixture
def on_forward():
    """Call a function with the number of every forward pass for training, and its logits."""
    from s04_transformer import TransformerLM

    handles = []

    def register(function):
        calls = 0

        def hook(module, inputs, logits):
            nonlocal calls
            if not isinstance(module, TransformerLM) or not torch.is_grad_enabled():
                return None
            calls += 1
            return function(calls, logits)

        handles.append(torch.nn.modules.module.register_module_forward_hook(hook))
        return handles[-1]

    yield register
    for handle in handles:
        handle.remove()


class PowerCut(Exception):
    """What ends a run without asking it."""


def cut_power():
    raise PowerCut


@pytest.fixture
def cut_short(on_forward):
    """Run until a forward pass, and end there; `how` is a function that ends it."""

    def run(config, call, how=cut_power, expected=PowerCut):
        from s06_training import train

        def stop(count, logits):
            if count == call:
                how()

        handle = on_forward(stop)
        with pytest.raises(expected) as error:
            train(config)
        handle.remove()
        return error.value

    return run


@pytest.fixture
def on_evaluation():
    """Call a function with the logits of every forward pass without gradients; what it returns
    takes their place."""
    from s04_transformer import TransformerLM

    handles = []

    def register(function):
        def hook(module, inputs, logits):
            evaluating = isinstance(module, TransformerLM) and not torch.is_grad_enabled()
            return function(logits) if evaluating else None

        handles.append(torch.nn.modules.module.register_module_forward_hook(hook))

    yield register
    for handle in handles:
        handle.remove()


@pytest.fixture
def clock(configure, monkeypatch):
    """A list of one number, the seconds that stage 06 reads from every clock. Only a test moves
    it, but that each look takes 1 ms."""
    from s06_training import train

    # What it imports late has to know the real clock, whether or not it comes to its end.
    with contextlib.suppress(Exception):
        train(configure("before", steps=1, warmup_steps=0))
    now = [1000.0]

    def look():
        now[0] += 1e-3
        return now[0]

    modules = [module for key, module in list(sys.modules.items()) if key.startswith("s06_")]
    for name in ("perf_counter", "monotonic", "time"):
        real = getattr(time, name)
        for module in modules:
            for attribute in [key for key, value in vars(module).items() if value is real]:
                monkeypatch.setattr(module, attribute, look)
        monkeypatch.setattr(time, name, look)
    return now


RENAMED = []
"""What to call with the target of every renaming."""


@functools.cache
def listen_to_renaming():
    """Hear os.replace and os.rename, under whatever name they are called; this has no end."""

    def hear(event, arguments):
        if event == "os.rename":
            for function in RENAMED:
                function(Path(os.fsdecode(arguments[1])))

    sys.addaudithook(hear)


@pytest.fixture
def on_rename():
    """Call a function with the target of every renaming, before it; what that raises, it raises."""
    listen_to_renaming()
    yield RENAMED.append
    RENAMED.clear()


@pytest.fixture
def answer():
    """What a function raises, Ctrl-C's exception included, or "accepted" if it returns."""

    def call(function):
        try:
            found = outcome(function)
        except KeyboardInterrupt:
            return "raises KeyboardInterrupt"
        return found if isinstance(found, str) else "accepted"

    return call


@pytest.fixture
def read_metrics():
    """The lines of a run's metrics.jsonl."""

    def read(config):
        path = config.run_dir / "metrics.jsonl"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return [json.loads(line) for line in text.splitlines()]

    return read
