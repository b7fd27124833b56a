"""Sentences of the contract in cases that are seldom met, and hurt when they are."""

import pytest
import torch

from groundup.testing import StartsEmpty, assert_close
from s03_attention_rope import (
    CausalSelfAttention,
    RotaryEmbedding,
    scaled_dot_product_attention,
)


def given(draw, *, rope=True):
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64) if rope else None)
    draw.weights(attention)
    return attention


@pytest.mark.parametrize("size", [1e6, 1e10])
def test_attention_never_sees_a_forbidden_key_however_large_its_score(size):
    # Scores of -size for the key that is allowed and of +size for the one that is not.
    q, k = torch.tensor([[2 * size, 0, 0, 0]]), torch.tensor([[-1.0, 0, 0, 0], [1.0, 0, 0, 0]])
    v, mask = torch.tensor([[3.0, 4.0], [500.0, 600.0]]), torch.tensor([[True, False]])
    why = "one key is allowed, so its value comes out, however large the other's score"
    assert_close(scaled_dot_product_attention(q, k, v, mask), v[:1], why)


def test_attention_weighs_allowed_keys_of_very_low_scores_as_ever():
    # Scores of -2e9 and -2e9 for the allowed keys, of 0 for the forbidden one.
    q, k = (
        torch.tensor([[4e9, 0, 0, 0]]),
        torch.tensor([[-1.0, 0, 0, 0], [0.0] * 4, [-1.0, 1, 0, 0]]),
    )
    v, mask = torch.tensor([[2.0], [700.0], [6.0]]), torch.tensor([[True, False, True]])
    why = "two allowed keys of the same score: the mean of their values, 2 and 6"
    assert_close(scaled_dot_product_attention(q, k, v, mask), torch.tensor([[4.0]]), why, atol=1e-5)


def test_attention_gives_zeros_where_one_sequence_alone_has_nothing_to_attend_to(draw):
    q, k, v = draw.normal(2, 4, 6), draw.normal(2, 5, 6), draw.normal(2, 5, 7)
    mask = torch.ones(2, 4, 5).bool()
    mask[1, 2] = False
    mixed = scaled_dot_product_attention(q, k, v, mask)
    expected = scaled_dot_product_attention(q, k, v)
    expected[1, 2] = 0
    assert_close(
        mixed, expected, "query 2 of sequence 1 gives zeros, all others see all", atol=1e-6
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64], ids=str)
def test_rope_stays_exact_inside_a_model_that_is_cast(draw, dtype):
    # A cast of the model reaches its parts by `_apply`, not by the methods of the part.
    model = torch.nn.Sequential(RotaryEmbedding(64, 2048)).to(dtype)
    x, positions = draw.normal(10, 64).clamp(-2, 2), torch.arange(1000, 2000, 100)
    expected = RotaryEmbedding(64, 2048)(x, positions)
    why = f"the model around it was cast to {dtype}; the angles stay float32"
    assert_close(model[0](x, positions), expected, why, atol=1e-3)


def test_rope_stays_exact_in_a_model_cast_to_bfloat16_and_back(draw):
    model = torch.nn.Sequential(RotaryEmbedding(64, 2048)).bfloat16().float()
    x, positions = draw.normal(10, 64).clamp(-2, 2), torch.arange(1000, 2000, 100)
    expected = RotaryEmbedding(64, 2048)(x, positions)
    why = "a table that was rounded to bfloat16 once stays rough: keep it or make it anew"
    assert_close(model[0](x, positions), expected, why, atol=1e-3)


def test_self_attention_uses_a_cache_that_is_still_empty(draw):
    attention, cache = given(draw), StartsEmpty()
    attention(draw.normal(2, 6, 24), cache=cache)
    assert len(cache) == 1, (
        "a cache was given, and `update` was not called: an empty cache may count as False, so "
        "ask `cache is not None`."
    )


def test_self_attention_tells_a_cache_the_positions_without_rope_too(draw):
    attention, cache = given(draw, rope=False), StartsEmpty()
    attention(draw.normal(2, 6, 24), cache=cache)
    found = cache.positions[0]
    assert found is not None, "the cache got None for positions: they are 0, 1, 2, … unless given"
    assert_close(found.flatten(), torch.arange(6), "0, 1, 2, … unless given, with RoPE or without")


def test_self_attention_takes_positions_for_any_leading_axes(draw):
    attention, x, positions = given(draw), draw.normal(2, 4, 6, 24), draw.integers(0, 64, 2, 4, 6)
    flat = attention(x.flatten(0, 1), positions.flatten(0, 1))
    why = "leading axes (2, 4) are eight sequences, each with its own row of positions"
    assert_close(attention(x, positions), flat.unflatten(0, (2, 4)), why, atol=2e-6)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (2, 1)], ids=str)
def test_self_attention_keeps_axes_of_length_one(draw, shape):
    attention, x = given(draw), draw.normal(2, 6, 24)
    batch, seq = shape
    expected = attention(x)[:batch, :seq]
    found = attention(x[:batch, :seq])
    assert_close(found, expected, f"{batch} sequences of {seq} tokens, as in the whole", atol=2e-6)


def test_self_attention_looks_back_as_far_as_the_sequence_goes(draw):
    attention = CausalSelfAttention(24, 3)
    draw.weights(attention)
    x = draw.normal(1, 300, 24)
    q, k, v = (
        proj(x).unflatten(-1, (3, 8)).transpose(1, 2)
        for proj in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    attended = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
    expected = attention.o_proj(attended.transpose(1, 2).flatten(-2))
    assert_close(attention(x), expected, "every position sees all before it, of 300", atol=5e-6)


def test_a_mask_of_three_axes_has_one_for_each_head(draw):
    q, k, v = (draw.normal(3, 3, 5, 4) for _ in "qkv")
    mask = draw.normal(3, 5, 5) > -1
    expected = scaled_dot_product_attention(q, k, v, mask.expand(3, 3, 5, 5))
    found = scaled_dot_product_attention(q, k, v, mask)
    assert_close(found, expected, "broadcasting lines axes up from the last on", atol=1e-6)


def test_rope_turns_in_float32_under_autocast():
    rope, x = RotaryEmbedding(8, 2048), torch.ones(4, 8)
    positions = torch.tensor([0, 3, 1001, 2047])
    expected = rope(x, positions)
    with torch.autocast("cpu", torch.bfloat16):
        found = rope(x, positions)
    why = "what it gives without autocast: a product in bfloat16 rounds angle 2047 to 2048"
    assert_close(found, expected, why)
