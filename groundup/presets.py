"""The corpora and the training runs that have a name. All of their numbers are here."""

from dataclasses import dataclass
from typing import Any

SEPARATOR = "<|endoftext|>"


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """A text to train on. The number of stories counts only where they are made here."""

    vocab_size: int
    num_stories: int = 0
    num_valid_stories: int = 0
    seed: int = 0


CORPORA = {
    "embedded": Corpus(vocab_size=1024, num_stories=20_000, num_valid_stories=500),
    "tinystories": Corpus(vocab_size=10_000),
}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A training run: fields of `ModelConfig` and of `TrainConfig` by name.

    The vocabulary's size, the token files and the entropy floor come with the data.
    """

    summary: str
    data: str
    """The corpus it is made for, a key of `CORPORA`."""
    model: dict[str, Any]
    train: dict[str, Any]


PRESETS = {
    "demo": Preset(
        summary="0.9 M parameters on the embedded corpus, minutes on 2 cores",
        data="embedded",
        # Few heads and tiny batches: softmax is what a CPU waits for, and copying a name is learned
        # after so many updates, not after so many tokens.
        model={"context_length": 256, "d_model": 128, "num_layers": 3, "num_heads": 2, "d_ff": 344},
        train={
            "steps": 2_000,
            "batch_size": 2,
            "max_lr": 3e-3,
            "min_lr": 1e-4,
            "warmup_steps": 75,
            "betas": (0.9, 0.98),
            "eps": 1e-8,
            "weight_decay": 0.1,
            "max_grad_norm": 1.0,
            "eval_every": 400,
            "eval_windows": None,
            "checkpoint_every": 400,
            "log_every": 10,
        },
    ),
    "tinystories-cpu": Preset(
        summary="3.4 M parameters on TinyStories, 20 M tokens, hours on a CPU",
        data="tinystories",
        model={"context_length": 256, "d_model": 128, "num_layers": 4, "num_heads": 4, "d_ff": 344},
        train={
            "steps": 2_500,
            "batch_size": 32,
            "max_lr": 2e-3,
            "min_lr": 2e-4,
            "warmup_steps": 100,
            "betas": (0.9, 0.95),
            "eps": 1e-8,
            "weight_decay": 0.1,
            "max_grad_norm": 1.0,
            "eval_every": 250,
            "eval_windows": 128,
            "checkpoint_every": 250,
            "checkpoint_minutes": 10.0,
            "keep_best": True,
            "log_every": 10,
        },
    ),
    "tinystories-17m": Preset(
        summary="22.7 M parameters on TinyStories, 327.68 M tokens, for a GPU",
        data="tinystories",
        model={
            "context_length": 256,
            "d_model": 512,
            "num_layers": 4,
            "num_heads": 16,
            "d_ff": 1344,
        },
        train={
            "steps": 10_000,
            "batch_size": 128,
            "max_lr": 1e-3,
            "min_lr": 1e-4,
            "warmup_steps": 500,
            "betas": (0.9, 0.95),
            "eps": 1e-8,
            "weight_decay": 0.1,
            "max_grad_norm": 1.0,
            "eval_every": 500,
            "eval_windows": 1024,
            "checkpoint_every": 500,
            "checkpoint_minutes": 10.0,
            "keep_best": True,
            "log_every": 10,
            "dtype": "bfloat16",
        },
    ),
}
