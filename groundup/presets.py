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

    purpose: str
    measured: str
    """What is known of this run, and on which machine it was seen."""
    data: str
    """The corpus it is made for, a key of `CORPORA`."""
    model: dict[str, Any]
    train: dict[str, Any]


MODEL_17M = {
    "context_length": 256,
    "d_model": 512,
    "num_layers": 4,
    "num_heads": 16,
    "d_ff": 1344,
}

PRESETS = {
    "demo": Preset(
        purpose="what groundup demo trains: stories of the embedded corpus, on any machine",
        measured="measured on 2 cores of an Intel Xeon: see the README",
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
        purpose="a first model of TinyStories, for a CPU",
        measured="21 minutes in bfloat16 on 2 cores of an Intel Xeon: see EXPERIMENTS.md",
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
    "tinystories-mps": Preset(
        purpose="the model of tinystories-17m with fewer tokens, for an Apple GPU",
        measured="not measured on an Apple GPU",
        data="tinystories",
        model=MODEL_17M,
        train={
            "steps": 5_000,
            "batch_size": 32,
            "max_lr": 1e-3,
            "min_lr": 1e-4,
            "warmup_steps": 250,
            "betas": (0.9, 0.95),
            "eps": 1e-8,
            "weight_decay": 0.1,
            "max_grad_norm": 1.0,
            "eval_every": 500,
            "eval_windows": 512,
            "checkpoint_every": 500,
            "log_every": 10,
        },
    ),
    "tinystories-4090": Preset(
        purpose="a larger model and more tokens than tinystories-17m, for a GPU of 24 GB",
        measured="not measured on an RTX 4090",
        data="tinystories",
        model={
            "context_length": 256,
            "d_model": 768,
            "num_layers": 8,
            "num_heads": 12,
            "d_ff": 2048,
        },
        train={
            "steps": 40_000,
            "batch_size": 64,
            "max_lr": 6e-4,
            "min_lr": 6e-5,
            "warmup_steps": 1_000,
            "betas": (0.9, 0.95),
            "eps": 1e-8,
            "weight_decay": 0.1,
            "max_grad_norm": 1.0,
            "eval_every": 1_000,
            "eval_windows": 1024,
            "checkpoint_every": 1_000,
            "log_every": 10,
            "dtype": "bfloat16",
        },
    ),
    "tinystories-17m": Preset(
        purpose="17 M parameters beside the embedding, for a GPU of 16 GB",
        measured="not measured on a GPU",
        data="tinystories",
        model=MODEL_17M,
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
