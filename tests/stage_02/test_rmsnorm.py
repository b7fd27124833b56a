import functools

import pytest
import torch

from groundup.testing import assert_close, check, load_weights, outcome
from s02_layers import RMSNorm


def make(draw, d_model, eps=1e-5, dtype=None):
    norm = RMSNorm(d_model, eps=eps, dtype=dtype)
    load_weights(norm, {"weight": (1 + draw.normal(d_model, scale=0.3)).to(norm.weight.dtype)})
    return norm


def far_from_a_tie(values, dtype):
    """Where float32 values can be off in their last digits and still round to the same `dtype`."""
    return (values * (1 + 1e-5)).to(dtype) == (values * (1 - 1e-5)).to(dtype)


def test_rmsnorm_divides_by_root_mean_square_and_scales(draw):
    norm, x, scale = make(draw, 6, eps=0.02), draw.normal(2, 5, 6) + 0.7, draw.normal(2, 5, 6)

    def gradient():
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad((norm(leaf) * scale).sum(), leaf)[0]

    observed = {"output": outcome(lambda: norm(x)), "gradient": outcome(gradient)}
    check({**observed, "input afterwards": x}, atol=1e-6, rtol=1e-5)


def test_rmsnorm_agrees_with_torch(draw):
    norm, x = make(draw, 6, eps=1e-3), draw.normal(3, 6) + 0.7
    expected = torch.nn.functional.rms_norm(x, (6,), norm.weight, eps=1e-3)
    assert_close(norm(x), expected, "torch.nn.functional.rms_norm", atol=1e-6, rtol=1e-5)


def test_rmsnorm_adds_eps_under_the_root(draw):
    # One row far below eps, one near it, one far above it, and one of zeros.
    x = draw.normal(4, 6) * torch.tensor([[0.01], [0.3], [10.0], [0.0]])
    given, default = make(draw, 6, eps=0.09), RMSNorm(6)
    load_weights(default, given.state_dict())
    observed = {"eps given": given(x.clone()), "eps by default": default(0.01 * x)}
    check(observed, atol=1e-6, rtol=1e-5)


def test_what_rmsnorm_is_built_of(what_is_built):
    observed = what_is_built(functools.partial(RMSNorm, 6))
    check({**observed, "gain at first": RMSNorm(6).weight.unique()})


def test_rmsnorm_of_float16_whose_squares_overflow(draw):
    x = draw.normal(8, 24, scale=3000.0).half()
    narrow, wide = make(draw, 24, dtype=torch.float16), make(draw, 24)
    normalised = torch.nn.functional.rms_norm(x.float(), (24,), eps=1e-5)
    settled = far_from_a_tie(normalised, x.dtype)
    for norm in (narrow, wide):
        settled &= far_from_a_tie(normalised * norm.weight.float(), x.dtype)
    observed = {"float16 gain": narrow(x)[settled], "float32 gain": wide(x)[settled]}
    check(observed, rtol=1e-6)


def test_rmsnorm_of_zeros_is_zeros():
    assert_close(RMSNorm(4)(torch.zeros(2, 4)), torch.zeros(2, 4), "0 / √(0 + eps) is 0")


def test_rmsnorm_gain_starts_at_one():
    assert_close(RMSNorm(5).weight.detach(), torch.ones(5), "the gain starts at 1")


def test_rmsnorm_normalises_each_vector_alone(draw):
    norm, x = make(draw, 6), draw.normal(3, 4, 6)
    alone = torch.stack([torch.stack([norm(vector) for vector in row]) for row in x])
    assert_close(norm(x), alone, "one vector at a time", atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_rmsnorm_computes_in_float32_and_returns_the_input_dtype(draw, dtype):
    norm, x = make(draw, 64, dtype=dtype), draw.normal(8, 64, scale=300.0).to(dtype)
    wide = torch.nn.functional.rms_norm(x.float(), (64,), norm.weight.float(), eps=1e-5)
    settled, why = far_from_a_tie(wide, dtype), "float32 inside, rounded once at the end"
    assert_close(norm(x)[settled], wide.to(dtype)[settled], why)


def test_rmsnorm_parameters_honour_device_and_dtype():
    weight = RMSNorm(4, device="meta", dtype=torch.float64).weight
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)
