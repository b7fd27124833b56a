"""Everything but the configuration in one file."""

from .adapter import Diverged, Leak, TrainConfig, TrainResult, best_device
from .naive import evaluate, load_checkpoint, load_model, sample_batch, save_checkpoint, train

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
