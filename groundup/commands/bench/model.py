"""`groundup bench model`: what a training step costs, predicted and measured, over a grid."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands.bench import machine, measure_point, model_report, this_machine
from groundup.commands.bench.grid_point import Point
from groundup.commands.bench.tokenizer import writable
from groundup.commands.common import Reference, Refusal, begin, say, shown, table
from groundup.commands.train import RUNS
from groundup.stages import STAGES

Grid = Mapping[str, Sequence[Any]]
GRIDS: dict[str, Grid] = {
    # No array has more than 2¹⁸ numbers. Beyond, the reference computes and keeps less than the
    # formulas say.
    "cpu": {
        "width": [64, 128],
        "depth": [1, 3],
        "context": [64, 128],
        "batch": [1, 4],
        "attention": ["own", "fused"],
    },
    "mps": {
        "width": [128, 256, 512],
        "depth": [4],
        "context": [256],
        "batch": [4, 16],
        "attention": ["own", "fused"],
    },
    "cuda": {
        "width": [256, 512, 768],
        "depth": [4],
        "context": [256, 1024],
        "batch": [8, 32],
        "dtype": ["float32", "bfloat16"],
        "compile": [False, True],
        "attention": ["own", "fused"],
    },
}
CHOICES: dict[str, Sequence[str]] = {
    "dtype": ("float32", "bfloat16"),
    "attention": ("own", "fused"),
    "compile": ("no", "yes"),
}


def several(what: str) -> Any:
    return typer.Option(help=f"{what} May be given several times.", show_default=False)


def model(
    width: Annotated[list[int] | None, several("d_model, a multiple of 32.")] = None,
    depth: Annotated[list[int] | None, several("Blocks.")] = None,
    context: Annotated[list[int] | None, several("Tokens of a sequence.")] = None,
    batch: Annotated[list[int] | None, several("Sequences of a step.")] = None,
    vocab: Annotated[list[int] | None, several("Tokens of the vocabulary.")] = None,
    dtype: Annotated[list[str] | None, several("float32 or bfloat16.")] = None,
    compile: Annotated[list[str] | None, several("no or yes.")] = None,
    attention: Annotated[
        list[str] | None, several("own, or fused: torch's kernel in its place.")
    ] = None,
    device: Annotated[
        str, typer.Option(help="cuda, mps or cpu. The best there is if not given.")
    ] = "",
    against: Annotated[
        str, typer.Option(help="Predict for this device of DEVICES, not for what is measured here.")
    ] = "",
    repeats: Annotated[int, typer.Option(min=1, help="Timed steps of each point.")] = 7,
    out: Annotated[Path | None, typer.Option(help="A folder. runs/bench if not given.")] = None,
    reference: Reference = "",
) -> None:
    """Predict and measure training steps over a grid of shapes, and compare.

    The grid is every combination of what is given; what is not given comes from the default grid
    of the device. A point that runs out of memory, or that cannot be compiled, is a result too.
    """
    begin(reference, STAGES[7])
    asked: dict[str, Sequence[Any] | None]
    asked = {"width": width, "depth": depth, "context": context, "batch": batch, "vocab": vocab}
    asked |= {"dtype": dtype, "compile": compile, "attention": attention}
    device = find_device(device)
    given = {name: values for name, values in asked.items() if values}
    points = make_points(given, GRIDS[device])
    folder = writable(out or RUNS / "bench")
    limits = find_limits(against, device, sorted({point.dtype for point in points}))
    when = datetime.now().astimezone()
    path = folder / f"model-{when:%Y%m%d-%H%M%S}.jsonl"
    first = {"when": when.isoformat(timespec="seconds"), "device": device, "repeats": repeats}
    first |= {"machine": machine.facts(["torch", "numpy"]), "threads": threads()}
    records = run(points, device, limits, repeats, path, first | {"limits": asdict(limits)})
    finish(records, limits, path, title=f"{machine.processor()}, {device}")


def run(
    points: Sequence[Point],
    device: str,
    limits: Any,
    repeats: int,
    path: Path,
    first: dict[str, Any],
) -> list[dict[str, Any]]:
    """Measure one after the other; each is on disk as soon as it is known."""
    records = []
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8") as lines:
        print(json.dumps(first), file=lines, flush=True)
        for number, point in enumerate(points, start=1):
            records.append(measure_point.measure(point, device, limits, repeats))
            print(json.dumps(records[-1]), file=lines, flush=True)
            say(f"{number} of {len(points)}: {', '.join(model_report.row(records[-1])[:8])}")
    return records


def finish(records: Sequence[dict[str, Any]], limits: Any, path: Path, *, title: str) -> None:
    from groundup.commands.bench.model_plot import draw  # matplotlib takes long to import

    say("\n".join(["", *model_report.lines(records), ""]))
    peaks = ", ".join(f"{name} {peak / 1e9:,.1f}" for name, peak in limits.peak_flops.items())
    rows = [("limits of", limits.name), ("GFLOP/s", peaks or "unknown")]
    rows.append(("GB/s", f"{limits.bandwidth / 1e9:,.1f}"))
    say(table([*rows, *model_report.summary(records)]))
    draw(records, limits, path.with_suffix(".png"), title=title)
    say(f"results {shown(path)}, plots {shown(path.with_suffix('.png'))} and .svg")


def make_points(asked: Grid, default: Grid) -> list[Point]:
    """Every combination of what is asked for, and of the default grid where nothing is."""
    from s08_benchmarking import sweep

    for name, choices in CHOICES.items():
        for value in asked.get(name, ()):
            if value not in choices:
                raise Refusal(f"--{name} {value}: write {' or '.join(choices)}", code=2)
    grid = {**default, **asked}
    if "compile" in asked:
        grid["compile"] = [value == "yes" for value in asked["compile"]]
    for name, values in asked.items():
        if any(isinstance(value, int) and value < 1 for value in values):
            raise Refusal(f"--{name} must be at least 1, found {min(values)}", code=2)
    try:
        return sweep(Point(), grid)
    except ValueError as error:
        raise Refusal(str(error), code=2) from None


def find_device(name: str) -> str:
    import torch

    from s06_training import best_device

    name = name or best_device()
    if name not in GRIDS:
        raise Refusal(f"--device {name}: write {', '.join(GRIDS)}", code=2)
    missing = {"cuda": not torch.cuda.is_available(), "mps": not torch.backends.mps.is_available()}
    if missing.get(name):
        raise Refusal(f"there is no {name} device here; write --device cpu", code=2)
    return name


def find_limits(name: str, device: str, dtypes: Sequence[str]) -> Any:
    """The `Device` to predict for: one of `DEVICES`, or what large products and copies reach."""
    from s08_benchmarking import DEVICES

    if not name:
        say("measuring this machine …")
        return this_machine.limits(device, dtypes)
    if name not in DEVICES:
        raise Refusal(f"--against {name}: write one of {', '.join(DEVICES)}", code=2)
    return DEVICES[name]


def threads() -> int:
    import torch

    return torch.get_num_threads()
