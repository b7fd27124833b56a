"""One table of products, as rows of sides, and NumPy for the rest."""

from dataclasses import dataclass

import numpy as np

from s04_transformer import ModelConfig


@dataclass(frozen=True)
class Row:
    name: str
    flops: int
    elements: int


def table(config: ModelConfig, batch: int, seq: int) -> list[tuple[str, int, int, int, int]]:
    """Name, m, k, n, and how many."""
    d, layers, heads = config.d_model, config.num_layers, config.num_heads
    matrices = {"silu": 2, "swiglu": 3}[config.ffn]
    attentions = layers * heads * batch
    return [
        *[(f"{which}_proj", batch * seq, d, d, layers) for which in "qkv"],
        ("scores", seq, d // heads, seq, attentions),
        ("weighted_values", seq, seq, d // heads, attentions),
        ("o_proj", batch * seq, d, d, layers),
        ("ffn", batch * seq, d, config.d_ff, layers * matrices),
        ("lm_head", batch * seq, d, config.vocab_size, 1),
    ]


def products(config: ModelConfig, batch: int, seq: int) -> list[Row]:
    rows = table(config, batch, seq)
    sides = np.array([numbers for _, *numbers in rows], dtype=np.int64)
    m, k, n, times = sides.T
    flops, elements = 2 * m * k * n * times, (m * k + k * n + m * n) * times
    counts = zip(flops.tolist(), elements.tolist(), strict=True)
    return [Row(name, *both) for (name, *_), both in zip(rows, counts, strict=True)]


def gains(config: ModelConfig) -> int:
    """How many vectors of d_model the norms learn."""
    each = 0 if config.norm == "none" else 2
    return each * config.num_layers + (config.norm == "pre")


def weights_of_products(config: ModelConfig) -> int:
    """Every product with a weight has it as its second operand."""
    rows = [row for row in table(config, 1, 1) if row[0] not in ("scores", "weighted_values")]
    return sum(k * n * times for _, _, k, n, times in rows)


def parameters(config: ModelConfig) -> int:
    tables = (not config.tie_embeddings) * config.vocab_size
    return weights_of_products(config) + config.d_model * (tables + gains(config))
