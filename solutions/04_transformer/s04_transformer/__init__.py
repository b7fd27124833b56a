"""Stage 04: the Transformer language model, and its configuration."""

from .adapter import ModelConfig, TransformerBlock, TransformerLM

__all__ = ["ModelConfig", "TransformerBlock", "TransformerLM"]
