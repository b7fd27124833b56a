"""The least time of a step: each operation under the roof of its device."""

from s04_transformer import ModelConfig

from . import memory, operations
from .devices import Device

BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2}
OPTIMIZER_BYTES = 28
"""AdamW, for each parameter: reads weight, gradient and moments, writes weight and moments."""


def predict(
    config: ModelConfig, batch: int, seq: int, device: Device, dtype: str
) -> tuple[dict[str, float], dict[str, str]]:
    """Seconds, and what they are bound by, for each operation."""
    peaks, bandwidth = device.peak_flops, device.bandwidth
    if dtype not in peaks or dtype not in BYTES:
        raise ValueError(
            f"dtype ({dtype}) must be one of {', '.join(BYTES)} and have a peak; {device.name} "
            f"has {', '.join(peaks) or 'none'}. measure_device() measures those of its machine"
        )
    compute, traffic = {}, {}
    for product in operations.products(config, batch, seq):
        # The backward pass does everything twice: once for the input, once for the weight.
        compute[product.name] = 3 * product.flops / peaks[dtype]
        traffic[product.name] = 3 * product.elements * BYTES[dtype] / bandwidth
    kept = memory.activations(config, batch, seq, BYTES[dtype])
    traffic["elementwise"] = 2 * kept / bandwidth
    traffic["optimizer"] = OPTIMIZER_BYTES * operations.parameters(config) / bandwidth
    seconds = {name: max(compute.get(name, 0.0), traffic[name]) for name in traffic}
    bound = {name: "compute" if seconds[name] > traffic[name] else "memory" for name in traffic}
    return seconds, bound
