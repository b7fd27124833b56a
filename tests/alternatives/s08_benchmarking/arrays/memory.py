"""A row for each tensor that stays: how many there are, its rows, its width, bytes of a number."""

import numpy as np

from s04_transformer import ModelConfig

from .operations import gains, parameters, weights_of_products


def training(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    sizes = {"float32": (4, 0), "bfloat16": (2, 2)}
    if dtype not in sizes:
        raise ValueError(f"{dtype} is neither float32 nor bfloat16")
    size, copy = sizes[dtype]
    learned = np.array([4, 4, 8]) * parameters(config)
    kinds = dict(zip(("parameters", "gradients", "optimizer_state"), learned.tolist(), strict=True))
    kinds["parameters"] += copy * weights_of_products(config)
    kept = np.array(saved(config, batch, seq, size), dtype=np.int64)
    return kinds | {"activations": int(kept.prod(axis=1).sum())}


def saved(config: ModelConfig, batch: int, seq: int, size: int) -> list[tuple[int, int, int, int]]:
    layers, tokens, d, f = config.num_layers, batch * seq, config.d_model, config.d_ff
    queries = batch * config.num_heads * seq
    gated = config.ffn == "swiglu"
    entering = 3 if size == 4 else 5 + gated
    return [
        (layers * entering, tokens, d, size),
        (layers * 3, tokens, d, size),
        (layers, queries, seq, 4),
        (layers, queries, seq, size),
        (layers * (5 if gated else 3), tokens, f, size),
        (gains(config) * 2, tokens, d, 4),
        (1, tokens, d, size),
        (1, tokens, config.vocab_size, 4),
    ]
