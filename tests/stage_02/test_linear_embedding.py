import functools

import pytest
import torch

from groundup.testing import assert_close, check, load_weights, outcome
from s02_layers import Embedding, Linear


def gradient(loss, weight):
    return torch.autograd.grad(loss, weight)[0]


def test_linear_multiplies_by_its_weight_transposed(draw):
    layer, square = Linear(5, 3), Linear(4, 4)
    load_weights(layer, {"weight": draw.normal(3, 5)})
    load_weights(square, {"weight": draw.normal(4, 7)[:, :4]})
    x, scale = draw.normal(2, 4, 5), draw.normal(2, 4, 3)
    observed = {
        "5 to 3": outcome(lambda: layer(x)),
        "gradient": outcome(lambda: gradient((layer(x) * scale).sum(), layer.weight)),
        # Only where d_in is d_out does a weight that is not transposed give numbers.
        "4 to 4": outcome(lambda: square(draw.normal(2, 3, 4))),
    }
    check(observed, atol=1e-6, rtol=1e-5)


def test_linear_agrees_with_torch_on_any_leading_axes(draw):
    weight, x = draw.normal(3, 5), draw.normal(2, 7, 4, 5)
    layer = Linear(5, 3)
    load_weights(layer, {"weight": weight})
    expected = torch.nn.functional.linear(x, weight)
    assert_close(layer(x), expected, "Linear is x @ weight.T", atol=1e-6, rtol=1e-5)
    assert_close(layer(x[0, 0, 0]), expected[0, 0, 0], "… of one vector too", atol=1e-6, rtol=1e-5)


def test_linear_runs_with_its_own_initial_weight(draw):
    layer, x = Linear(5, 3), draw.normal(2, 5)
    assert_close(layer(x), x @ layer.weight.T, "the module's own weight", atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("make", [Linear, Embedding])
def test_what_linear_and_embedding_are_built_of(what_is_built, make):
    check(what_is_built(functools.partial(make, 6, 4)))


def test_linear_weight_starts_at_sizes_of_the_stated_normal_distribution(spread):
    torch.manual_seed(0)
    check(spread(Linear(400, 1600).weight, sigma=(2 / (400 + 1600)) ** 0.5))


def test_linear_weight_starts_with_the_stated_variance():
    torch.manual_seed(0)
    std = Linear(512, 1344).weight.std().item()
    # A normal distribution cut at 3σ has standard deviation 0.98658 σ.
    expected = 0.98658 * (2 / (512 + 1344)) ** 0.5
    why = "std of a 512 → 1344 weight: σ² = 2/(d_in + d_out), and the cut at 3σ leaves 0.987 σ"
    assert_close(std, expected, why, rtol=0.005)


def test_linear_weight_is_truncated_at_three_sigma():
    torch.manual_seed(0)
    largest = Linear(512, 1344).weight.abs().max().item() / (2 / (512 + 1344)) ** 0.5
    assert 2.9 < largest <= 3.0, f"the largest weight is {largest:.2f} σ; it should be cut at 3 σ"


def test_embedding_looks_up_rows(draw):
    table, ids, scale = Embedding(11, 4), draw.integers(0, 11, 2, 3, 5), draw.normal(2, 3, 5, 4)
    load_weights(table, {"weight": draw.normal(11, 4)})
    observed = {
        "vectors": outcome(lambda: table(ids)),
        "gradient": outcome(lambda: gradient((table(ids) * scale).sum(), table.weight)),
    }
    check(observed, atol=1e-6, rtol=1e-5)


def test_embedding_starts_at_sizes_of_the_stated_normal_distribution(spread):
    torch.manual_seed(0)
    check(spread(Embedding(1000, 640).weight, sigma=1))


def test_embedding_starts_normal_and_cut_at_three():
    torch.manual_seed(0)
    weight = Embedding(1000, 300).weight
    assert_close(weight.std().item(), 0.98658, "std of a normal distribution cut at 3", rtol=0.005)
    largest = weight.abs().max().item()
    assert 2.9 < largest <= 3.0, f"the largest entry is {largest:.2f}; it should be cut at 3"


def test_embedding_gradient_adds_up_over_repeated_tokens():
    table = Embedding(4, 2)
    table(torch.tensor([1, 3, 1])).sum().backward()
    expected = torch.tensor([[0.0, 0.0], [2.0, 2.0], [0.0, 0.0], [1.0, 1.0]])
    assert_close(table.weight.grad, expected, "token 1 was used twice, token 3 once")


@pytest.mark.parametrize("make", [Linear, Embedding])
def test_parameters_honour_device_and_dtype(make):
    weight = make(6, 4, device="meta", dtype=torch.float64).weight
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)


@pytest.mark.parametrize("make", [Linear, Embedding])
def test_weight_is_the_only_parameter_and_learns(make):
    parameters = dict(make(6, 4).named_parameters())
    assert list(parameters) == ["weight"]
    assert parameters["weight"].requires_grad
