"""Sentences of the contract in cases that are seldom met, and hurt when they are."""

import pytest
import torch

from groundup.testing import assert_close
from s02_layers import Embedding, Linear, RMSNorm, SwiGLU, cross_entropy, silu, softmax


@pytest.mark.parametrize("make", [Linear, Embedding])
def test_two_layers_start_with_weights_of_their_own(make):
    first, second = make(6, 4).weight, make(6, 4).weight
    assert not torch.equal(first, second), (
        "two layers of the same size start with the same weight: draw each anew, and leave "
        "seeds to whoever calls"
    )


def test_swiglu_is_made_of_linear_layers():
    layer = SwiGLU(6, 10)
    for name in ("gate", "up", "down"):
        found = type(getattr(layer, name))
        assert issubclass(found, Linear), f"`{name}` is a {found}; it should be your own Linear"


def test_swiglu_gate_and_up_start_with_weights_of_their_own():
    layer = SwiGLU(6, 10)
    assert not torch.equal(layer.gate.weight, layer.up.weight), "gate and up start the same"


def test_rmsnorm_with_an_eps_of_zero_adds_nothing(draw):
    x = draw.normal(3, 6, scale=1e-3)
    expected = torch.nn.functional.rms_norm(x, (6,), eps=0.0)
    why = "eps is given as 0, and 0 it is; `eps or 1e-5` would make it 1e-5"
    assert_close(RMSNorm(6, eps=0.0)(x), expected, why, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("gain", [torch.float32, torch.bfloat16, torch.float64], ids=str)
def test_rmsnorm_returns_the_dtype_of_x_whatever_its_gain_is(draw, dtype, gain):
    found = RMSNorm(6, dtype=gain)(draw.normal(3, 6).to(dtype)).dtype
    assert found == dtype, f"x is {dtype}, its gain {gain}, and the result {found}"


@pytest.mark.parametrize("size", [1e4, 1e30, 3e38])
def test_silu_and_its_gradient_at_the_ends_of_float32(size):
    x = torch.tensor([-size, size], requires_grad=True)
    y = silu(x)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert_close(y, torch.tensor([0.0, size]), f"x · σ(x) at -{size:g} and {size:g}", rtol=1e-6)
    assert_close(gradient, torch.tensor([0.0, 1.0]), "its gradient", atol=1e-6)


def test_softmax_gives_everything_to_a_very_low_number_beside_minus_infinity():
    x = torch.tensor([[-1e6, -torch.inf, -torch.inf], [-torch.inf, -1e30, -1e30]])
    expected = torch.tensor([[1.0, 0, 0], [0, 0.5, 0.5]])
    why = "-inf is below every finite number, however low; -1e4 or -1e9 in its place is not"
    assert_close(softmax(x, -1), expected, why, atol=1e-6)


@pytest.mark.parametrize("size", [1e5, 1e10, 1e30])
def test_softmax_of_numbers_far_apart_gives_everything_to_the_largest(size):
    x = torch.tensor([[-size, size, 0.0], [-size, -size, 0.0]])
    expected = torch.tensor([[0.0, 1, 0], [0, 0, 1]])
    assert_close(softmax(x, -1), expected, f"exp of a distance of {size:g} is 0 beside 1")


def test_softmax_agrees_with_torch_in_its_gradient(draw):
    x, direction = draw.normal(3, 4).requires_grad_(), draw.normal(3, 4)
    (gradient,) = torch.autograd.grad(softmax(x, -1), x, direction)
    (expected,) = torch.autograd.grad(torch.softmax(x, -1), x, direction)
    assert_close(gradient, expected, "the gradient of torch.softmax", atol=1e-6)


@pytest.mark.parametrize("size", [1e5, 1e10, 1e30])
def test_cross_entropy_of_a_hopeless_prediction_grows_without_a_bound(size):
    loss = cross_entropy(torch.tensor([[0.0, -size, -1.0]]), torch.tensor([1]))
    assert_close(loss, torch.tensor(size), "z_t lies that far below the others", rtol=1e-5)


def test_cross_entropy_of_a_vocabulary_of_one_is_zero():
    loss = cross_entropy(torch.tensor([[5.0], [-3.0]]), torch.tensor([0, 0]))
    assert_close(loss, torch.tensor(0.0), "the only token has probability 1", atol=1e-6)


def test_swiglu_has_no_limits(draw):
    layer = SwiGLU(6, 10)
    draw.weights(layer)
    x = draw.normal(4, 6, scale=40.0)  # as large as in a trained model, whatever the sign
    gate, up = x @ layer.gate.weight.T, x @ layer.up.weight.T
    expected = (torch.nn.functional.silu(gate) * up) @ layer.down.weight.T
    assert min(gate.max(), -gate.min(), up.max(), -up.min()) > 20
    assert_close(layer(x), expected, "down(silu(gate x) · up x)", rtol=1e-4, atol=1e-3)


def test_cross_entropy_takes_what_is_not_contiguous(draw):
    logits, targets = draw.normal(3, 9, 4).transpose(1, 2), draw.integers(0, 9, 3, 5)[:, 1:]
    expected = cross_entropy(logits.contiguous(), targets.contiguous())
    why = "targets are a batch without its first column, which view() cannot flatten"
    assert_close(cross_entropy(logits, targets), expected, why, rtol=1e-6)


def test_one_distribution_has_a_cross_entropy(draw):
    logits = draw.normal(7)
    expected = -logits.log_softmax(dim=0)[3]
    assert_close(cross_entropy(logits, torch.tensor(3)), expected, "no leading axes", atol=1e-6)


def test_cross_entropy_keeps_axes_of_length_one(draw):
    for shape in (5, 1), (1, 5), (1, 1):
        logits, targets = draw.normal(*shape, 7), draw.integers(0, 7, *shape)
        expected = torch.nn.functional.cross_entropy(logits.reshape(-1, 7), targets.reshape(-1))
        why = f"targets of shape {shape}: a squeeze() that names no axis takes these away too"
        assert_close(cross_entropy(logits, targets), expected, why, rtol=1e-5)


def test_one_vector_is_what_it_is_in_a_batch(draw):
    x = draw.normal(6)
    layers = [Linear(6, 4), SwiGLU(6, 10), RMSNorm(6), silu, lambda x: softmax(x, dim=-1)]
    for layer in layers:
        expected = layer(x[None])[0]
        assert_close(layer(x), expected, f"no leading axes, and one of size 1: {layer}", atol=1e-6)


AUTOCAST = "what it gives without autocast, which computes matrix products in bfloat16"


@pytest.mark.parametrize("shape", [(3, 6), (2, 3, 6), (4096, 128)], ids=str)
def test_rmsnorm_computes_in_float32_under_autocast(draw, shape):
    norm = RMSNorm(shape[-1])
    draw.weights(norm)
    x = draw.normal(*shape).requires_grad_()
    expected = norm(x)
    [slope] = torch.autograd.grad(expected.square().sum(), x)
    with torch.autocast("cpu", torch.bfloat16):
        found = norm(x)
        [slope_found] = torch.autograd.grad(found.square().sum(), x)
    assert_close(found, expected, AUTOCAST, rtol=1e-5)
    assert_close(slope_found, slope, AUTOCAST, atol=1e-4, rtol=1e-4)


def test_softmax_and_cross_entropy_compute_in_float32_under_autocast(draw):
    x, targets = draw.normal(5, 9), torch.tensor([0, 8, 3, 3, 1])
    with torch.autocast("cpu", torch.bfloat16):
        probabilities, loss = softmax(x, -1), cross_entropy(x, targets)
    assert_close(probabilities, softmax(x, -1), AUTOCAST)
    assert_close(loss, cross_entropy(x, targets), AUTOCAST)


def test_targets_may_be_int32(draw):
    logits, targets = draw.normal(2, 3, 11), torch.tensor([[1, 0, 3], [1, 10, 6]])
    found = cross_entropy(logits, targets.int())
    assert_close(found, cross_entropy(logits, targets), "the same targets as int64")
