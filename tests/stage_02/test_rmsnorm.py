import pytest
import torch

from groundup.testing import assert_close, check, load_weights
from s02_layers import RMSNorm


def make(draw, d_model, eps=1e-5, dtype=None):
    norm = RMSNorm(d_model, eps=eps, dtype=dtype)
    load_weights(norm, {"weight": (1 + draw.normal(d_model, scale=0.3)).to(norm.weight.dtype)})
    return norm


def test_rmsnorm_divides_by_root_mean_square_and_scales(draw):
    norm = make(draw, 6)
    check(norm(draw.normal(2, 5, 6) + 0.7), atol=1e-6, rtol=1e-5)


def test_rmsnorm_agrees_with_torch(draw):
    norm, x = make(draw, 6, eps=1e-3), draw.normal(3, 6) + 0.7
    expected = torch.nn.functional.rms_norm(x, (6,), norm.weight, eps=1e-3)
    assert_close(norm(x), expected, "torch.nn.functional.rms_norm", atol=1e-6, rtol=1e-5)


def test_rmsnorm_adds_eps_under_the_root(draw):
    norm = make(draw, 6)
    check(norm(draw.normal(4, 6, scale=3e-3)), atol=1e-6, rtol=1e-5)


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
    assert_close(norm(x), wide.to(dtype), "float32 inside, rounded once at the end")


def test_rmsnorm_parameters_honour_device_and_dtype():
    weight = RMSNorm(4, device="meta", dtype=torch.float64).weight
    assert (weight.device.type, weight.dtype) == ("meta", torch.float64)
