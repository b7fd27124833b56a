import math

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s02_layers import cross_entropy


def gradient(logits, targets):
    leaf = logits.clone().requires_grad_()
    return torch.autograd.grad(cross_entropy(leaf, targets), leaf)[0]


@pytest.mark.parametrize(
    "shape", [(6,), (3, 5), (4, 4), (2, 3, 5)], ids=["6", "3x5", "4x4", "2x3x5"]
)
def test_cross_entropy_is_the_mean_over_all_leading_axes(draw, shape):
    logits, targets = draw.normal(*shape, 7), draw.integers(0, 7, *shape)
    used = logits.clone()
    observed = {
        "loss": outcome(lambda: cross_entropy(used, targets)),
        "gradient": outcome(lambda: gradient(logits, targets)),
        "logits afterwards": used,
    }
    check(observed, atol=1e-6, rtol=1e-5)


def test_cross_entropy_of_logits_of_any_size(draw):
    targets, above = draw.integers(0, 7, 3), torch.zeros(3, 7)
    above[range(3), targets - 1] = torch.tensor([25.0, 60.0, 300.0])
    offsets = {"low": -1000.0, "high": 1000.0, "both": torch.tensor([[-1000.0], [0.0], [1000.0]])}
    observed = {"hopeless": cross_entropy(above.clone(), targets)}
    for name, offset in offsets.items():
        observed[name] = cross_entropy(draw.normal(3, 7) + offset, targets)
    # Ten times what adding the maximum back after the log costs here.
    check(observed, atol=1e-3, rtol=1e-6)


def test_cross_entropy_agrees_with_torch_in_value_and_gradient(draw):
    logits, targets = draw.normal(3, 5, 7).requires_grad_(), draw.integers(0, 7, 3, 5)
    loss = cross_entropy(logits, targets)
    (gradient,) = torch.autograd.grad(loss, logits)
    expected = torch.nn.functional.cross_entropy(logits.reshape(15, 7), targets.reshape(15))
    (expected_gradient,) = torch.autograd.grad(expected, logits)
    assert_close(loss, expected, "torch's cross_entropy", atol=1e-6, rtol=1e-5)
    assert_close(gradient, expected_gradient, "the gradient of every position", atol=1e-7)


def test_cross_entropy_is_finite_for_large_logits(draw):
    offsets = torch.tensor([[-1000.0], [0.0], [1000.0]])
    logits, targets = draw.normal(3, 7) + offsets, draw.integers(0, 7, 3)
    expected = torch.nn.functional.cross_entropy(logits, targets)
    # Near 1000 float32 has steps of 6e-5: adding the maximum back after the log costs as much.
    assert_close(cross_entropy(logits, targets), expected, "large logits", atol=2e-4)


def test_cross_entropy_of_a_hopeless_prediction_is_not_capped():
    logits = torch.tensor([[1000.0, 0.0, 0.0]])
    loss = cross_entropy(logits, torch.tensor([1]))
    assert_close(loss, torch.tensor(1000.0), "-log softmax of 1000 below the maximum", rtol=1e-6)


def test_cross_entropy_of_equal_logits_is_log_vocab():
    loss = cross_entropy(torch.zeros(4, 6, 50), torch.arange(24).reshape(4, 6))
    assert_close(loss, torch.tensor(math.log(50)), "ln 50, nothing known", rtol=1e-6)


def test_cross_entropy_leaves_its_inputs_as_they_were(draw):
    logits, targets = draw.normal(3, 7), draw.integers(0, 7, 3)
    before = logits.clone()
    cross_entropy(logits, targets)
    assert_close(logits, before, "cross_entropy changed the logits it was given")
