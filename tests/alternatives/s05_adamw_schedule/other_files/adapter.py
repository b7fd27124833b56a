"""Only the contract's names are here; each lives in a file of its own."""

from .clipping import clip_gradients
from .optimizer import AdamW
from .schedule import cosine_schedule

__all__ = ["AdamW", "clip_gradients", "cosine_schedule"]
