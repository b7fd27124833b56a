import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s03_attention_rope import (
    CausalSelfAttention,
    RotaryEmbedding,
    scaled_dot_product_attention,
)

POSITIONS = torch.tensor([3, 0, 7, 7, 1, 12])
NAMES = {f"{name}_proj.weight" for name in "qkvo"}


class GrowingCache:
    """The simplest cache: all keys and values so far; the new queries come last."""

    def __init__(self):
        self.seen = []

    def update(self, k, v, positions):
        self.seen.append((k, v, positions))
        keys, values = (torch.cat([entry[i] for entry in self.seen], dim=-2) for i in (0, 1))
        queries, length = k.shape[-2], keys.shape[-2]
        return (
            keys,
            values,
            torch.ones(queries, length, device=k.device).bool().tril(length - queries),
        )


class Everything(GrowingCache):
    """A cache whose mask allows all of it."""

    def update(self, k, v, positions):
        keys, values, mask = super().update(k, v, positions)
        return keys, values, torch.ones_like(mask)


def given(draw, *, rope=True):
    """3 heads of width 8; √d_model is not d_head, and no two axes of x have the same length."""
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64) if rope else None)
    with torch.no_grad():
        for name in sorted(NAMES):
            attention.get_parameter(name).copy_(draw.normal(24, 24, scale=24**-0.5))
    return attention, draw.normal(2, 6, 24)


def half(result):
    """Half of the coordinates say enough, for `o_proj` mixes all heads into each."""
    return result[..., :12]


@pytest.mark.points(2)
def test_self_attention_without_rope(draw):
    attention, x = given(draw, rope=False)
    check(half(attention(x)), atol=5e-6, rtol=1e-5)


@pytest.mark.points(2)
def test_self_attention_with_rope_at_any_positions(draw):
    attention, x = given(draw)
    check(half(attention(x, POSITIONS)), atol=5e-6, rtol=1e-5)


def test_self_attention_with_rope_and_no_positions(draw):
    attention, x = given(draw)
    check(half(attention(x)), atol=5e-6, rtol=1e-5)


def test_self_attention_with_positions_for_each_sequence(draw):
    attention, _ = given(draw)
    # As many sequences as heads: a row of positions must not be taken for a head's.
    x, positions = draw.normal(3, 6, 24), draw.distinct(48, 3, 6)
    check(outcome(lambda: half(attention(x, positions))), atol=5e-6, rtol=1e-5)


def test_self_attention_with_no_batch_axis_and_with_two(draw):
    attention, _ = given(draw, rope=False)
    x = draw.normal(2, 5, 6, 24)
    none = outcome(lambda: half(attention(x[0, 0])))
    two = outcome(lambda: half(attention(x)[:, 4]))
    check({"none": none, "two": two}, atol=5e-6, rtol=1e-5)


def test_self_attention_of_a_sequence_in_pieces(draw):
    attention, x = given(draw)
    cache, pieces = GrowingCache(), [(0, 3), (3, 4), (4, 6)]

    def outputs():
        return torch.cat([attention(x[:, a:b], POSITIONS[a:b], cache) for a, b in pieces], dim=1)

    check(outcome(lambda: half(outputs())), atol=5e-6, rtol=1e-5)


def test_self_attention_fills_its_cache(draw):
    attention, x = given(draw)
    cache = GrowingCache()
    attention(x, POSITIONS, cache)
    keys, values, positions = cache.seen[0]
    parts = {"keys": keys, "values": values, "positions": positions}
    check(parts, atol=5e-6, rtol=1e-5)


def test_self_attention_with_the_mask_of_a_cache(draw):
    attention, x = given(draw, rope=False)
    check(half(attention(x, cache=Everything())), atol=5e-6, rtol=1e-5)


def test_self_attention_names_its_weights():
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64))
    named = sorted(attention.named_parameters())
    check(", ".join(f"{name} {tuple(parameter.shape)}" for name, parameter in named))


def test_self_attention_starts_with_the_weights_of_linear():
    torch.manual_seed(0)
    attention = CausalSelfAttention(96, 3)
    sigma = (2 / (96 + 96)) ** 0.5
    named = sorted(attention.named_parameters())
    check(", ".join(f"{name} {p.std() / sigma:.1f} σ" for name, p in named))


