"""Each count written out as a formula, and everything in two files."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from s04_transformer import ModelConfig

from . import grids, plans
from .devices import DEVICES as DEVICES
from .devices import Device as Device
from .plans import memory_by_moment as memory_by_moment
from .plans import time_phases as time_phases
from .plans import training_budget as training_budget
from .results import Budget as Budget
from .results import PhaseTimes as PhaseTimes
from .results import StepTimes as StepTimes

Config = TypeVar("Config")


def count_parameters(config: ModelConfig) -> int:
    d = config.d_model
    block = 4 * d * d + 2 * d * config.d_ff
    if config.ffn == "swiglu":
        block += d * config.d_ff
    if config.norm != "none":
        block += 2 * d
    total = config.num_layers * block + config.vocab_size * d
    if config.norm == "pre":
        total += d
    if not config.tie_embeddings:
        total += config.vocab_size * d
    return total


def forward_flops(config: ModelConfig, batch: int, seq: int) -> dict[str, int]:
    d, layers, tokens = config.d_model, config.num_layers, batch * seq
    projection = 2 * layers * tokens * d * d
    # d_head and the number of heads cancel.
    attention = 2 * layers * tokens * seq * d
    return {
        "lm_head": 2 * tokens * d * config.vocab_size,
        "ffn": (6 if config.ffn == "swiglu" else 4) * layers * tokens * d * config.d_ff,
        "scores": attention,
        "weighted_values": attention,
        **dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), projection),
    }


def training_flops(config: ModelConfig, batch: int, seq: int) -> int:
    forward = sum(forward_flops(config, batch, seq).values())
    backward = 2 * forward
    return forward + backward


def training_memory(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    if dtype not in ("float32", "bfloat16"):
        raise ValueError(f"no memory is known for {dtype}")
    mixed, gated = dtype == "bfloat16", config.ffn == "swiglu"
    b, tokens, d, f = (2 if mixed else 4), batch * seq, config.d_model, config.d_ff
    count = count_parameters(config)
    matrices = config.num_layers * (4 * d * d + (3 if gated else 2) * d * f)
    matrices += config.vocab_size * d
    inputs = (6 if gated else 5) if mixed else 3
    scores = batch * config.num_heads * seq**2
    layer = (inputs + 3) * tokens * d * b
    layer += 4 * scores + b * scores
    layer += (5 if gated else 3) * tokens * f * b
    if config.norm != "none":
        layer += 2 * 2 * tokens * d * 4
    last_norm = 2 * tokens * d * 4 if config.norm == "pre" else 0
    head = tokens * d * b + tokens * config.vocab_size * 4
    return {
        "activations": config.num_layers * layer + last_norm + head,
        "optimizer_state": 2 * 4 * count,
        "gradients": 4 * count,
        "parameters": 4 * count + (2 * matrices if mixed else 0),
    }


def time_steps(
    step: Callable[[], object],
    *,
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> StepTimes:
    """A step begins with the reading that the one before it ends with."""
    if repeats <= 0:
        raise ValueError(f"repeats is {repeats}: nothing to time")
    if warmup < 0:
        raise ValueError(f"warmup is {warmup}")
    for _ in range(warmup):
        step()
        synchronize()
    synchronize()
    readings = [clock()]
    while len(readings) <= repeats:
        step()
        synchronize()
        readings.append(clock())
    ordered = sorted(b - a for a, b in zip(readings, readings[1:], strict=False))

    def percentile(tenths: int) -> float:
        whole, part = divmod(tenths * (repeats - 1), 10)
        below, above = ordered[whole], ordered[min(whole + 1, repeats - 1)]
        return below + (above - below) * part / 10

    return StepTimes(percentile(5), percentile(1), percentile(9))


def peak_memory(step: Callable[[], object], device: torch.device | str) -> int:
    kind = torch.device(device).type
    if kind == "cpu":
        return _peak_on_cpu(step)
    if kind not in ("cuda", "mps"):
        raise ValueError(f"the peak on {kind} cannot be measured")
    there = torch.get_device_module(kind)
    there.synchronize()
    if kind == "cuda":
        there.reset_peak_memory_stats()
        held, highest = there.memory_allocated, there.max_memory_allocated
    else:
        there.empty_cache()
        held = highest = there.driver_allocated_memory
    start = held()
    step()
    there.synchronize()
    return highest() - start


def _peak_on_cpu(step: Callable[[], object]) -> int:
    with torch.profiler.profile(profile_memory=True) as profile:
        step()
    changes = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    sums = [0]
    for change in sorted(changes, key=lambda event: event.start_ns()):
        sums.append(sums[-1] + change.nbytes())
    return max(sums)


def utilisation(flops: float, seconds: float, peak: float) -> float:
    if not (seconds > 0 and peak > 0):
        raise ValueError(f"{seconds} seconds and a peak of {peak}: both must be above 0")
    return flops / (seconds * peak)


def measure_device(
    device: torch.device | str = "cpu",
    dtypes: Sequence[str] = ("float32",),
    *,
    size: int = 2048,
    copied_bytes: int = 2**28,
    repeats: int = 10,
    clock: Callable[[], float] = time.perf_counter,
) -> Device:
    wait = torch.get_device_module(torch.device(device)).synchronize

    def median(step: Callable[[], object]) -> float:
        times = time_steps(step, warmup=3, repeats=repeats, synchronize=wait, clock=clock)
        return times.median

    peaks = {}
    for dtype in dtypes:
        a = torch.full((size, size), 0.5, device=device).to(getattr(torch, dtype))
        peaks[dtype] = 2 * size * size * size / median(lambda a=a: a @ a)
    original = torch.arange(copied_bytes, device=device).to(torch.int8)
    copied = median(lambda: original.clone())
    return Device(
        name=str(device),
        peak_flops=peaks,
        bandwidth=(copied_bytes + copied_bytes) / copied,
        source="measured here",
    )


@dataclass(frozen=True)
class Prediction:
    seconds: dict[str, float]
    bound: dict[str, str]

    @property
    def total(self) -> float:
        total = 0.0
        for each in self.seconds.values():
            total += each
        return total


def predict_step(
    config: ModelConfig, batch: int, seq: int, device: Device, dtype: str
) -> Prediction:
    size = {"float32": 4, "tf32": 4, "bfloat16": 2}.get(dtype)
    peak = device.peak_flops.get(dtype)
    if size is None or peak is None:
        raise ValueError(f"no peak of {device.name} in {dtype}")
    kept = training_memory(config, batch, seq, "bfloat16" if size == 2 else "float32")
    compute = {name: 3 * f / peak for name, f in forward_flops(config, batch, seq).items()}
    moved = {name: 3 * size * n for name, n in _numbers_moved(config, batch, seq).items()}
    moved["elementwise"] = 2 * kept["activations"]
    moved["optimizer"] = (4 + 3) * 4 * count_parameters(config)
    seconds, bound = {}, {}
    for name, each in moved.items():
        waiting, computing = each / device.bandwidth, compute.get(name, 0.0)
        seconds[name] = max(waiting, computing)
        bound[name] = "compute" if computing > waiting else "memory"
    return Prediction(seconds, bound)


def moved_bytes(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    if dtype not in ("float32", "tf32", "bfloat16"):
        raise ValueError(f"{dtype} has no size here")
    size = 2 if dtype == "bfloat16" else 4
    return {name: size * each for name, each in _numbers_moved(config, batch, seq).items()}


def largest_batch(config: ModelConfig, seq: int, device: Device, dtype: str) -> int:
    """Every moment grows by a constant for each sequence, but for what is rounded down."""
    return plans.largest(lambda batch: plans.memory_by_moment(config, batch, seq, dtype), device)


def _numbers_moved(config: ModelConfig, batch: int, seq: int) -> dict[str, int]:
    d, f, v, layers = config.d_model, config.d_ff, config.vocab_size, config.num_layers
    tokens, heads = batch * seq, batch * config.num_heads
    projection = layers * (2 * tokens * d + d * d)
    attention = layers * (2 * tokens * d + heads * seq * seq)
    numbers = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), projection)
    numbers |= {"scores": attention, "weighted_values": attention}
    matrices = 3 if config.ffn == "swiglu" else 2
    numbers["ffn"] = layers * matrices * (tokens * d + d * f + tokens * f)
    return numbers | {"lm_head": tokens * d + d * v + tokens * v}


def sweep(base_config: Config, grid: Mapping[str, Sequence[Any]]) -> list[Config]:
    return grids.sweep(base_config, grid)
