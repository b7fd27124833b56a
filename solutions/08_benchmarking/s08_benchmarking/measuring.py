"""What this machine does: peak memory of a step, FLOP/s of a product, bytes/s of a copy."""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from .devices import Device


def peak(step: Callable[[], object], device: torch.device) -> int:
    ways = {"cuda": peak_on_cuda, "mps": peak_on_mps, "cpu": peak_on_cpu}
    if device.type not in ways:
        raise ValueError(f"no way to measure memory on {device.type}; use one of {', '.join(ways)}")
    return ways[device.type](step, device)


def peak_on_cuda(step: Callable[[], object], device: torch.device) -> int:
    torch.cuda.synchronize(device)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    step()
    torch.cuda.synchronize(device)
    return torch.cuda.max_memory_allocated(device) - before


def peak_on_mps(step: Callable[[], object], device: torch.device) -> int:
    torch.mps.synchronize()
    torch.mps.empty_cache()
    before = torch.mps.driver_allocated_memory()
    step()
    torch.mps.synchronize()
    return torch.mps.driver_allocated_memory() - before


def peak_on_cpu(step: Callable[[], object], device: torch.device) -> int:
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        step()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profile.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = [event for event in events if event["name"] == "[memory]"]
    held = highest = 0
    for change in sorted(changes, key=lambda event: event["ts"]):
        held += change["args"]["Bytes"]
        highest = max(highest, held)
    return highest


Seconds = Callable[[Callable[[], object]], float]
"""How long a step takes."""


def measured(
    seconds: Seconds, device: torch.device, dtypes: Sequence[str], size: int, copied_bytes: int
) -> Device:
    return Device(
        name=str(device),
        peak_flops={dtype: product_flops(seconds, device, dtype, size) for dtype in dtypes},
        bandwidth=copy_bandwidth(seconds, device, copied_bytes),
        source=f"measured: product of {size} by {size} matrices, copy of {copied_bytes:,} bytes",
    )


def product_flops(seconds: Seconds, device: torch.device, dtype: str, size: int) -> float:
    """FLOP/s of a (size, size) by (size, size) product."""
    matrix = torch.ones(size, size, device=device, dtype=getattr(torch, dtype))
    out = torch.empty_like(matrix)
    return 2 * size**3 / seconds(lambda: torch.mm(matrix, matrix, out=out))


def copy_bandwidth(seconds: Seconds, device: torch.device, copied_bytes: int) -> float:
    """Bytes read and bytes written per second by a copy."""
    source = torch.zeros(copied_bytes, device=device, dtype=torch.uint8)
    target = torch.empty_like(source)
    return 2 * copied_bytes / seconds(lambda: target.copy_(source))