def test_self_attention_makes_its_layers_as_told():
    attention = CausalSelfAttention(24, 3, device="meta", dtype=torch.float64)
    named = sorted(attention.named_parameters())
    check(", ".join(f"{name} {p.device} {p.dtype}" for name, p in named))


def test_self_attention_stays_on_the_device_of_its_input():
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64, device="meta"), device="meta")
    x, cache = torch.empty(2, 6, 24, device="meta"), GrowingCache()
    result = outcome(lambda: attention(x).device.type)
    outcome(lambda: attention(x, cache=cache))
    given_to_cache = [entry[2].device.type for entry in cache.seen]
    check({"result": result, "positions for a cache": given_to_cache})


def test_self_attention_in_bfloat16(draw):
    attention, x = given(draw)
    check(outcome(lambda: str(attention.bfloat16()(x.bfloat16()).dtype)))


def test_self_attention_wants_heads_of_equal_width():
    check({"10 in 4 heads": outcome(lambda: type(CausalSelfAttention(10, 4)).__name__)})


def test_self_attention_agrees_with_torch(draw):
    attention, x = given(draw, rope=False)
    weights = attention.state_dict()
    theirs = torch.nn.MultiheadAttention(24, 3, bias=False, batch_first=True)
    joined = torch.cat([weights[f"{name}_proj.weight"] for name in "qkv"])
    theirs.load_state_dict({"in_proj_weight": joined, "out_proj.weight": weights["o_proj.weight"]})
    masked = torch.ones(6, 6).triu(1).bool()  # torch's own mask is True where it forbids
    expected, _ = theirs(x, x, x, attn_mask=masked, need_weights=False)
    assert_close(attention(x), expected, "torch.nn.MultiheadAttention", atol=5e-6)


@pytest.mark.points(2)
@pytest.mark.parametrize("positions", [None, POSITIONS.flip(0)], ids=["in_order", "any_positions"])
def test_self_attention_ignores_future_tokens(draw, positions):
    attention, x = given(draw)
    before = attention(x, positions)
    for changed in range(1, 6):
        other = x.clone()
        other[:, changed:] += 3.0
        after = attention(other, positions)
        why = f"a change at index {changed} changed what came before it: the future leaks"
        assert_close(after[:, :changed], before[:, :changed], why, atol=1e-6)


def test_self_attention_sees_the_present_and_the_past(draw):
    attention, x = given(draw)
    x.requires_grad_()
    for query in range(6):
        (gradient,) = torch.autograd.grad(attention(x)[:, query].square().sum(), x)
        seen = gradient.abs().sum(dim=-1) > 0
        assert seen[:, : query + 1].all(), f"index {query} should see every index up to itself"


def test_self_attention_first_token_attends_to_itself_alone(draw):
    attention, x = given(draw)
    first = attention.o_proj(attention.v_proj(x[:, 0]))
    why = "with nothing before it, the first output is o_proj(v_proj(x)); RoPE never turns values"
    assert_close(attention(x, POSITIONS)[:, 0], first, why, atol=2e-6)


def test_self_attention_positions_start_at_zero_unless_given(draw):
    attention, x = given(draw)
    cache = GrowingCache()
    attention(x, cache=cache)
    assert cache.seen[0][2].flatten().tolist() == [0, 1, 2, 3, 4, 5]
    assert_close(attention(x), attention(x, torch.arange(6)), "positions 0 … 5", atol=1e-6)


def test_self_attention_depends_on_distances_between_positions(draw):
    attention, x = given(draw)
    moved = attention(x, POSITIONS + 40)
    assert_close(moved, attention(x, POSITIONS), "all positions moved on by 40", atol=2e-5)
    stretched = attention(x, POSITIONS * 2)
    assert not torch.allclose(stretched, attention(x, POSITIONS), atol=1e-3), (
        "other distances gave the same: are the positions used, for queries and keys?"
    )


def test_self_attention_without_rope_does_not_use_positions(draw):
    attention, x = given(draw, rope=False)
    assert_close(attention(x, POSITIONS), attention(x), "no RoPE: positions change nothing")


