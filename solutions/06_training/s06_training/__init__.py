"""Stage 06: the training loop, from ids on disk to a checkpoint that can be resumed."""

from .adapter import (
    Diverged,
    Leak,
    TrainConfig,
    TrainResult,
    best_device,
    evaluate,
    load_checkpoint,
    load_model,
    sample_batch,
    save_checkpoint,
    train,
)

__all__ = [
    "Diverged",
    "Leak",
    "TrainConfig",
    "TrainResult",
    "best_device",
    "evaluate",
    "load_checkpoint",
    "load_model",
    "sample_batch",
    "save_checkpoint",
    "train",
]
