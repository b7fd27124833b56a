"""The same training step, ours by stage 06's `train` and theirs as transformers is trained."""

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from groundup.commands.bench.llama import twin

WARMUP = 2
"""Steps that are not counted: the first ones reserve memory, or compile."""

MAX_LR, BETAS, WEIGHT_DECAY, MAX_NORM = 1e-3, (0.9, 0.95), 0.1, 1.0


@dataclass(frozen=True)
class Shape:
    """A model, and what it reads in one step."""

    model: dict[str, Any]
    batch_size: int

    @property
    def tokens(self) -> int:
        return self.batch_size * self.model["context_length"]


@dataclass(frozen=True)
class Option:
    """How a step is computed."""

    dtype: str
    compile: bool = False

    @property
    def name(self) -> str:
        return f"{self.dtype}, {'compiled' if self.compile else 'eager'}"


Steps = Callable[[Shape, Option, Path, int], list[float]]


def ours(shape: Shape, option: Option, tokens: Path, steps: int) -> list[float]:
    """Seconds of each step of a run of stage 06, after the warm-up."""
    with tempfile.TemporaryDirectory(prefix="groundup-bench-") as name:
        folder = Path(name)
        _run(shape, option, tokens, steps + WARMUP, folder)
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    until = [json.loads(line)["seconds"] for line in lines]
    return np.diff(until)[WARMUP - 1 :].tolist()


def _run(shape: Shape, option: Option, tokens: Path, steps: int, folder: Path) -> None:
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig, train

    options: dict[str, Any] = {"dtype": option.dtype, "compile": option.compile}
    train(
        TrainConfig(
            model=ModelConfig(**shape.model), train_tokens=tokens, valid_tokens=tokens,
            run_dir=folder, steps=steps, batch_size=shape.batch_size, max_lr=MAX_LR, min_lr=0.0,
            warmup_steps=1, betas=BETAS, weight_decay=WEIGHT_DECAY, max_grad_norm=MAX_NORM,
            log_every=1, eval_every=steps, eval_windows=1, checkpoint_every=steps, progress=False,
            **options,
        )
    )  # fmt: skip


def theirs(shape: Shape, option: Option, tokens: Path, steps: int) -> list[float]:
    """The same of transformers' Llama with torch's fused AdamW and torch's clipping."""
    taken = list(itertools.islice(_llama(shape, option, tokens), steps + WARMUP))
    return taken[WARMUP:]


def _llama(shape: Shape, option: Option, tokens: Path) -> Iterator[float]:
    """Seconds of one step after the other."""
    import torch

    from s01_bpe import open_tokens
    from s04_transformer import ModelConfig, TransformerLM
    from s06_training import best_device, sample_batch

    device = best_device()
    config = ModelConfig(**shape.model)
    llama = twin(TransformerLM(config, device=device), vars(config))
    forward = torch.compile(llama) if option.compile else llama
    optimizer = torch.optim.AdamW(
        llama.parameters(), lr=MAX_LR, betas=BETAS, weight_decay=WEIGHT_DECAY, fused=True
    )
    ids, generator = open_tokens(tokens), torch.Generator().manual_seed(0)
    mixed = option.dtype == "bfloat16"
    while True:
        began = perf_counter()
        inputs, targets = sample_batch(
            ids, shape.batch_size, config.context_length, device=device, generator=generator
        )
        optimizer.zero_grad()
        with torch.autocast(device, dtype=torch.bfloat16, enabled=mixed):
            found = forward(input_ids=inputs, labels=inputs, shift_labels=targets.contiguous())
        found.loss.backward()
        torch.nn.utils.clip_grad_norm_(llama.parameters(), MAX_NORM)
        optimizer.step()
        found.loss.item()  # waits for the device, as ours does to log the loss
        yield perf_counter() - began


def memory(shape: Shape, option: Option, tokens: Path) -> dict[str, int]:
    """The most bytes of tensors that a run of two steps held, ours and theirs."""
    from s06_training import best_device
    from s08_benchmarking import peak_memory

    def run(steps: Steps) -> Callable[[], list[float]]:
        return lambda: steps(shape, option, tokens, 0)

    return {
        name: peak_memory(run(steps), best_device())
        for name, steps in {"ours": ours, "theirs": theirs}.items()
    }
