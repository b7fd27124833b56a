"""Sentences of the contract in cases that are seldom met, and hurt when they are."""

import pytest
import torch

from groundup.testing import StartsEmpty, assert_close
from s04_transformer import ModelConfig, TransformerBlock, TransformerLM

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}
KINDS = {
    "post_norm": {"norm": "post"},
    "no_norm": {"norm": "none"},
    "no_position": {"position": "none"},
    "silu": {"ffn": "silu"},
    "tied": {"tie_embeddings": True},
}


@pytest.mark.parametrize("field", ["rope_theta", "norm_eps"])
@pytest.mark.parametrize("value", [0.0, float("nan")])
def test_config_refuses_what_is_not_positive_though_nothing_would_use_it(field, value):
    sizes = {**SIZES, field: value}
    with pytest.raises(ValueError, match=field):
        ModelConfig(**sizes, position="none", norm="none")


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
def test_block_hands_on_a_cache_that_is_still_empty(draw, norm):
    block, cache = TransformerBlock(ModelConfig(**SIZES, norm=norm)), StartsEmpty()
    block(draw.normal(2, 6, 24), cache=cache)
    assert len(cache) == 1, (
        "a cache was given, and `update` was not called: an empty cache may count as False, so "
        "hand it on as it is."
    )


def test_model_hands_on_caches_that_are_still_empty(draw):
    model = TransformerLM(ModelConfig(**SIZES))
    caches = [StartsEmpty() for _ in range(3)]
    model(draw.integers(0, 23, 2, 7), cache=caches)
    found = [len(cache) for cache in caches]
    assert found == [1, 1, 1], f"updates of the three caches: {found}; each layer makes one"


def test_model_takes_its_caches_as_a_tuple(draw):
    model = TransformerLM(ModelConfig(**SIZES))
    caches = tuple(StartsEmpty() for _ in range(3))
    model(draw.integers(0, 23, 2, 7), cache=caches)
    found = [len(cache) for cache in caches]
    assert found == [1, 1, 1], f"updates of the three caches: {found}; each layer makes one"


def test_model_tells_its_caches_the_positions_without_rope_too(draw):
    model = TransformerLM(ModelConfig(**SIZES, position="none"))
    caches = [StartsEmpty() for _ in range(3)]
    positions = torch.tensor([3, 0, 7, 8, 1, 12, 15])
    model(draw.integers(0, 23, 2, 7), positions, caches)
    for cache in caches:
        found = torch.broadcast_to(cache.positions[0], (2, 7))
        assert_close(found, positions.expand(2, 7), "positions go to every layer, used or not")


def test_model_refuses_more_than_its_context_though_all_positions_are_within(draw):
    model = TransformerLM(ModelConfig(**SIZES))
    with pytest.raises(ValueError, match="context_length|16"):
        model(draw.integers(0, 23, 2, 17), torch.arange(17) % 16)


def test_model_takes_a_short_sequence_at_the_last_positions(draw):
    model = TransformerLM(ModelConfig(**SIZES))
    draw.weights(model)
    token_ids = draw.integers(0, 23, 2, 3)
    moved = model(token_ids, torch.tensor([13, 14, 15]))
    assert_close(moved, model(token_ids), "only distances count, up to the last", atol=5e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_model_has_the_dtype_that_it_is_told(kind):
    model = TransformerLM(ModelConfig(**SIZES, **KINDS[kind]), dtype=torch.float64)
    others = [f"{name} {p.dtype}" for name, p in model.named_parameters() if p.dtype.itemsize != 8]
    assert not others, f"the model was asked for in float64, and has {', '.join(others)}"


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_every_norm_of_a_model_adds_the_eps_of_its_configuration(draw, norm):
    model = TransformerLM(ModelConfig(**SIZES, norm=norm, norm_eps=0.5))
    x = draw.normal(2, 6, 24)
    expected = torch.nn.functional.rms_norm(x, (24,), eps=0.5)
    norms = [norm for layer in model.layers for norm in (layer.attn_norm, layer.ffn_norm)]
    for found in norms + ([model.norm] if norm == "pre" else []):
        assert_close(found(x), expected, "RMSNorm with norm_eps 0.5", atol=2e-6)


def test_model_layers_and_models_start_with_weights_of_their_own():
    torch.manual_seed(0)
    config = ModelConfig(**SIZES)
    first, second = TransformerLM(config), TransformerLM(config)
    matrices = [p for model in (first, second) for p in model.parameters() if p.ndim == 2]
    drawn = {tuple(matrix.flatten()[:4].tolist()) for matrix in matrices}
    assert len(drawn) == len(matrices), (
        f"{len(matrices)} matrices start with {len(drawn)} different values: each is drawn "
        "anew, so seed nothing in a constructor and copy no layer."
    )
