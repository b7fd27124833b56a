"""Stage 02: the layers that a Transformer is made of."""

from .adapter import (
    Embedding,
    Linear,
    RMSNorm,
    SwiGLU,
    cross_entropy,
    silu,
    softmax,
)

__all__ = ["Embedding", "Linear", "RMSNorm", "SwiGLU", "cross_entropy", "silu", "softmax"]
