"""Measures what the reference gains where numbers are many: a training step with all of its other
ways, and with each of them left out in turn.

    python guides/figures/measure_06.py [small | 17m] [float32 | bfloat16]
"""

import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from time import perf_counter
from unittest.mock import patch

import torch

from groundup import reference
from groundup.commands.bench.training import SHAPES

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


def main(shape: str = "17m", dtype: str = "bfloat16") -> None:
    step = prepared(shape, dtype)
    seconds: dict[str, list[float]] = {name: [] for name in LEFT_OUT}
    for repeat in range(REPEATS + 1):
        for name, left_out in LEFT_OUT.items():
            with left_out():
                began = perf_counter()
                step()
            if repeat:  # the first round reserves memory
                seconds[name].append(perf_counter() - began)
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    print(f"{shape}, {dtype}: {medians['nothing'] * 1e3:.0f} ms a step")
    for name, median in medians.items():
        print(f"{median / medians['nothing']:6.2f}  {name} left out")


if __name__ == "__main__":
    main(*sys.argv[1:])
