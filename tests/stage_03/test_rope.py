import math

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s03_attention_rope import RotaryEmbedding

POSITIONS = torch.tensor([3, 0, 7, 7, 1, 12])


def turned_as_complex_numbers(x, positions, theta=10_000.0):
    """An independent oracle, in float64: each pair is a complex number, times e^(i m ω)."""
    frequencies = theta ** (-torch.arange(0, x.shape[-1], 2, dtype=torch.float64) / x.shape[-1])
    angles = positions[..., None].double() * frequencies
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    turned = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.view_as_real(turned).flatten(-2).to(x.dtype)


@pytest.mark.points(2)
def test_rope_turns_adjacent_pairs_by_their_positions(draw):
    rope = RotaryEmbedding(8, 16)
    check(rope(draw.normal(2, 3, 6, 8), POSITIONS), atol=5e-6, rtol=1e-5)


def test_rope_turns_each_sequence_by_its_own_positions(draw):
    rope, positions = RotaryEmbedding(8, 16), draw.distinct(10, 2, 1, 6)
    check(outcome(lambda: rope(draw.normal(2, 3, 6, 8), positions)), atol=5e-6, rtol=1e-5)


def test_rope_turns_by_the_theta_it_is_given(draw):
    # Of a size that no other test has, and so the first of its size.
    rope = RotaryEmbedding(10, 21, theta=500.0)
    check(rope(draw.normal(2, 3, 6, 10), POSITIONS), atol=5e-6, rtol=1e-5)


def test_rope_hands_gradients_on(draw):
    x, direction = draw.normal(2, 3, 6, 8).requires_grad_(), draw.normal(2, 3, 6, 8)
    turned = RotaryEmbedding(8, 16)(1.0 * x, POSITIONS)
    check(outcome(lambda: torch.autograd.grad(turned, x, direction)[0]), atol=5e-6, rtol=1e-5)


def test_rope_has_a_row_for_every_position_below_max_seq_len(draw):
    rope, positions = RotaryEmbedding(8, 16), torch.tensor([2, 15])
    check(outcome(lambda: rope(draw.normal(3, 2, 8), positions)), atol=5e-6, rtol=1e-5)


def test_rope_in_a_model_cast_to_bfloat16(draw):
    rope, positions = RotaryEmbedding(8, 64).bfloat16(), draw.distinct(48, 6)
    check(rope(draw.normal(2, 3, 6, 8), positions), atol=1e-5, rtol=1e-5)


def test_rope_rounds_bfloat16_once(draw):
    x = draw.normal(2, 3, 6, 8).bfloat16()
    turned = RotaryEmbedding(8, 16)(x, POSITIONS)
    exact = turned_as_complex_numbers(x.double(), POSITIONS)
    rounding = 2**-8 * exact.abs() + 1e-5  # at most half the distance of neighbours in bfloat16
    rounded_once = (turned - exact).abs() <= rounding
    parts = {
        "dtype": str(turned.dtype),
        "exact values where rounded once": torch.where(rounded_once, exact, turned.double()),
    }
    check(parts, atol=5e-6, rtol=1e-5)


def test_rope_adds_nothing_to_a_model():
    rope = RotaryEmbedding(8, 16)
    check({"learns": bool(list(rope.parameters())), "has a state": bool(rope.state_dict())})


def test_rope_works_where_it_was_made_and_where_it_was_moved():
    x, positions = torch.empty(2, 6, 8, device="meta"), torch.arange(6, device="meta")
    made, moved = RotaryEmbedding(8, 16, device="meta"), RotaryEmbedding(8, 16).to("meta")
    check(
        {
            "made on a device": outcome(lambda: made(x, positions).device.type),
            "moved to a device": outcome(lambda: moved(x, positions).device.type),
        }
    )


def test_rope_turns_a_copy(draw):
    x = draw.normal(2, 3, 6, 8)
    RotaryEmbedding(8, 16)(x, POSITIONS)
    check({"x afterwards": x}, atol=1e-7)


def test_rope_wants_pairs():
    check({"d_head 7": outcome(lambda: type(RotaryEmbedding(7, 16)).__name__)})


def test_rope_turns_one_pair_as_worked_by_hand():
    rope = RotaryEmbedding(2, 4)
    turned = rope(torch.tensor([[1.0, 0.0]] * 4), torch.arange(4))
    expected = torch.tensor([[1, 0], [0.5403, 0.8415], [-0.4161, 0.9093], [-0.9900, 0.1411]])
    assert_close(turned, expected, "(1, 0) at position m is (cos m, sin m)", atol=1e-4)


def test_rope_turns_two_pairs_as_worked_by_hand():
    # d_head 4 and theta 100: the pairs turn by 1 and by 100^(-2/4) = 0.1 radians per position.
    turned = RotaryEmbedding(4, 4, theta=100.0)(torch.tensor([[1.0, 0, 0, 1]]), torch.tensor([3]))
    expected = [[math.cos(3), math.sin(3), -math.sin(0.3), math.cos(0.3)]]
    why = "coordinates 0 and 1 are a pair, turned by 3; 2 and 3 are a pair, turned by 0.3"
    assert_close(turned, torch.tensor(expected), why, atol=1e-6)


