"""`groundup bench training`: stages 01 to 06 beside transformers' Llama, step by step."""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup import reference as whose
from groundup.commands.bench import llama, this_machine
from groundup.commands.bench.llama_training import Option, Shape, memory, ours, theirs
from groundup.commands.bench.record import write_record
from groundup.commands.bench.tokenizer import Out, writable
from groundup.commands.common import Reference, Refusal, begin, console, say
from groundup.commands.train import RUNS
from groundup.presets import MODEL_17M
from groundup.stages import STAGES

SMALL = {"vocab_size": 2048, "context_length": 128, "d_model": 128}
SMALL |= {"num_layers": 4, "num_heads": 4, "d_ff": 344}
SHAPES = {
    "small": Shape(SMALL, batch_size=32),
    "17m": Shape({"vocab_size": 10_000, **MODEL_17M}, batch_size=8),
}
DTYPES = ("float32", "bfloat16")


@dataclass(frozen=True)
class Rounds:
    """What is measured, and how often."""

    options: list[Option]
    steps: int
    repeats: int


LONG = 5.0
"""Seconds of a step, from which on there is one round of one step."""

COLUMNS = "{:<20}{:>14}{:>14}{:>14}{:>7}{:>10}{:>10}"


def training(
    shape: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="small or 17m; both if not given.")
    ] = None,
    dtype: Annotated[
        list[str] | None, typer.Option(help="float32 or bfloat16; both if not given.")
    ] = None,
    compiled: Annotated[
        bool, typer.Option("--compile", help="Measure both with torch.compile, too.")
    ] = False,
    steps: Annotated[int, typer.Option(min=1, help="Steps in a round.")] = 6,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds, ours and theirs in turn.")] = 5,
    out: Out = None,
    reference: Reference = "",
) -> None:
    """Train our model and transformers' LlamaForCausalLM, and compare.

    The same architecture, weights, batches and arithmetic; theirs with torch's fused AdamW. First
    it is shown that both give the same logits and loss.
    """
    shapes = {name: SHAPES[name] for name in known("shape", shape, SHAPES)}
    dtypes = known("dtype", dtype, DTYPES)
    folder = writable(out or RUNS / "bench")
    llama.check_installed()
    begin(reference, STAGES[7])
    ways = [False, True] if compiled else [False]
    rounds = Rounds([Option(each, way) for way in ways for each in dtypes], steps, repeats)
    try:
        peaks = _peaks(dtypes)
        found = {name: _bench(name, each, rounds, peaks) for name, each in shapes.items()}
    except KeyboardInterrupt:
        raise Refusal("stopped; nothing was written", code=130) from None
    settings = {"steps": steps, "repeats": repeats, "code": whose.owner(STAGES[5])}
    write_record(folder, "training", settings, llama.PACKAGES, peak_flops=peaks, shapes=found)


def known(what: str, chosen: list[str] | None, allowed: Any) -> list[str]:
    for name in chosen or []:
        if name not in allowed:
            raise Refusal(f"--{what} {name} cannot be; choose of {', '.join(allowed)}", code=2)
    return chosen or list(allowed)


def _peaks(dtypes: list[str]) -> dict[str, float]:
    """FLOP/s of a large matrix product here, by dtype."""
    from s06_training import best_device

    peaks: dict[str, float] = this_machine.limits(best_device(), dtypes).peak_flops
    each = ", ".join(f"{peak / 1e9:,.1f} GFLOP/s in {dtype}" for dtype, peak in peaks.items())
    say(f"a large product: {each}\n")
    return peaks


