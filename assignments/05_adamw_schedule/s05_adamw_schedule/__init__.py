"""Stage 05: the optimizer, the learning-rate schedule and gradient clipping."""

from .adapter import AdamW, clip_gradients, cosine_schedule

__all__ = ["AdamW", "clip_gradients", "cosine_schedule"]
