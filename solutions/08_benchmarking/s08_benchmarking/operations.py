"""The matrices of the model and their products: what every count is taken from."""

from collections.abc import Iterator
from dataclasses import dataclass

from s04_transformer import ModelConfig


@dataclass(frozen=True)
class Product:
    """Matrix products of one kind in a forward pass, all layers together."""

    name: str
    flops: int
    elements: int
    """Numbers of the operands and the results."""


def product(name: str, m: int, k: int, n: int, times: int) -> Product:
    """`times` products of an (m, k) matrix with a (k, n) matrix."""
    return Product(name, times * 2 * m * n * k, times * (m * k + k * n + m * n))


def products(config: ModelConfig, batch: int, seq: int) -> Iterator[Product]:
    """The forward pass, in the order of computation."""
    layers, width, tokens = config.num_layers, config.d_model, batch * seq
    d_head = width // config.num_heads
    attentions = layers * batch * config.num_heads
    for name in ("q_proj", "k_proj", "v_proj"):
        yield product(name, tokens, width, width, layers)
    yield product("scores", seq, d_head, seq, attentions)
    yield product("weighted_values", seq, seq, d_head, attentions)
    yield product("o_proj", tokens, width, width, layers)
    # One matrix of the feed-forward layer leads back; its product has the same three sides.
    yield product("ffn", tokens, width, config.d_ff, layers * ffn_matrices(config))
    yield product("lm_head", tokens, width, config.vocab_size, 1)


def ffn_matrices(config: ModelConfig) -> int:
    """Gate, up and down, or up and down."""
    return 3 if config.ffn == "swiglu" else 2


def norms(config: ModelConfig) -> int:
    """How many there are: two in a block, and the final one after pre-norm blocks."""
    return {"pre": 2 * config.num_layers + 1, "post": 2 * config.num_layers, "none": 0}[config.norm]


def weights_of_products(config: ModelConfig) -> int:
    """The sizes of all matrices that something is multiplied with."""
    attention = 4 * config.d_model**2
    ffn = ffn_matrices(config) * config.d_model * config.d_ff
    return config.num_layers * (attention + ffn) + config.vocab_size * config.d_model


def parameters(config: ModelConfig) -> int:
    """Those matrices, the embedding unless it is one of them, and the gains of the norms."""
    embedding = 0 if config.tie_embeddings else config.vocab_size * config.d_model
    return embedding + weights_of_products(config) + norms(config) * config.d_model
