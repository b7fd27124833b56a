"""What a training step should cost by stage 08, yours or the reference's."""

from collections.abc import Mapping
from dataclasses import dataclass

from s04_transformer import ModelConfig
from s08_benchmarking import (
    Budget,
    Device,
    count_parameters,
    forward_flops,
    largest_batch,
    memory_by_moment,
    moved_bytes,
    predict_step,
    training_budget,
    training_memory,
    utilisation,
)


@dataclass(frozen=True)
class Point:
    """Operations that stand at one place under the roof."""

    names: list[str]
    intensity: float
    """FLOP for each byte."""
    rate: float
    """FLOP/s."""


@dataclass(frozen=True)
class Cost:
    """A training step of a configuration on a device, at best."""

    parameters: int
    flops: int
    moment: str
    """At which most memory is needed."""
    memory: dict[str, int]
    """What fills it then."""
    largest_batch: int | None
    """That fits; None where the device's memory is not known."""
    seconds: dict[str, float]
    total: float
    tokens_per_second: float
    utilisation: float
    points: list[Point]
    budget: Budget
    """Of all the tokens to train on, if every step were at its best."""


def expected_cost(
    config: ModelConfig, batch: int, device: Device, dtype: str, *, tokens: int, price: float = 0.0
) -> Cost:
    """The context is full: a sequence has `context_length` tokens. `price` is that of an hour."""
    seq, peak = config.context_length, device.peak_flops[dtype]
    prediction = predict_step(config, batch, seq, device, dtype)
    flops = {name: 3 * each for name, each in forward_flops(config, batch, seq).items()}
    kept_as = "bfloat16" if dtype == "bfloat16" else "float32"
    moment, memory = _worst_moment(config, batch, kept_as)
    return Cost(
        parameters=count_parameters(config),
        flops=sum(flops.values()),
        moment=moment,
        memory=memory,
        largest_batch=largest_batch(config, seq, device, kept_as) if device.memory else None,
        seconds=prediction.seconds,
        total=prediction.total,
        tokens_per_second=batch * seq / prediction.total,
        utilisation=utilisation(float(sum(flops.values())), prediction.total, peak),
        points=_points(moved_bytes(config, batch, seq, dtype), flops, prediction.seconds),
        budget=training_budget(
            tokens, batch=batch, seq=seq, step_seconds=prediction.total, price_per_hour=price
        ),
    )


REST = {"loss": "logits", "backward": "activations of a block", "update": "denominator"}


def _worst_moment(config: ModelConfig, batch: int, dtype: str) -> tuple[str, dict[str, int]]:
    """Its name, and the bytes of what is there: the kinds never are all at once."""
    kinds = training_memory(config, batch, config.context_length, dtype)
    moments = memory_by_moment(config, batch, config.context_length, dtype)
    moment = max(moments, key=lambda name: moments[name])
    if moment == "loss":
        there = {name: kinds[name] for name in ("parameters", "optimizer_state", "activations")}
    else:
        # Without the copies of mixed precision, the parameters are as large as their gradients.
        there = {"parameters": kinds["gradients"], "gradients": kinds["gradients"]}
        there["optimizer_state"] = kinds["optimizer_state"]
    return moment, there | {REST[moment]: moments[moment] - sum(there.values())}


def _points(
    moved: Mapping[str, int], flops: Mapping[str, int], seconds: Mapping[str, float]
) -> list[Point]:
    """`moved` counts the forward pass alone, `flops` and `seconds` the whole step."""
    points: dict[tuple[float, float], list[str]] = {}
    for name, each in flops.items():
        points.setdefault((each / (3 * moved[name]), each / seconds[name]), []).append(name)
    return [Point(names, *place) for place, names in sorted(points.items())]