@pytest.mark.parametrize("theta", [10_000.0, 500.0])
def test_rope_is_a_multiplication_of_complex_numbers(draw, theta):
    x, direction = draw.normal(2, 3, 6, 8).requires_grad_(), draw.normal(2, 3, 6, 8)
    expected = turned_as_complex_numbers(x, POSITIONS, theta)
    (expected_gradient,) = torch.autograd.grad(expected, x, direction)
    turned = RotaryEmbedding(8, 16, theta)(x, POSITIONS)
    (gradient,) = torch.autograd.grad(turned, x, direction)
    assert_close(turned, expected, "(x + iy) e^(i m ω)", atol=5e-6)
    assert_close(gradient, expected_gradient, "its gradient", atol=5e-6)


def test_rope_at_position_zero_changes_nothing(draw):
    x = draw.normal(3, 4, 8)
    turned = RotaryEmbedding(8, 16)(x, torch.zeros(4, dtype=torch.int64))
    assert_close(turned, x, "an angle of 0 · ω turns nothing; are your positions from 0?")


def test_rope_keeps_the_length_of_every_pair(draw):
    x = draw.normal(2, 6, 8)
    before = x.unflatten(-1, (4, 2)).norm(dim=-1)
    after = RotaryEmbedding(8, 16)(x, POSITIONS).unflatten(-1, (4, 2)).norm(dim=-1)
    assert_close(after, before, "a turn keeps lengths: cos² + sin² = 1 in each pair", atol=1e-6)


@pytest.mark.points(2)
def test_rope_scores_depend_on_the_distance_alone(draw):
    rope, q, k = RotaryEmbedding(8, 64), draw.normal(6, 8), draw.normal(6, 8)
    scores = [
        rope(q, POSITIONS + shift) @ rope(k, POSITIONS.flip(0) + shift).T for shift in (0, 1, 50)
    ]
    assert_close(scores[1], scores[0], "both moved on by 1: the same distances", atol=1e-5)
    assert_close(scores[2], scores[0], "both moved on by 50: the same distances", atol=5e-5)


def test_rope_takes_one_row_of_positions_for_each_sequence(draw):
    rope, x, positions = RotaryEmbedding(8, 16), draw.normal(3, 3, 6, 8), draw.integers(0, 16, 3, 6)
    alone = torch.stack([rope(row, own) for row, own in zip(x, positions, strict=True)])
    together = rope(x, positions[:, None, :])
    assert_close(together, alone, "positions (batch, 1, seq) with (batch, heads, seq, d_head)")


@pytest.mark.parametrize("cast", ["bfloat16", "to"])
def test_rope_stays_exact_far_out_when_the_model_is_cast_to_bfloat16(draw, cast):
    rope, x = RotaryEmbedding(64, 2048), draw.normal(100, 64).clamp(-2, 2)
    positions = torch.arange(1000, 2000, 10)
    rope = rope.bfloat16() if cast == "bfloat16" else rope.to(torch.bfloat16)
    why = "angles in float32, though the module was cast to bfloat16"
    assert_close(rope(x, positions), turned_as_complex_numbers(x, positions), why, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rope_computes_in_float32_and_returns_the_input_dtype(draw, dtype):
    rope, x = RotaryEmbedding(64, 16), draw.normal(6, 64).to(dtype)
    wide = rope(x.float(), POSITIONS).to(dtype)
    assert_close(rope(x, POSITIONS), wide, "float32 inside, rounded once at the end")


def test_rope_has_no_parameters_and_adds_nothing_to_a_state_dict():
    rope = RotaryEmbedding(8, 16)
    assert not list(rope.parameters()), "the angles are fixed: nothing in RoPE learns"
    assert not rope.state_dict(), f"tables in the state dict: {list(rope.state_dict())}"


def test_rope_leaves_its_input_as_it_was(draw):
    x = draw.normal(6, 8)
    before = x.clone()
    RotaryEmbedding(8, 16)(x, POSITIONS)
    assert_close(x, before, "RoPE changed the tensor it was given")


@pytest.mark.parametrize("how", ["made", "moved"])
def test_rope_works_on_the_device_it_was_put_on(how):
    rope = RotaryEmbedding(8, 16, device="meta" if how == "made" else None)
    rope = rope if how == "made" else rope.to("meta")
    x, positions = torch.empty(2, 6, 8, device="meta"), torch.arange(6, device="meta")
    assert rope(x, positions).device.type == "meta"


def test_rope_refuses_an_odd_d_head():
    with pytest.raises(ValueError, match="7"):
        RotaryEmbedding(7, 16)
