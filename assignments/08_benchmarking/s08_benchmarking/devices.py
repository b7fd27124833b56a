"""Published figures of devices. Given: nothing here is yours to write.

guides/laboratory.md has the addresses of the documents, and how each figure was checked.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Device:
    """What a device can do at best."""

    name: str
    """What people call it."""
    peak_flops: Mapping[str, float]
    """Dense matrix product FLOP/s by dtype, accumulated in float32. "tf32" is float32 after
    `torch.set_float32_matmul_precision("high")`. A dtype that is missing has no known peak."""
    bandwidth: float
    """Bytes per second between the device and its memory."""
    source: str
    """The document the figures are from."""
    counts: str = ""
    """Which operations the peaks count."""
    memory: int | None = None
    """Bytes as sold; None where it depends on the machine."""


TENSOR = "dense; bfloat16 and tf32 on tensor cores, accumulated in float32; float32 without them"
VECTOR = "Apple's teraflops: multiply-adds of the GPU, read as float32, not matrix products"
UNSTATED = "no peak: no statement of Apple's was found, measure yours"


def apple(name: str, bandwidth: float, source: str, teraflops: float | None = None) -> Device:
    return Device(
        name=f"Apple {name}",
        peak_flops={} if teraflops is None else {"float32": teraflops * 1e12},
        bandwidth=bandwidth,
        source=source,
        counts=UNSTATED if teraflops is None else VECTOR,
    )


M1_PRO = "Apple event (peak) and newsroom (bandwidth), October 2021"
M2_PRO, M4 = "Apple newsroom, January 2023", "Apple newsroom, October 2024"
M3 = "Apple, technical specifications of the MacBook Pro, November 2023"

DEVICES: dict[str, Device] = {
    "rtx3090": Device(
        name="NVIDIA GeForce RTX 3090",
        peak_flops={"float32": 35.6e12, "tf32": 35.6e12, "bfloat16": 71e12},
        bandwidth=936e9,
        memory=24 * 2**30,
        source="NVIDIA Ampere GA102 GPU Architecture whitepaper v2.1, appendix A",
        counts=TENSOR,
    ),
    "rtx4090": Device(
        name="NVIDIA GeForce RTX 4090",
        # Not 330: that is with float16 accumulation (330.3), or half the weights zero (330.4).
        peak_flops={"float32": 82.6e12, "tf32": 82.6e12, "bfloat16": 165.2e12},
        bandwidth=1008e9,
        memory=24 * 2**30,
        source="NVIDIA Ada GPU Architecture whitepaper, appendix A",
        counts=TENSOR,
    ),
    "a100": Device(
        name="NVIDIA A100 80 GB SXM",
        peak_flops={"float32": 19.5e12, "tf32": 156e12, "bfloat16": 312e12},
        bandwidth=2039e9,
        memory=80 * 2**30,
        source="NVIDIA A100 Tensor Core GPU data sheet, the figures without sparsity",
        counts=TENSOR,
    ),
    "h100": Device(
        name="NVIDIA H100 SXM",
        peak_flops={"float32": 66.9e12, "tf32": 494.7e12, "bfloat16": 989.4e12},
        bandwidth=3352e9,
        memory=80 * 2**30,
        source="NVIDIA H100 Tensor Core GPU Architecture whitepaper v1.04, table 3, dense",
        counts=TENSOR,
    ),
    "m1": apple(
        *("M1, 8-core GPU", 68.25e9),
        "Apple newsroom, November 2020 (peak); 128 bits of LPDDR4X-4266, not Apple's (bandwidth)",
        teraflops=2.6,
    ),
    "m1-pro": apple("M1 Pro, 16-core GPU", 200e9, M1_PRO, teraflops=5.2),
    "m1-max": apple("M1 Max, 32-core GPU", 400e9, M1_PRO, teraflops=10.4),
    "m1-ultra": apple(
        *("M1 Ultra, 64-core GPU", 800e9),
        "Apple event (peak) and newsroom (bandwidth), March 2022",
        teraflops=21.0,
    ),
    "m2": apple(
        *("M2, 10-core GPU", 100e9),
        "Apple event (peak) and newsroom (bandwidth), June 2022",
        teraflops=3.6,
    ),
    "m2-pro": apple("M2 Pro", 200e9, M2_PRO),
    "m2-max": apple("M2 Max", 400e9, M2_PRO),
    "m2-ultra": apple("M2 Ultra", 800e9, "Apple newsroom, June 2023"),
    "m3": apple("M3", 100e9, M3),
    "m3-pro": apple("M3 Pro", 150e9, M3),
    "m3-max": apple("M3 Max, 40-core GPU", 400e9, M3),
    "m3-ultra": apple("M3 Ultra", 819e9, "Apple, technical specifications of the Mac Studio, 2025"),
    "m4": apple("M4", 120e9, M4),
    "m4-pro": apple("M4 Pro", 273e9, M4),
    "m4-max": apple("M4 Max, 40-core GPU", 546e9, M4),
}
"""Devices with published figures."""
