"""Sequences as long as the context and longer, and what goes through to the layers."""

import inspect

import pytest
import torch

from groundup.testing import check, outcome
from s04_transformer import ModelConfig, TransformerLM

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}


def answer(model, token_ids):
    """The shape of the logits, whatever it is, or the exception."""
    forward = inspect.unwrap(type(model).forward)
    return outcome(lambda: str(tuple(forward(model, token_ids).shape)))


def test_answers_to_sequences_around_the_longest(draw):
    token_ids = draw.distinct(23, 2, 8)
    cases = [("rope", 4, 4), ("rope", 4, 5), ("none", 4, 4), ("none", 4, 5), ("none", 1, 1)]
    observed = {}
    for position, longest, seq in cases:
        config = ModelConfig(**SIZES | {"context_length": longest, "position": position})
        text = answer(TransformerLM(config), token_ids[:, :seq])
        observed[f"{position}, {seq} of {longest}"] = text
    check(observed)


class Marked:
    """A cache whose layer can be told from what comes out."""

    def __init__(self, factor):
        self.factor, self.positions = factor, []

    def update(self, k, v, positions):
        self.positions.append(str(torch.broadcast_to(positions, (2, 7)).tolist()))
        return k, v * self.factor, torch.ones(k.shape[-2], k.shape[-2]).bool().triu(-1)


def test_logits_with_a_cache_in_every_layer(draw, give_weights):
    config = ModelConfig(**SIZES)
    model, token_ids = give_weights(TransformerLM(config), config), draw.distinct(23, 2, 7)
    positions = torch.tensor([3, 0, 7, 8, 1, 12, 15])
    caches = [Marked(factor) for factor in (0.4, 1.2, 2.1)]
    observed = {
        "logits": model(token_ids, positions, caches),
        "logits in order": model(token_ids, cache=caches),
        "positions of each cache": "; ".join(" ".join(cache.positions) for cache in caches),
    }
    check(observed, atol=2e-5, rtol=1e-5)


class Passing:
    """A cache that keeps nothing and hides nothing."""

    def update(self, k, v, positions):
        return k, v, torch.ones(k.shape[-2], k.shape[-2], dtype=torch.bool)


@pytest.mark.parametrize("position", ["rope", "none"])
def test_model_refuses_more_than_its_context_with_a_cache_too(draw, position):
    model = TransformerLM(ModelConfig(**SIZES | {"position": position}))
    with pytest.raises(ValueError, match="context_length"):
        model(draw.integers(0, 23, 2, 17), cache=[Passing() for _ in model.layers])
