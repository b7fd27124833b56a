"""Sentences of the contract that only hurt with unusual inputs: an iterator, a transposed weight,
a number in between, a loss of nothing."""

import torch

from groundup.testing import assert_close
from s05_adamw_schedule import AdamW, clip_gradients

SETTINGS = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}


def three_steps(optimizer, parameters, gradients):
    for scale in (1.0, -0.5, 2.0):
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = scale * gradient
        optimizer.step()


def twins(*tensors):
    """Parameters twice: for the optimizer under test, and for the one to compare with."""
    return [[torch.nn.Parameter(tensor.clone()) for tensor in tensors] for _ in range(2)]


def test_parameters_of_an_optimizer_may_be_a_generator(draw):
    mine, theirs = twins(draw.normal(3, 2), draw.normal(4))
    gradients = [draw.normal(3, 2), draw.normal(4)]
    three_steps(AdamW((p for p in mine), **SETTINGS), mine, gradients)
    three_steps(AdamW(theirs, **SETTINGS), theirs, gradients)
    for name, one, other in zip(("first", "second"), mine, theirs, strict=True):
        why = f"the {name} of two parameters, given as model.parameters() gives them: one by one"
        assert_close(one.detach(), other.detach(), why, atol=1e-6)


def test_parameter_groups_may_be_a_generator(draw):
    mine, theirs = twins(draw.normal(3, 2), draw.normal(4))
    gradients, rates = [draw.normal(3, 2), draw.normal(4)], (0.3, 0.02)
    groups, others = (
        [{"params": [p], "lr": lr} for p, lr in zip(parameters, rates, strict=True)]
        for parameters in (mine, theirs)
    )
    three_steps(AdamW((group for group in groups), **SETTINGS), mine, gradients)
    three_steps(AdamW(others, **SETTINGS), theirs, gradients)
    for one, other, lr in zip(mine, theirs, rates, strict=True):
        assert_close(one.detach(), other.detach(), f"the group with lr = {lr}", atol=1e-6)


def test_a_transposed_weight_is_updated_in_place(draw):
    stored, gradient = draw.normal(3, 4), draw.normal(4, 3)
    mine, theirs = torch.nn.Parameter(stored.t()), torch.nn.Parameter(stored.t().contiguous())
    assert theirs.is_contiguous() and not mine.is_contiguous()
    three_steps(AdamW([mine], **SETTINGS), [mine], [gradient])
    three_steps(AdamW([theirs], **SETTINGS), [theirs], [gradient])
    why = "the same weight, stored row by row: of a transposed one reshape() may make a copy"
    assert_close(mine.detach(), theirs.detach(), why, atol=1e-6)


def test_a_weight_that_is_one_number_is_updated(draw):
    start, gradient = draw.normal(1), draw.normal(1)
    number, vector = torch.nn.Parameter(start[0].clone()), torch.nn.Parameter(start.clone())
    three_steps(AdamW([number], **SETTINGS), [number], [gradient[0]])
    three_steps(AdamW([vector], **SETTINGS), [vector], [gradient])
    why = "a weight of shape () moves as one of shape (1,)"
    assert_close(number.detach(), vector.detach()[0], why, atol=1e-6)


def test_betas_of_zero_leave_the_sign_of_every_gradient(draw):
    weight, gradient = torch.nn.Parameter(torch.zeros(5)), draw.normal(5)
    three_steps(AdamW([weight], 0.1, (0.0, 0.0), 0.0, 0.0), [weight], [gradient])
    expected = -0.1 * gradient.sign()
    why = "m is g and v is g² in every step, so θ moves by lr against the sign of g: down, up, down"
    assert_close(weight.detach(), expected, why, atol=1e-6)


def test_a_group_may_turn_weight_decay_off(draw):
    start = draw.normal(4)
    plain, decayed = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    groups = [{"params": [plain], "weight_decay": 0.0}, {"params": [decayed]}]
    optimizer = AdamW(groups, lr=0.5, weight_decay=0.2)
    three_steps(optimizer, [plain, decayed], [torch.zeros(4), torch.zeros(4)])
    assert_close(plain.detach(), start, "weight_decay 0 is a setting, not a missing one")
    assert_close(decayed.detach(), start * 0.9**3, "the other group decays", atol=1e-6)


def test_zeros_are_kept_as_settings():
    zeros = {"lr": 0.0, "betas": (0.0, 0.0), "eps": 0.0, "weight_decay": 0.0}
    group = AdamW([torch.nn.Parameter(torch.zeros(1))], **zeros).param_groups[0]
    found = {name: group[name] for name in zeros}
    found["betas"] = tuple(found["betas"])
    assert found == zeros, f"0 is a setting and not a missing one, but the group holds {found}"


def test_a_closure_may_return_a_loss_of_zero():
    weight = torch.nn.Parameter(torch.ones(2))
    returned = AdamW([weight]).step(lambda: 0.0)
    assert returned == 0.0, f"the closure's value is 0.0, but step returned {returned}"


def test_gradients_of_every_shape_and_layout_are_clipped_together(draw):
    shapes = [draw.normal(3, 4).t(), draw.normal(1)[0], draw.normal(1, 1, 2)]
    parameters = [torch.nn.Parameter(torch.full_like(each, 100.0)) for each in shapes]
    for parameter, gradient in zip(parameters, shapes, strict=True):
        parameter.grad = gradient.clone()
    norm = torch.cat([each.flatten() for each in shapes]).norm().item()
    assert_close(clip_gradients(parameters, 0.5), norm, "one long vector", rtol=1e-5)
    for parameter, gradient in zip(parameters, shapes, strict=True):
        expected = gradient * (0.5 / norm)
        why = f"the gradient of shape {tuple(gradient.shape)}, scaled in place"
        assert_close(parameter.grad, expected, why, atol=1e-6, rtol=1e-5)
