"""What this machine reaches: the peak of a large product, the bandwidth of a large copy; what it
has: its memory."""

import contextlib
import dataclasses
import os
import timeit
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SIZES = {"cpu": 2048, "mps": 4096, "cuda": 8192}
"""Of the matrices: a product takes milliseconds, beside which a kernel's start is nothing. In
bfloat16 an RTX 4090 needs 0.1 ms for matrices of 2,048 and 7 ms for those of 8,192."""

LEAST_SIZE, PATIENCE = 256, 1.0
"""A processor without instructions for bfloat16 takes half a minute for matrices of 2,048. They are
smaller where a product would take longer than so many seconds."""

LIMITS_OF_CONTAINERS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def limits(device: str, dtypes: Sequence[str]) -> Any:
    """A `Device` of stage 08, the learner's or the reference's."""
    from s08_benchmarking import measure_device

    by_size: dict[int, list[str]] = {}
    for dtype in dtypes:
        by_size.setdefault(size_for(device, dtype), []).append(dtype)
    each = [measure_device(device, together, size=size) for size, together in by_size.items()]
    peaks = {dtype: peak for one in each for dtype, peak in one.peak_flops.items()}
    source = "; ".join(one.source for one in each)
    return dataclasses.replace(each[0], peak_flops=peaks, source=source, memory=memory(device))


def size_for(device: str, dtype: str) -> int:
    """Of matrices whose product is measured."""
    size = SIZES[device]
    if device == "cpu":
        seconds = seconds_of_product(dtype)
        while size > LEAST_SIZE and seconds * (size / LEAST_SIZE) ** 3 > PATIENCE:
            size //= 2
    return size


def seconds_of_product(dtype: str) -> float:
    """Of two matrices of the least size on the CPU, the best of three."""
    import torch

    matrix = torch.ones(LEAST_SIZE, LEAST_SIZE, dtype=getattr(torch, dtype))
    return min(timeit.repeat(lambda: torch.mm(matrix, matrix), number=1, repeat=3))


def memory(device: str) -> int | None:
    """Bytes that its tensors can have at most, where that is known."""
    import torch

    if device == "cuda":
        return torch.cuda.get_device_properties(0).total_memory
    if device == "mps":
        return torch.mps.recommended_max_memory()
    found = physical_memory()
    return None if found == float("inf") else int(found)


def physical_memory() -> float:
    """Bytes of this machine, where the system says, or of the container this runs in."""
    found = [float("inf")]
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        found.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in LIMITS_OF_CONTAINERS:
        with contextlib.suppress(OSError, ValueError):  # there is none, or it is "max"
            found.append(int(limit.read_text(encoding="ascii")))
    return min(found)
