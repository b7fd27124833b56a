import functools

import torch

from groundup.testing import assert_close, check, load_weights, outcome
from s02_layers import SwiGLU, silu, softmax


def test_silu_is_x_times_sigmoid_of_x(draw):
    x = draw.normal(4, 6, scale=3.0)
    check({"output": silu(x), "input afterwards": x}, atol=1e-5, rtol=1e-5)


def test_silu_where_its_exponentials_overflow_or_vanish(draw):
    x = draw.normal(3, 4) + torch.tensor([[-150.0], [0.0], [150.0]])
    scale = draw.normal(3, 4)

    def gradient():
        leaf = x.clone().requires_grad_()
        return torch.autograd.grad((silu(leaf) * scale).sum(), leaf)[0]

    check({"output": silu(x.clone()), "gradient": outcome(gradient)}, atol=1e-5, rtol=1e-5)


def test_silu_and_its_gradient_stay_finite_far_from_zero():
    x = torch.tensor([-200.0, -95.0, 0.0, 95.0, 200.0], requires_grad=True)
    y = silu(x)
    y.sum().backward()
    assert_close(y, torch.tensor([0.0, 0.0, 0.0, 95.0, 200.0]), "x · σ(x)", atol=1e-6)
    assert_close(x.grad, torch.tensor([0.0, 0.0, 0.5, 1.0, 1.0]), "its gradient", atol=1e-6)


def given_swiglu(draw):
    layer = SwiGLU(6, 10)
    shapes = {"gate.weight": (10, 6), "up.weight": (10, 6), "down.weight": (6, 10)}
    load_weights(layer, {name: draw.normal(*shape) for name, shape in shapes.items()})
    return layer


def test_swiglu_gates_the_up_projection(draw):
    check(given_swiglu(draw)(draw.normal(2, 3, 6)), atol=1e-5, rtol=1e-5)


def test_what_swiglu_is_built_of(what_is_built):
    check(what_is_built(functools.partial(SwiGLU, 6, 10)))


def test_swiglu_agrees_with_torch(draw):
    layer, x = given_swiglu(draw), draw.normal(4, 6)
    gated = torch.nn.functional.silu(x @ layer.gate.weight.T) * (x @ layer.up.weight.T)
    assert_close(layer(x), gated @ layer.down.weight.T, "down(silu(gate) · up)", atol=1e-5)


def test_swiglu_runs_with_its_own_weights(draw):
    y = SwiGLU(6, 10)(draw.normal(3, 6))
    assert y.shape == (3, 6)
    assert torch.isfinite(y).all()


def test_swiglu_hands_device_and_dtype_to_its_layers():
    found = {(p.device.type, p.dtype) for p in SwiGLU(6, 10, "meta", torch.float64).parameters()}
    assert found == {("meta", torch.float64)}


def test_softmax_along_each_axis(draw):
    x, thin = draw.normal(2, 3, 4), draw.normal(2, 1, 4)
    observed = {f"dim={dim}": outcome(lambda dim=dim: softmax(x.clone(), dim)) for dim in (0, 1, 2)}
    observed["an axis of size 1"] = outcome(lambda: softmax(thin, -1))
    check(observed, atol=1e-6, rtol=1e-5)


def test_softmax_of_rows_of_very_different_size(draw):
    x = 2 * draw.normal(4, 5) + torch.tensor([[-2000.0], [0.0], [90.0], [1000.0]])
    before = x.clone()
    y = softmax(x, -1)
    check({"output": y, "what was done to the input": x - before}, atol=1e-6, rtol=1e-5)


def test_softmax_agrees_with_torch_far_from_zero(draw):
    # Each row has its own scale: the maximum of one row says nothing about another.
    x = draw.normal(4, 5) + torch.tensor([[-1000.0], [0.0], [90.0], [1000.0]])
    expected = torch.softmax(x, dim=-1)
    assert_close(softmax(x, -1), expected, "torch.softmax", atol=1e-6, rtol=1e-5)


def test_softmax_gives_masked_entries_no_probability():
    x = torch.tensor([[0.0, -torch.inf, 0.0], [-torch.inf, 3.0, -torch.inf]])
    assert_close(softmax(x, -1), torch.tensor([[0.5, 0, 0.5], [0, 1, 0]]), "-inf is masked out")


def test_softmax_leaves_its_input_as_it_was(draw):
    x = draw.normal(3, 4)
    before = x.clone()
    softmax(x, -1)
    assert_close(x, before, "softmax changed the tensor it was given")
