"""The pieces in files of their own; products as einsum, a fused gate, gather for the loss."""

from .layers import Embedding, Linear, RMSNorm, SwiGLU
from .losses import cross_entropy
from .pointwise import silu, softmax

__all__ = ["Embedding", "Linear", "RMSNorm", "SwiGLU", "cross_entropy", "silu", "softmax"]
