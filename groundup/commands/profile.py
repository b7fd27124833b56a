"""`groundup profile`: where the time of a training step goes, operation by operation."""

from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands import profiling
from groundup.commands.bench.grid_point import Point, Training, attention
from groundup.commands.bench.model import find_device, make_points
from groundup.commands.common import Reference, Refusal, begin, say, shown
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
    nsight: Annotated[
        bool,
        typer.Option("--nsight", help="To run under nsys or ncu: NVTX ranges of a step, no trace."),
    ] = False,
    reference: Reference = "",
) -> None:
    """Profile one training step: a Chrome trace, and tables by operation and by module.

    Open the trace at https://ui.perfetto.dev. With --nsight, NVIDIA's tools record the step
    instead, its phases and modules as NVTX ranges: only one profiler can listen to a GPU.
    """
    begin(reference, STAGES[7])
    device = find_device(device)
    if nsight and device != "cuda":
        raise Refusal(f"--nsight is for cuda, which nsys and ncu record, not for {device}", code=2)
    shape = {"width": width, "depth": depth, "context": context, "batch": batch, "vocab": vocab}
    out = out or RUNS / "bench" / "trace.json"
    if out.is_dir():
        raise Refusal(f"--out {out}: expected a file to write, found a folder", code=2)
    asked: dict[str, Any] = {**shape, "dtype": dtype, "attention": kernel}
    (point,) = make_points({name: [value] for name, value in asked.items()}, {})
    with attention(point.attention):
        training = warmed_up(point, device)
        if nsight:
            return record_for_nsight(training, device)
        averages = record(training, device, out)
    return tell(averages, device, out)


def tell(averages: list[Any], device: str, out: Path) -> None:
    say(table("operation, itself", profiling.by_operation(averages, MOST, device)))
    phases = list(Training.PHASES)
    say("\n" + table("phase or module, in all", profiling.by_range(averages, phases, device)))
    if device == "mps":
        say("\ntimes of operations and modules are those of the calls; phases wait for the device")
    say(f"\ntrace {shown(out)}; open it at https://ui.perfetto.dev")


def warmed_up(point: Point, device: str) -> Training:
    training = Training(point, device)
    for _ in range(WARMUP):
        training.step()
    return training


def run_phases(training: Training, device: str) -> None:
    """One step, its phases and modules in ranges; a phase ends when the device is done."""
    import torch

    synchronize = torch.get_device_module(device).synchronize
    synchronize()
    with profiling.ranges_of_modules(training.model, device):
        for name, phase in training.phases.items():
            with profiling.named_range(name, device, of_process=True):
                phase()
                synchronize()


def record(training: Training, device: str, out: Path) -> list[Any]:
    """By torch.profiler; the trace goes to `out`."""
    import torch

    activities = [torch.profiler.ProfilerActivity.CPU]
    if device == "cuda":
        activities.append(torch.profiler.ProfilerActivity.CUDA)
    with torch.profiler.profile(activities=activities) as profiler:
        run_phases(training, device)
    out.parent.mkdir(parents=True, exist_ok=True)
    profiler.export_chrome_trace(str(out))
    return list(profiler.key_averages())


def record_for_nsight(training: Training, device: str) -> None:
    """Between the calls that nsys and ncu begin and end at, if they are told to."""
    import torch

    torch.cuda.profiler.start()
    run_phases(training, device)
    torch.cuda.profiler.stop()


def table(title: str, rows: list[tuple[str, int, float]]) -> str:
    lines = [f"{title:<44}{'calls':>7}{'ms':>10}"]
    lines += [f"{name:<44}{calls:>7,}{time / 1e3:>10.2f}" for name, calls, time in rows]
    return "\n".join(lines)