def _bench(name: str, shape: Shape, rounds: Rounds, peaks: dict[str, float]) -> dict[str, Any]:
    """Print the table of a shape as soon as it is known."""
    with tempfile.TemporaryDirectory(prefix="groundup-bench-") as scratch:
        tokens = _random_ids(Path(scratch) / "ids.bin", shape.model["vocab_size"])
        apart = _differences(shape, tokens)
        sizes = ", ".join(f"{key} {value:,}" for key, value in shape.model.items())
        say(f"{name}: {sizes}; batch_size {shape.batch_size}")
        say(
            f"from the same weights, logits differ by at most {apart['logits']:.1e}, "
            f"losses by {apart['loss']:.1e}"
        )
        header = ("ours, tok/s", "Llama, tok/s", "ours ÷ Llama", "MFU", "memory", "Llama's")
        say(COLUMNS.format("", *header))
        rows: list[dict[str, Any]] = []
        for option in rounds.options:
            if option.compile and option.dtype in {row["dtype"] for row in rows if _is_long(row)}:
                say(f"{option.name}: left out, since a step takes so long")
                continue
            with console.status(f"{name}, {option.name} …"):
                rows.append(_row(shape, option, tokens, peaks[option.dtype], rounds))
            say(_line(rows[-1]))
        say(_best(rows) + "\n")
    found = {"model": shape.model, "batch_size": shape.batch_size, "differences": apart}
    return found | {"rows": rows}


def _random_ids(path: Path, vocab_size: int) -> Path:
    import numpy as np

    from groundup.commands.bench.token_ids import write_ids

    return write_ids(path, np.random.RandomState(0).randint(vocab_size, size=200_000), vocab_size)


def _differences(shape: Shape, tokens: Path) -> dict[str, float]:
    import torch

    from s01_bpe import open_tokens
    from s04_transformer import ModelConfig, TransformerLM

    torch.manual_seed(0)
    config = ModelConfig(**shape.model)
    model = TransformerLM(config)
    ids = torch.from_numpy(open_tokens(tokens)[: 2 * (config.context_length + 1)].astype("int64"))
    return llama.differences(model, llama.twin(model, vars(config)), ids.reshape(2, -1))


def _row(shape: Shape, option: Option, tokens: Path, peak: float, rounds: Rounds) -> dict[str, Any]:
    from s04_transformer import ModelConfig
    from s08_benchmarking import training_flops, utilisation

    seconds = _seconds(shape, option, tokens, rounds)
    config = ModelConfig(**shape.model)
    flops = training_flops(config, shape.batch_size, config.context_length)
    held = {} if option.compile else memory(shape, option, tokens)
    row: dict[str, Any] = {"option": option.name, "dtype": option.dtype}
    for who, each in seconds.items():
        median = statistics.median(each)
        row[who] = {
            "seconds": each,
            "tokens_per_second": shape.tokens / median,
            "mfu": utilisation(flops, median, peak),
            "memory": held.get(who),
        }
    return row


def _seconds(shape: Shape, option: Option, tokens: Path, rounds: Rounds) -> dict[str, list[float]]:
    """Of each step, ours and theirs."""
    steps, repeats = rounds.steps, rounds.repeats
    if option.compile:  # once, for it takes minutes
        steps, repeats = steps * repeats, 1
    elif max(first := ours(shape, option, tokens, 1) + theirs(shape, option, tokens, 1)) > LONG:
        return dict(zip(("ours", "theirs"), ([each] for each in first), strict=True))
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    for _ in range(repeats):
        seconds["ours"] += ours(shape, option, tokens, steps)
        seconds["theirs"] += theirs(shape, option, tokens, steps)
    return seconds


def _is_long(row: dict[str, Any]) -> bool:
    return max(*row["ours"]["seconds"], *row["theirs"]["seconds"]) > LONG


def _line(row: dict[str, Any]) -> str:
    mine, other = row["ours"], row["theirs"]
    memory = [
        "not known" if each["memory"] is None else f"{each['memory'] / 1e6:,.0f} MB"
        for each in (mine, other)
    ]
    return COLUMNS.format(
        row["option"],
        f"{mine['tokens_per_second']:,.0f}",
        f"{other['tokens_per_second']:,.0f}",
        f"{mine['tokens_per_second'] / other['tokens_per_second']:.2f}",
        f"{mine['mfu']:.2f}",
        *memory,
    )


def _best(rows: list[dict[str, Any]]) -> str:
    ours, theirs = (
        max(row[who]["tokens_per_second"] for row in rows) for who in ("ours", "theirs")
    )
    cells = (f"{ours:,.0f}", f"{theirs:,.0f}", f"{ours / theirs:.2f}")
    return COLUMNS.format("the best of each", *cells, "", "", "")
