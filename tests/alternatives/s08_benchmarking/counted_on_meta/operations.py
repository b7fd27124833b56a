"""Nothing is derived: the model is built on the meta device, and PyTorch counts."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from s04_transformer import ModelConfig, TransformerLM


@dataclass(frozen=True)
class Product:
    name: str
    flops: int
    elements: int


@functools.cache
def _sizes(config: ModelConfig) -> tuple[tuple[int, ...], ...]:
    """The shape of every parameter."""
    model = TransformerLM(config, device="meta")
    return tuple(tuple(parameter.shape) for parameter in model.parameters())


@functools.cache
def _counted(left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, int]:
    """FLOP of a product, and how many numbers take part in it."""
    a, b = torch.empty(left, device="meta"), torch.empty(right, device="meta")
    with FlopCounterMode(display=False) as counter:
        result = a @ b
    return counter.get_total_flops(), a.numel() + b.numel() + result.numel()


def products(config: ModelConfig, batch: int, seq: int) -> Iterator[Product]:
    tokens, width, inner = batch * seq, config.d_model, config.d_ff
    queries = (batch * config.num_heads, seq, width // config.num_heads)
    keys = queries[0], queries[2], queries[1]
    weights = queries[0], seq, seq
    square = [((tokens, width), (width, width))]
    into, back = ((tokens, width), (width, inner)), ((tokens, inner), (inner, width))
    in_a_block = {
        "q_proj": square,
        "k_proj": square,
        "v_proj": square,
        "scores": [(queries, keys)],
        "weighted_values": [(weights, queries)],
        "o_proj": square,
        "ffn": [into] * (ffn_matrices(config) - 1) + [back],
    }
    for name, operands in in_a_block.items():
        flops, elements = map(sum, zip(*(_counted(*each) for each in operands), strict=True))
        yield Product(name, config.num_layers * flops, config.num_layers * elements)
    yield Product("lm_head", *_counted((tokens, width), (width, config.vocab_size)))


def ffn_matrices(config: ModelConfig) -> int:
    """What is left of the matrices when attention and the tables are taken away."""
    matrices = sum(len(shape) == 2 for shape in _sizes(config))
    return (matrices - (1 if config.tie_embeddings else 2)) // config.num_layers - 4


def norms(config: ModelConfig) -> int:
    return sum(len(shape) == 1 for shape in _sizes(config))


def weights_of_products(config: ModelConfig) -> int:
    matrices = sum(shape[0] * shape[1] for shape in _sizes(config) if len(shape) == 2)
    return matrices - (0 if config.tie_embeddings else config.vocab_size * config.d_model)


def parameters(config: ModelConfig) -> int:
    return sum(torch.Size(shape).numel() for shape in _sizes(config))
