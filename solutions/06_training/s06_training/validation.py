"""What makes a training configuration impossible, said so that the field is easy to find."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import TrainConfig

COUNTS = (
    "steps",
    "batch_size",
    "accumulation_steps",
    "eval_every",
    "checkpoint_every",
    "log_every",
)
NOT_NEGATIVE = ("warmup_steps", "min_lr", "eps", "weight_decay", "keep_last", "seed")
CHOICES = {"dtype": ("float32", "bfloat16"), "wandb": ("disabled", "offline", "online")}


def validate(config: "TrainConfig") -> None:
    for name in COUNTS:
        _require(getattr(config, name) >= 1, config, name, "must be at least 1")
    for name in NOT_NEGATIVE:
        _require(getattr(config, name) >= 0, config, name, "must be at least 0")
    for name, choices in CHOICES.items():
        among = f"must be one of {', '.join(map(repr, choices))}"
        _require(getattr(config, name) in choices, config, name, among)
    for name, limit in (("eval_windows", 1), ("entropy_floor", 0)):
        value = getattr(config, name)
        _require(value is None or value >= limit, config, name, f"must be None or at least {limit}")
    for name in ("max_grad_norm", "checkpoint_minutes"):
        value = getattr(config, name)
        _require(value is None or value > 0, config, name, "must be None or above 0")
    in_range = all(0 <= beta < 1 for beta in config.betas)
    _require(in_range, config, "betas", "must be at least 0 and under 1")
    _require(config.max_lr > 0, config, "max_lr", "must be above 0")
    # AdamW divides the learning rate by 1 - β₁ᵗ, and takes that many times a float32.
    largest = 3.4e38 * (1 - config.betas[0])
    _require(config.max_lr <= largest, config, "max_lr", f"must be at most {largest:.3g}")
    at_most = f"must be at most max_lr ({config.max_lr})"
    _require(config.min_lr <= config.max_lr, config, "min_lr", at_most)
    at_most = f"must be at most steps ({config.steps})"
    _require(config.warmup_steps <= config.steps, config, "warmup_steps", at_most)


def _require(holds: bool, config: "TrainConfig", name: str, what: str) -> None:
    if not holds:
        raise ValueError(f"{name} ({getattr(config, name)!r}) {what}")
