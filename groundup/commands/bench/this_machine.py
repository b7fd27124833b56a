"""What this machine reaches: the peak of a large product, the bandwidth of a large copy."""

from collections.abc import Sequence
from typing import Any

SIZES = {"cpu": 2048, "mps": 4096, "cuda": 8192}
"""Of the matrices: a product takes milliseconds, beside which a kernel's start is nothing. In
bfloat16 an RTX 4090 needs 0.1 ms for matrices of 2,048 and 7 ms for those of 8,192."""


def limits(device: str, dtypes: Sequence[str]) -> Any:
    """A `Device` of stage 08, the learner's or the reference's."""
    from s08_benchmarking import measure_device

    return measure_device(device, dtypes, size=SIZES[device])
