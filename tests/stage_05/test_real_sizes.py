"""As many steps and parameters as real runs have, where a rule for a few no longer hides."""

import math

import pytest
import torch

from groundup.testing import assert_close
from s05_adamw_schedule import AdamW, clip_gradients, cosine_schedule


def test_two_thousand_steps_agree_with_torch(draw):
    mine = torch.nn.Parameter(draw.normal(3, 2))
    theirs = torch.nn.Parameter(mine.detach().clone())
    settings = {"lr": 3e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}
    ours, oracle = AdamW([mine], **settings), torch.optim.AdamW([theirs], **settings)
    gradients = draw.normal(2000, 3, 2) + 0.1
    for gradient in gradients:
        mine.grad, theirs.grad = gradient.clone(), gradient.clone()
        ours.step()
        oracle.step()
    assert_close(mine.detach(), theirs.detach(), "torch.optim.AdamW, 2000 steps", atol=1e-4)


def test_each_of_many_parameters_has_moments_of_its_own(draw):
    gradients = draw.normal(150, 2)
    mine, theirs = ([torch.nn.Parameter(torch.zeros(2)) for _ in gradients] for _ in range(2))
    ours, oracle = AdamW(mine, lr=0.1), torch.optim.AdamW(theirs, lr=0.1)
    for scale in (1.0, -0.3, 2.0):
        for one, other, gradient in zip(mine, theirs, gradients, strict=True):
            one.grad, other.grad = scale * gradient, scale * gradient
        ours.step()
        oracle.step()
    found, expected = torch.stack(mine).detach(), torch.stack(theirs).detach()
    assert_close(found, expected, "torch.optim.AdamW of 150 parameters", atol=1e-6)


def test_many_gradients_are_clipped_as_one_vector(draw):
    parameters = [torch.nn.Parameter(torch.zeros(20, 30)) for _ in range(150)]
    gradients = [draw.normal(20, 30) for _ in parameters]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient.clone()
    norm = torch.cat([gradient.flatten() for gradient in gradients]).double().norm().item()
    assert_close(clip_gradients(parameters, 1.0), norm, "90,000 numbers, one vector", rtol=1e-5)
    found = torch.stack([parameter.grad for parameter in parameters])
    assert_close(found, torch.stack(gradients) / norm, "all scaled alike", atol=1e-7)


@pytest.mark.parametrize("step", [0, 1, 1999, 2000, 2001, 51_000, 99_999, 100_000, 250_000])
def test_the_schedule_of_a_long_run(step):
    found = cosine_schedule(step, 6e-4, 6e-5, 2000, 100_000)
    way = min(max((step - 2000) / 98_000, 0), 1)
    cosine = 6e-5 + (6e-4 - 6e-5) * math.cos(math.pi * way / 2) ** 2
    expected = 6e-4 * step / 2000 if step < 2000 else cosine
    assert_close(found, expected, f"step {step} of 100,000, 2,000 to warm up", rtol=1e-9)
