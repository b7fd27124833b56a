"""Measures what the reference gains where numbers are many: a training step with all of its other
ways, with each of them left out in turn, and with all; then the same with freed memory kept.

    python guides/figures/measure_06.py [small | 17m] [float32 | bfloat16]
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from time import perf_counter
from unittest.mock import patch

import torch

from groundup import reference
from groundup.commands.bench.training import SHAPES
from groundup.memory import keep_freed_memory

reference.activate(reference.parse("all"))
from s02_layers import by_hand  # noqa: E402
from s03_attention_rope import blocks, turning  # noqa: E402
from s04_transformer import ModelConfig, TransformerLM  # noqa: E402
from s05_adamw_schedule import AdamW, clip_gradients, pieces  # noqa: E402
from s06_training import loss  # noqa: E402

REPEATS, NEVER = 15, 2**60

Left = Callable[[], AbstractContextManager[object]]
LEFT_OUT: dict[str, Left] = {
    "nothing": nullcontext,
    "attention in blocks": lambda: patch.object(blocks, "SCORES", NEVER),
    "RoPE by complex numbers": lambda: patch.object(turning, "NUMBERS", NEVER),
    "gradients by hand": lambda: patch.object(by_hand, "NUMBERS", NEVER),
    "AdamW in pieces": lambda: patch.object(pieces, "NUMBERS", NEVER),
    "the loss in pieces": lambda: patch.dict(loss.NUMBERS, cpu=NEVER),
}


def prepared(shape: str, dtype: str) -> Callable[[], None]:
    """An update of the model, as stage 06 makes it."""
    config, batch_size = ModelConfig(**SHAPES[shape].model), SHAPES[shape].batch_size
    model = TransformerLM(config)
    optimizer = AdamW(model.parameters(), lr=1e-3)
    ids = torch.randint(config.vocab_size, (batch_size, config.context_length + 1))

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = model(ids[:, :-1])
        _, gradient = loss.loss_in_pieces(logits, ids[:, 1:], 1.0)
        logits.backward(gradient)
        clip_gradients(model.parameters(), 1.0)
        optimizer.step()

    return step


@contextmanager
def all_left_out() -> Iterator[None]:
    with ExitStack() as stack:
        for left_out in LEFT_OUT.values():
            stack.enter_context(left_out())
        yield


def measure(step: Callable[[], None]) -> dict[str, float]:
    """The median seconds of a step by what is left out, one after the other in each round."""
    ways: dict[str, Left] = {**LEFT_OUT, "all of them": all_left_out}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(REPEATS + 1):
        for name, left_out in ways.items():
            with left_out():
                began = perf_counter()
                step()
            if repeat:  # the first round reserves memory
                seconds[name].append(perf_counter() - began)
    return {name: statistics.median(each) for name, each in seconds.items()}


def main(shape: str = "17m", dtype: str = "bfloat16") -> None:
    step = prepared(shape, dtype)
    medians = measure(step)
    print(f"{shape}, {dtype}: {medians['nothing'] * 1e3:.0f} ms a step")
    keep_freed_memory()
    kept = measure(step)
    print("  time ÷ that  memory kept  left out")
    for name in medians:
        ratios = [each[name] / medians["nothing"] for each in (medians, kept)]
        print(f"{ratios[0]:13.2f}{ratios[1]:13.2f}  {name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
