"""Stage 03: causal self-attention with rotary position embedding."""

from .adapter import CausalSelfAttention, RotaryEmbedding, scaled_dot_product_attention

__all__ = ["CausalSelfAttention", "RotaryEmbedding", "scaled_dot_product_attention"]
