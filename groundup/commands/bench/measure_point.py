"""What a step was predicted to cost, and what it did cost."""

import gc
from dataclasses import asdict
from typing import Any

from groundup.commands.bench import this_machine
from groundup.commands.bench.grid_point import Point, Training, attention
from groundup.memory import is_out_of_memory

WARMUP = 2


def measure(point: Point, device: str, limits: Any, repeats: int) -> dict[str, Any]:
    """A record of a point; one that runs out of memory, or that torch.compile cannot compile (for
    which a CPU needs a C++ compiler), has `error` in place of `measured`.

    `limits` is the `Device` that the prediction is for.
    """
    record: dict[str, Any] = {"point": asdict(point), "predicted": predict(point, limits)}
    if device == "cpu" and record["predicted"]["peak_memory"] > this_machine.physical_memory():
        # Such an allocation would not fail: the system would end this process.
        return record | {"error": "out of memory"}
    try:
        with attention(point.attention):
            record["measured"] = _run(point, device, repeats)
    except (RuntimeError, MemoryError) as error:
        record |= _as_result(error)
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


def _as_result(error: RuntimeError | MemoryError) -> dict[str, str]:
    """What a point that cannot be measured says; any other error is raised again."""
    from torch._dynamo.exc import TorchDynamoException

    if is_out_of_memory(error):
        return {"error": "out of memory"}
    if isinstance(error, TorchDynamoException):
        return {"error": "does not compile", "why": str(error).partition("\n")[0]}
    raise error


def _forget(device: str) -> None:
    """Give back what the last point held, or the next one runs out of memory for it."""
    import torch

    gc.collect()
    torch.compiler.reset()
    if device != "cpu":
        torch.get_device_module(device).empty_cache()
