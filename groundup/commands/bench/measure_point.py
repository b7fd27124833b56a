"""What a step was predicted to cost, and what it did cost."""

import contextlib
import gc
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from groundup.commands.bench.grid_point import Point, Training, attention

WARMUP = 2
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "not enough memory")
LIMITS_OF_CONTAINERS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def measure(point: Point, device: str, limits: Any, repeats: int) -> dict[str, Any]:
    """A record of a point; one that runs out of memory has `error` in place of `measured`.

    `limits` is the `Device` that the prediction is for.
    """
    record: dict[str, Any] = {"point": asdict(point), "predicted": predict(point, limits)}
    if device == "cpu" and record["predicted"]["peak_memory"] > physical_memory():
        # Such an allocation would not fail: the system would end this process.
        return record | {"error": "out of memory"}
    try:
        with attention(point.attention):
            record["measured"] = _run(point, device, repeats)
    except (RuntimeError, MemoryError) as error:
        if isinstance(error, RuntimeError) and not _is_out_of_memory(error):
            raise
        record["error"] = "out of memory"
    _forget(device)
    if (peak := record["predicted"].get("peak_flops")) and "measured" in record:
        from s08_benchmarking import utilisation

        seconds = record["measured"]["step"]["median"]
        record["measured"]["mfu"] = utilisation(record["predicted"]["flops"], seconds, peak)
    return record


def predict(point: Point, limits: Any) -> dict[str, Any]:
    """Without seconds where the device has no peak for the dtype."""
    from s08_benchmarking import memory_by_moment, moved_bytes, predict_step, training_flops

    shape = point.model, point.batch, point.context
    moments = memory_by_moment(*shape, point.dtype)
    found = {
        "flops": training_flops(*shape),
        "product_bytes": 3 * sum(moved_bytes(*shape, point.dtype).values()),
        "memory": moments,
        "peak_memory": max(moments.values()),
    }
    if point.dtype not in limits.peak_flops:
        return found
    roofline = predict_step(*shape, limits, point.dtype)
    return found | {
        "seconds": roofline.total,
        "by_operation": roofline.seconds,
        "peak_flops": limits.peak_flops[point.dtype],
    }


def physical_memory() -> float:
    """Bytes of this machine, where the system says, or of the container this runs in."""
    found = [float("inf")]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in LIMITS_OF_CONTAINERS:
        with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
            found.append(int(limit.read_text(encoding="ascii")))
    return min(found)


def _run(point: Point, device: str, repeats: int) -> dict[str, Any]:
    import torch

    from s08_benchmarking import peak_memory, time_phases, time_steps

    training = Training(point, device)
    synchronize = torch.get_device_module(device).synchronize
    settings: dict[str, Any] = {"repeats": repeats, "synchronize": synchronize}
    phases = time_phases(training.phases, warmup=WARMUP, **settings)
    # To wait after each phase takes a GPU time that a step has not to spend.
    step = time_steps(training.step, warmup=1, **settings)
    count = sum(each.numel() for each in training.model.parameters())
    training.forward()
    loss = float(training.loss.detach())
    training.loss = None
    # What the formulas count from zero, `peak_memory` counts beyond weights and moments.
    peak = 12 * count + peak_memory(training.step, device)
    return {
        "step": asdict(step),
        "split": phases.split,
        "first": phases.first,
        "tokens_per_second": point.tokens / step.median,
        "peak_memory": peak,
        "loss": loss,
    }


def _is_out_of_memory(error: RuntimeError) -> bool:
    return any(words in str(error).lower() for words in OUT_OF_MEMORY)


def _forget(device: str) -> None:
    """Give back what the last point held, or the next one runs out of memory for it."""
    import torch

    gc.collect()
    torch.compiler.reset()
    if device != "cpu":
        torch.get_device_module(device).empty_cache()
