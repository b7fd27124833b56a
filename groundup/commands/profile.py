"""`groundup profile`: where the time of a training step goes, operation by operation."""

from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands import profiling
from groundup.commands.bench.grid_point import Point, Training, attention
from groundup.commands.bench.model import find_device, make_points
from groundup.commands.common import Reference, begin, say, shown
from groundup.commands.train import RUNS
from groundup.stages import STAGES

MOST = 15
WARMUP = 3


def profile(
    width: Annotated[int, typer.Option(help="d_model, a multiple of 32.")] = 128,
    depth: Annotated[int, typer.Option(help="Blocks.")] = 3,
    context: Annotated[int, typer.Option(help="Tokens of a sequence.")] = 128,
    batch: Annotated[int, typer.Option(help="Sequences of a step.")] = 4,
    vocab: Annotated[int, typer.Option(help="Tokens of the vocabulary.")] = 512,
    dtype: Annotated[str, typer.Option(help="float32 or bfloat16.")] = "float32",
    kernel: Annotated[
        str, typer.Option("--attention", help="own, or fused: torch's kernel in its place.")
    ] = "own",
    device: Annotated[
        str, typer.Option(help="cuda, mps or cpu. The best there is if not given.")
    ] = "",
    out: Annotated[
        Path | None, typer.Option(help="The trace. runs/bench/trace.json if not given.")
    ] = None,
    reference: Reference = "",
) -> None:
    """Profile one training step: a Chrome trace, and tables by operation and by module.

    Open the trace at https://ui.perfetto.dev. On CUDA the phases and modules are NVTX ranges too.
    """
    begin(reference, STAGES[7])
    device = find_device(device)
    shape = {"width": width, "depth": depth, "context": context, "batch": batch, "vocab": vocab}
    asked: dict[str, Any] = {**shape, "dtype": dtype, "attention": kernel}
    (point,) = make_points({name: [value] for name, value in asked.items()}, {})
    out = out or RUNS / "bench" / "trace.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    with attention(point.attention):
        averages = record(point, device, out)
    on_device = "device_time_total" if device == "cuda" else "cpu_time_total"
    say(table("operation, itself", profiling.by_operation(averages, MOST, on_device)))
    phases = list(Training.PHASES)
    say("\n" + table("phase or module, in all", profiling.by_range(averages, phases, on_device)))
    say(f"\ntrace {shown(out)}; open it at https://ui.perfetto.dev")


def record(point: Point, device: str, out: Path) -> list[Any]:
    """One step after some that warm up; the trace goes to `out`."""
    import torch

    training = Training(point, device)
    for _ in range(WARMUP):
        training.step()
    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    with (
        torch.profiler.profile(activities=activities) as profiler,
        profiling.ranges_of_modules(training.model, device),
    ):
        for name, phase in training.phases.items():
            with profiling.named_range(name, device):
                phase()
                synchronize()
    profiler.export_chrome_trace(str(out))
    return list(profiler.key_averages())


def table(title: str, rows: list[tuple[str, int, float]]) -> str:
    lines = [f"{title:<44}{'calls':>7}{'ms':>10}"]
    lines += [f"{name:<44}{calls:>7,}{time / 1e3:>10.2f}" for name, calls, time in rows]
    return "\n".join(lines)
