"""Stage 03 in files by topic; one matrix product for queries, keys and values."""

from .adapter import CausalSelfAttention, RotaryEmbedding, scaled_dot_product_attention

__all__ = ["CausalSelfAttention", "RotaryEmbedding", "scaled_dot_product_attention"]
