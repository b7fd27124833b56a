"""Stage 07: from logits to text."""

from .adapter import KVCache, generate, sample_token, stream, token_probabilities

__all__ = ["KVCache", "generate", "sample_token", "stream", "token_probabilities"]
