"""Stage 08: count what a step costs, time it, and compare configurations."""

from .adapter import (
    DEVICES,
    Device,
    Prediction,
    StepTimes,
    count_parameters,
    forward_flops,
    measure_device,
    peak_memory,
    predict_step,
    sweep,
    time_steps,
    training_flops,
    training_memory,
    utilisation,
)

__all__ = [
    "DEVICES",
    "Device",
    "Prediction",
    "StepTimes",
    "count_parameters",
    "forward_flops",
    "measure_device",
    "peak_memory",
    "predict_step",
    "sweep",
    "time_steps",
    "training_flops",
    "training_memory",
    "utilisation",
]
