"""`groundup bench compiled`: does torch.compile give the losses of the model as it is?"""

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands.common import Reference, begin, say, table
from groundup.stages import STAGES

VOCAB = 64


def compiled(
    steps: Annotated[int, typer.Option(min=2, help="Updates of each run.")] = 50,
    reference: Reference = "",
) -> None:
    """Train a tiny model twice on the same ids, compiled and not, in float32 and in bfloat16.

    The first step of a compiled run takes a minute or more on a CPU, and needs a C++ compiler
    there.
    """
    begin(reference, STAGES[5])
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        tokens = _write_ids(Path(folder) / "ids.bin")
        for dtype in ("float32", "bfloat16"):
            eager, fast = (
                _losses(Path(folder), tokens, steps, dtype=dtype, compile=each)
                for each in (False, True)
            )
            pairs = list(zip(fast, eager, strict=True))
            apart = max(abs(a - b) / b for a, b in pairs)
            same = sum(a == b for a, b in pairs)
            rows.append((f"{dtype}, last loss eager", f"{eager[-1]:.6f}"))
            rows.append((f"{dtype}, last loss compiled", f"{fast[-1]:.6f}"))
            rows.append((f"{dtype}, largest relative difference", f"{apart:.1e}"))
            rows.append((f"{dtype}, equal losses", f"{same} of {len(pairs)}"))
    say(table(rows))


def _losses(folder: Path, tokens: Path, steps: int, *, dtype: Any, compile: bool) -> list[float]:
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig, train

    run_dir = folder / f"{dtype}-{'compiled' if compile else 'eager'}"
    model = ModelConfig(
        vocab_size=VOCAB, context_length=32, d_model=32, num_layers=2, num_heads=2, d_ff=64
    )
    config = TrainConfig(
        model=model, train_tokens=tokens, valid_tokens=tokens, run_dir=run_dir, steps=steps,
        batch_size=8, max_lr=0.01, min_lr=0.001, warmup_steps=steps // 10, log_every=1,
        eval_windows=1, eval_every=steps, checkpoint_every=steps, dtype=dtype, compile=compile,
        progress=False,
    )  # fmt: skip
    train(config)
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["train_loss"] for line in lines]


def _write_ids(path: Path) -> Path:
    """A walk through the ids, which a model can learn to follow."""
    import numpy as np

    from groundup.commands.bench.token_ids import write_ids

    steps = np.random.RandomState(0).choice([1, 1, 1, 7], 4096)
    return write_ids(path, np.cumsum(steps) % VOCAB, VOCAB)
