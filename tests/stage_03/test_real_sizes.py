"""At the sizes of real models, where a rule made for small ones no longer hides; and call after
call, where what one call left behind shows in the next."""

import pytest
import torch

from groundup.testing import assert_close
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding, scaled_dot_product_attention

FUNCTIONAL = torch.nn.functional


def turned(x, positions, theta):
    d_head = x.shape[-1]
    frequencies = theta ** (-torch.arange(0, d_head, 2, dtype=torch.float64) / d_head)
    angles = positions[:, None] * frequencies
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


@pytest.mark.parametrize(("max_seq_len", "theta"), [(4096, 10_000.0), (16_384, 500_000.0)])
def test_a_long_rope_turns_as_the_formula_says(draw, max_seq_len, theta):
    positions = torch.tensor([0, 1, 5, 900, 2047, 2048, max_seq_len - 1])
    x = draw.normal(2, 7, 64)
    expected = turned(x, positions, theta).float()
    why = f"complex rotation in float64, with max_seq_len {max_seq_len}"
    assert_close(RotaryEmbedding(64, max_seq_len, theta)(x, positions), expected, why, atol=2e-3)


@pytest.mark.parametrize("keys", [600, 2500])
def test_attention_over_many_keys_agrees_with_torch(draw, keys):
    q, k, v = draw.normal(2, 3, 16), draw.normal(2, keys, 16), draw.normal(2, keys, 5)
    mask = draw.normal(3, keys) > -1
    expected = FUNCTIONAL.scaled_dot_product_attention(q, k, v, mask)
    found = scaled_dot_product_attention(q, k, v, mask)
    assert_close(found, expected, f"torch's own attention over {keys} keys", atol=1e-5)


def test_wide_heads_agree_with_torch(draw):
    q, k, v = (draw.normal(2, 9, 256) for _ in "qkv")
    expected = FUNCTIONAL.scaled_dot_product_attention(q, k, v)
    assert_close(scaled_dot_product_attention(q, k, v), expected, "d_head = 256", atol=1e-5)


def test_many_heads_over_a_long_sequence_agree_with_torch(draw):
    rope, seq = RotaryEmbedding(8, 1024), 700
    attention, x = CausalSelfAttention(128, 16, rope), draw.normal(1, seq, 128)
    draw.weights(attention)
    weights = attention.state_dict()
    q, k, v = (
        FUNCTIONAL.linear(x, weights[f"{name}_proj.weight"]).unflatten(-1, (16, 8)).transpose(1, 2)
        for name in "qkv"
    )
    q, k = (turned(each, torch.arange(seq), 10_000.0).float() for each in (q, k))
    heads = FUNCTIONAL.scaled_dot_product_attention(q, k, v, is_causal=True)
    expected = FUNCTIONAL.linear(heads.transpose(1, 2).flatten(-2), weights["o_proj.weight"])
    assert_close(attention(x), expected, "16 heads, 700 positions", atol=2e-4)


def test_positions_of_one_call_are_not_those_of_the_next(draw):
    attention, x = CausalSelfAttention(16, 2, RotaryEmbedding(8, 64)), draw.normal(2, 6, 16)
    draw.weights(attention)
    first = attention(x)
    attention(x, torch.tensor([0, 9, 2, 30, 4, 5]))
    assert_close(attention(x), first, "without positions they are 0, 1, 2, … in every call")


def test_a_rope_turns_the_same_after_other_lengths(draw):
    rope, x = RotaryEmbedding(8, 64), draw.normal(2, 6, 8)
    first = rope(x, torch.arange(6))
    for positions in (torch.arange(40, 60), torch.tensor([63]), torch.arange(64)):
        rope(draw.normal(1, len(positions), 8), positions)
    assert_close(rope(x, torch.arange(6)), first, "what was turned in between leaves no trace")


def test_two_ropes_of_one_size_turn_by_their_own_theta(draw):
    x, positions = draw.normal(2, 3, 14), torch.arange(3)
    for theta in (300.0, 9000.0):
        expected = turned(x, positions, theta).float()
        found = RotaryEmbedding(14, 19, theta)(x, positions)
        assert_close(found, expected, f"theta {theta}, after one with another theta", atol=1e-5)


@pytest.mark.parametrize("seqs", [(3, 6), (6, 3), (1, 5, 2, 7)], ids=str)
def test_sequences_of_other_lengths_may_follow_each_other(draw, seqs):
    attention, x = CausalSelfAttention(16, 2, RotaryEmbedding(8, 64)), draw.normal(2, 7, 16)
    draw.weights(attention)
    whole = attention(x)
    fresh = CausalSelfAttention(16, 2, RotaryEmbedding(8, 64))
    fresh.load_state_dict(attention.state_dict())
    for seq in seqs:
        why = f"{seq} positions, in a module that has seen {seqs}"
        assert_close(fresh(x[:, :seq]), whole[:, :seq], why, atol=1e-5)
