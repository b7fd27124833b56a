"""The step as NumPy arrays: a row for each operation."""

import numpy as np

from s04_transformer import ModelConfig

from . import memory, operations
from .devices import Device

BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2}


def predict(
    config: ModelConfig, batch: int, seq: int, device: Device, dtype: str
) -> tuple[dict[str, float], dict[str, str]]:
    try:
        size, peak = BYTES[dtype], device.peak_flops[dtype]
    except KeyError:
        raise ValueError(f"{device.name} and {dtype}: measure_device() finds a peak") from None
    rows = operations.table(config, batch, seq)
    m, k, n, times = np.array([sides for _, *sides in rows], dtype=np.float64).T
    kept = memory.training(config, batch, seq, "float32" if size == 4 else "bfloat16")
    gradients = weights = kept["gradients"]
    optimizer = 2 * (weights + kept["optimizer_state"]) + gradients  # only gradients stay as read
    moved = 3 * size * times * (m * k + k * n + m * n)
    waits = np.array([*moved, 2 * kept["activations"], optimizer]) / device.bandwidth
    works = np.array([*(6 * times * m * k * n), 0.0, 0.0]) / peak
    names = list(dict.fromkeys(name for name, *_ in rows)) + ["elementwise", "optimizer"]
    labels = np.where(works > waits, "compute", "memory").tolist()
    seconds = np.maximum(works, waits).tolist()
    return dict(zip(names, seconds, strict=True)), dict(zip(names, labels, strict=True))
