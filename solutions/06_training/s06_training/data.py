"""Ids on disk, opened and checked before any training."""

from pathlib import Path

import numpy as np

from s01_bpe import open_tokens
from s04_transformer import ModelConfig


def open_checked(field: str, path: Path, model: ModelConfig) -> np.memmap:
    """The ids of `path`, if `model` can be trained on them; `field` names the setting to change."""
    tokens = open_tokens(path)
    if len(tokens) <= model.context_length:
        raise ValueError(
            f"{field}: {path} holds {len(tokens)} ids, but model.context_length "
            f"({model.context_length}) needs at least {model.context_length + 1}"
        )
    largest = int(tokens.max())
    if largest >= model.vocab_size:
        raise ValueError(
            f"{field}: {path} holds id {largest}, but model.vocab_size ({model.vocab_size}) only "
            f"has ids under it; set model.vocab_size to the tokenizer's, or encode the text again"
        )
    return tokens