def test_self_attention_takes_one_row_of_positions_for_each_sequence(draw):
    attention, _ = given(draw)
    # As many sequences as heads: a row of positions must not be taken for a head's.
    x, positions = draw.normal(3, 6, 24), draw.integers(0, 64, 3, 6)
    alone = torch.stack([attention(x[i], positions[i]) for i in range(3)])
    assert_close(attention(x, positions), alone, "each sequence by itself", atol=2e-6)


def test_self_attention_takes_any_leading_axes(draw):
    attention, _ = given(draw)
    x = draw.normal(2, 5, 6, 24)
    expected = attention(x.flatten(0, 1)).unflatten(0, (2, 5))
    assert_close(attention(x), expected, "leading axes (2, 5) are ten sequences", atol=2e-6)
    assert_close(attention(x[0, 0]), expected[0, 0], "one sequence, no batch axis", atol=2e-6)


def test_self_attention_state_dict_has_four_square_weights():
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64))
    found = {name: tuple(value.shape) for name, value in attention.state_dict().items()}
    assert found == dict.fromkeys(NAMES, (24, 24))
    assert {name for name, _ in attention.named_parameters()} == NAMES


def test_self_attention_learns_with_its_own_weights(draw):
    attention, x = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64)), draw.normal(2, 6, 24)
    attention(x).square().sum().backward()
    for name, parameter in attention.named_parameters():
        assert parameter.grad is not None, f"{name} gets no gradient: is it used?"
        assert parameter.grad.abs().sum() > 0, f"the gradient of {name} is zero: is it used?"


def test_self_attention_hands_device_and_dtype_to_its_layers():
    attention = CausalSelfAttention(24, 3, device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in attention.parameters()} == {("meta", torch.float64)}


def test_self_attention_makes_positions_and_mask_on_the_device_of_its_input():
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64, device="meta"), device="meta")
    x, cache = torch.empty(2, 6, 24, device="meta"), GrowingCache()
    assert attention(x).device.type == "meta"
    attention(x, cache=cache)
    assert cache.seen[0][2].device.type == "meta", "the positions are on another device than x"


def test_self_attention_keeps_bfloat16(draw):
    attention, x = given(draw)
    assert attention.bfloat16()(x.bfloat16()).dtype == torch.bfloat16


def test_self_attention_refuses_heads_that_do_not_divide_the_width():
    with pytest.raises(ValueError, match=r"(?s)10.*4|4.*10"):
        CausalSelfAttention(10, 4)


def test_self_attention_with_a_cache_agrees_with_the_whole_sequence(draw):
    attention, x = given(draw)
    cache, pieces = GrowingCache(), [(0, 3), (3, 4), (4, 6)]
    outputs = [attention(x[:, a:b], POSITIONS[a:b], cache) for a, b in pieces]
    expected = attention(x, POSITIONS)
    assert_close(torch.cat(outputs, dim=1), expected, "in pieces of 3, 1 and 2", atol=2e-6)


def test_self_attention_gives_the_cache_turned_keys_and_plain_values(draw):
    attention, x = given(draw)
    cache = GrowingCache()
    attention(x, POSITIONS, cache)
    keys, values, positions = cache.seen[0]
    k, v = (
        proj(x).unflatten(-1, (3, 8)).transpose(1, 2)
        for proj in (attention.k_proj, attention.v_proj)
    )
    assert_close(keys, RotaryEmbedding(8, 64)(k, POSITIONS), "keys after RoPE", atol=2e-6)
    assert_close(values, v, "values, (batch, heads, seq, d_head)", atol=1e-6)
    assert positions.tolist() == POSITIONS.tolist()


def test_self_attention_uses_the_mask_of_the_cache(draw):
    attention, x = given(draw, rope=False)
    q, k, v = (
        proj(x).unflatten(-1, (3, 8)).transpose(1, 2)
        for proj in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    expected = attention.o_proj(scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(-2))
    found = attention(x, cache=Everything())
    assert_close(found, expected, "the cache's mask allowed everything", atol=5e-6)
