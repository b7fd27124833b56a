"""Ids on disk, opened and checked before any training, and batches of them."""

from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor

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


def draw_windows(
    tokens: Integer[np.ndarray, " count"],
    batch_size: int,
    context_length: int,
    device: torch.device | str,
    generator: torch.Generator,
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]:
    if len(tokens) <= context_length:
        raise ValueError(
            f"tokens holds {len(tokens)} ids, but context_length ({context_length}) needs "
            f"at least {context_length + 1}: its inputs and one more target"
        )
    starts = torch.randint(len(tokens) - context_length, (batch_size,), generator=generator)
    windows = np.lib.stride_tricks.sliding_window_view(tokens, context_length + 1)
    batch = torch.from_numpy(windows[starts.numpy()].astype(np.int64)).to(device)
    return batch[:, :-1], batch[:, 1:]
