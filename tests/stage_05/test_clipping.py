import math

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s05_adamw_schedule import clip_gradients


def with_gradients(*gradients):
    """Parameters far larger than their gradients, so that the two cannot be taken for another."""
    parameters = [torch.nn.Parameter(torch.full_like(g, 100.0)) for g in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    return parameters


def drawn(draw):
    """Two matrices and two vectors; no norm of one is near that of all, or of two."""
    matrices = draw.normal(3, 4, scale=2.0), draw.normal(2, 5, scale=0.9)
    return with_gradients(matrices[0], draw.normal(5, scale=0.4), matrices[1], draw.normal(3))


NAMES = ("first", "second", "third", "fourth")


def gradients_of(parameters):
    return {name: p.grad for name, p in zip(NAMES, parameters, strict=False)}


@pytest.mark.points(2)
def test_gradients_above_the_limit_are_scaled_together(draw):
    parameters = drawn(draw)
    norm = clip_gradients(parameters, 1.5)
    check({"norm": norm, **gradients_of(parameters)}, atol=1e-6, rtol=1e-5)


def test_gradients_under_the_limit_are_not_scaled(draw):
    parameters = drawn(draw)
    norm = clip_gradients(parameters, 40.0)
    check({"norm": norm, **gradients_of(parameters)}, atol=1e-6, rtol=1e-5)


def test_gradients_of_an_iterator_are_scaled(draw):
    parameters = drawn(draw)
    norm = clip_gradients(iter(parameters), 1.5)
    check({"norm": norm, **gradients_of(parameters)}, atol=1e-6, rtol=1e-5)


def test_gradients_that_are_missing_are_left_out(draw):
    parameters = [*drawn(draw), torch.nn.Parameter(draw.normal(4))]
    norm = outcome(lambda: clip_gradients([parameters[4], *parameters[:4]], 1.5))
    without = torch.nn.Parameter(draw.normal(4))
    check(
        {
            "norm": norm,
            **gradients_of(parameters[:4]),
            "norm where none has one": outcome(lambda: clip_gradients([without], 1.5)),
            "norm of nothing": outcome(lambda: clip_gradients([], 1.5)),
        },
        atol=1e-6,
        rtol=1e-5,
    )


def test_clipping_changes_gradients_and_nothing_else(draw):
    parameters = drawn(draw)
    for parameter in parameters:
        parameter.data = draw.normal(*parameter.shape, scale=100.0)
    held = [parameter.grad for parameter in parameters]
    clip_gradients(parameters, 1.5)
    seen = {
        f"{name}, through a reference taken before": g for name, g in zip(NAMES, held, strict=True)
    }
    seen |= {f"{name} weights": p.detach() for name, p in zip(NAMES, parameters, strict=True)}
    check(seen, atol=1e-6, rtol=1e-5)


def test_gradients_whose_norm_is_not_finite_stay(draw):
    seen = {}
    for bad in (math.inf, math.nan):
        parameters = [*drawn(draw), *with_gradients(torch.tensor([bad, 2.0, -1.0]))]
        seen[f"norm with {bad}"] = str(clip_gradients(parameters, 1.5))
        for name, parameter in zip((*NAMES, "fifth"), parameters, strict=True):
            seen[f"{name} with {bad}"] = parameter.grad
    check(seen, atol=1e-6, rtol=1e-5)


def test_clipping_worked_by_hand():
    parameters = with_gradients(torch.tensor([3.0, 0.0]), torch.tensor([[4.0]]))
    assert_close(clip_gradients(parameters, 1.0), 5.0, "√(3² + 4²), before clipping", rtol=1e-6)
    assert_close(parameters[0].grad, torch.tensor([0.6, 0.0]), "3 / 5", atol=2e-6)
    assert_close(parameters[1].grad, torch.tensor([[0.8]]), "4 / 5", atol=2e-6)


def test_clipping_agrees_with_torch(draw):
    parameters = drawn(draw)
    theirs = with_gradients(*(p.grad for p in parameters))
    expected = torch.nn.utils.clip_grad_norm_(theirs, 0.7).item()
    assert_close(clip_gradients(parameters, 0.7), expected, "clip_grad_norm_", rtol=1e-5)
    for mine, other in zip(parameters, theirs, strict=True):
        assert_close(mine.grad, other.grad, "clip_grad_norm_'s gradients", atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("max_norm", [5.0, 5.5, math.inf])
def test_gradients_not_above_the_limit_are_left_to_the_bit(max_norm):
    gradients = torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])
    parameters = with_gradients(*gradients)
    assert clip_gradients(parameters, max_norm) == 5.0
    for parameter, gradient in zip(parameters, gradients, strict=True):
        assert_close(parameter.grad, gradient, "a norm of 5 is not above the limit")


def test_parameters_may_be_a_generator(draw):
    parameters = drawn(draw)
    clip_gradients((p for p in parameters), 0.5)
    norm = torch.cat([p.grad.flatten() for p in parameters]).norm()
    why = "an iterator is empty after one pass: the gradients must be scaled all the same"
    assert_close(norm, torch.tensor(0.5), why, rtol=1e-5)


def test_missing_gradients_are_left_out():
    parameters = with_gradients(torch.tensor([3.0]), torch.tensor([1.0]), torch.tensor([4.0]))
    parameters[1].grad = None
    assert_close(clip_gradients(parameters, 2.5), 5.0, "√(3² + 4²)", rtol=1e-6)
    assert parameters[1].grad is None
    assert_close(parameters[2].grad, torch.tensor([2.0]), "half of 4", atol=1e-5)


def test_the_norm_is_zero_without_any_gradient():
    assert clip_gradients([torch.nn.Parameter(torch.ones(2))], 1.0) == 0.0
    assert clip_gradients([], 1.0) == 0.0


def test_zero_gradients_stay_zero():
    (parameter,) = with_gradients(torch.zeros(3))
    assert clip_gradients([parameter], 1.0) == 0.0
    assert_close(parameter.grad, torch.zeros(3), "nothing to scale")


def test_clipping_works_in_place(draw):
    parameters = drawn(draw)
    held = [parameter.grad for parameter in parameters]
    clip_gradients(parameters, 0.5)
    for parameter, gradient in zip(parameters, held, strict=True):
        assert parameter.grad is gradient, "the tensor in .grad must be changed, not replaced"
    norm = torch.cat([gradient.flatten() for gradient in held]).norm()
    assert_close(norm, torch.tensor(0.5), "seen through a reference taken before", rtol=1e-5)


def test_clipping_leaves_the_weights_alone(draw):
    parameters = drawn(draw)
    clip_gradients(parameters, 0.5)
    for parameter in parameters:
        assert_close(parameter.detach(), torch.full_like(parameter, 100.0), "weights changed")


@pytest.mark.parametrize("bad", [math.inf, math.nan])
def test_a_norm_that_is_not_finite_is_returned_and_nothing_scaled(bad):
    parameters = with_gradients(torch.tensor([bad]), torch.tensor([3.0]))
    norm = clip_gradients(parameters, 1.0)
    assert not math.isfinite(norm), f"the norm of a gradient with {bad} is not {norm}"
    assert_close(parameters[1].grad, torch.tensor([3.0]), "the caller decides what to do")


def test_the_norm_is_a_plain_float(draw):
    assert type(clip_gradients(drawn(draw), 1.0)) is float


def test_a_limit_of_zero_leaves_no_gradient(draw):
    parameters = drawn(draw)
    assert clip_gradients(parameters, 0.0) > 0, "the norm before clipping"
    assert not any(parameter.grad.any() for parameter in parameters), "no norm is at most 0 but 0"
