"""What AdamW promises beside the update, observed in numbers as far as there are any."""

import contextlib
import copy

import pytest
import torch

from groundup.testing import check, outcome
from s05_adamw_schedule import AdamW

SETTINGS = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.05, "weight_decay": 0.3}


def parameters_of(draw, count):
    return [torch.nn.Parameter(draw.normal(3, 4)) for _ in range(count)]


def step_with(optimizer, parameters, gradients):
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    optimizer.step()


def drawn(draw, step, count):
    return [draw.normal(3, 4, scale=0.5 * step) for _ in range(count)]


def test_settings_are_read_in_every_step(draw):
    (weight,) = weights = parameters_of(draw, 1)
    optimizer, trace = AdamW(weights, **SETTINGS), []
    changes = ({}, {"lr": 0.3}, {"betas": (0.4, 0.7)}, {"eps": 0.4}, {"weight_decay": 1.5})
    for step, change in enumerate(changes, start=1):
        optimizer.param_groups[0].update(change)
        step_with(optimizer, weights, drawn(draw, step, 1))
        trace.append(weight.detach().clone())
    check({"after each step": torch.stack(trace)}, atol=1e-6, rtol=1e-5)


def test_every_group_is_updated_with_its_own_settings(draw):
    weights = parameters_of(draw, 3)
    own = {"lr": 0.3, "betas": (0.55, 0.65), "eps": 0.2, "weight_decay": 0.05}
    optimizer = AdamW([{"params": weights[:2]}, {"params": weights[2:], **own}], **SETTINGS)
    for step in range(1, 4):
        step_with(optimizer, weights, drawn(draw, step, 3))
    check({"two of one group, one of another": torch.stack(weights)}, atol=1e-6, rtol=1e-5)


def test_missing_gradients_and_late_ones(draw):
    weights = parameters_of(draw, 3)
    optimizer = AdamW(weights, **SETTINGS)
    present = {1: (0, 2), 2: (0, 2), 3: (0, 1, 2), 4: (1, 2), 5: (0, 1)}
    gradients = {step: drawn(draw, step, 3) for step in present}

    def after(steps):
        for step in steps:
            given = [gradients[step][i] if i in present[step] else None for i in range(3)]
            step_with(optimizer, weights, given)
        return torch.stack([weight.detach() for weight in weights])

    seen = {"after 2 steps": outcome(lambda: after([1, 2]))}
    seen["after 5 steps"] = outcome(lambda: after([3, 4, 5]))
    check(seen, atol=1e-6, rtol=1e-5)


@pytest.mark.points(2)
def test_a_saved_state_dict_goes_on_in_a_new_optimizer(draw):
    weights = parameters_of(draw, 2)
    optimizer = AdamW(weights, **SETTINGS)
    for step in range(1, 4):
        step_with(optimizer, weights, drawn(draw, step, 2))
    saved = copy.deepcopy(optimizer.state_dict())
    later = [drawn(draw, step, 2) for step in (2, 0.5, 3)]

    def resumed():
        copies = [torch.nn.Parameter(weight.detach().clone()) for weight in weights]
        new = AdamW(copies, lr=9.0)
        new.load_state_dict(saved)
        for gradients in later:
            step_with(new, copies, gradients)
        return torch.stack([each.detach() for each in copies])

    check({"two weights, three steps after loading": outcome(resumed)}, atol=1e-6, rtol=1e-5)


def test_moments_are_kept_as_their_parameter_is(draw):
    def moments(**where):
        weight = torch.nn.Parameter(start.to(**where))
        optimizer = AdamW([weight], **SETTINGS)
        with contextlib.suppress(RuntimeError):  # a meta tensor has no value to look at
            for _ in range(3):
                step_with(optimizer, [weight], [start.to(**where)])
        state = [value for value in optimizer.state[weight].values() if torch.is_tensor(value)]
        return [f"{m.dtype} on {m.device.type}" for m in state if m.shape == weight.shape]

    start = draw.normal(3, 4)
    seen = {str(dtype): moments(dtype=dtype) for dtype in (torch.bfloat16, torch.float64)}
    check({**seen, "meta device": moments(device="meta")})


def test_closures_are_run_before_the_update(draw):
    (weight,) = weights = parameters_of(draw, 1)
    target, trace, returned = draw.normal(3, 4), [], []

    def closure():
        weight.grad = None
        loss = ((weight - target) ** 3).sum()
        loss.backward()
        calls.append(loss.item())
        return loss.item()

    optimizer, calls = AdamW(weights, **SETTINGS), []
    for _ in range(3):
        returned.append(outcome(lambda: optimizer.step(closure)))
        trace.append(weight.detach().clone())
    equal = ["the loss" if value in calls else str(value) for value in returned]
    seen = {"returned": equal, "losses": calls, "after each step": torch.stack(trace)}
    check(seen, atol=1e-6, rtol=1e-5)


def test_defaults_and_what_a_group_holds():
    group = AdamW([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    held = {name: group.get(name, "not in the group") for name in SETTINGS}
    check({name: list(v) if isinstance(v, tuple) else v for name, v in held.items()}, rtol=1e-6)


def test_settings_out_of_range_are_refused():
    def refusal(name, value):
        try:
            AdamW([torch.nn.Parameter(torch.zeros(1))], **{name: value})
        except ValueError as error:
            return f"ValueError that {'names it' if name in str(error) else 'does not name it'}"
        return "accepted"

    tried = [("lr", -0.1), ("eps", -1e-8), ("weight_decay", -0.5)]
    tried += [("betas", pair) for pair in [(1.0, 0.9), (0.9, 1.0), (-0.1, 0.9), (0.9, -0.1)]]
    tried += [("lr", 0.0), ("eps", 0.0), ("weight_decay", 0.0), ("betas", (0.0, 0.0))]
    check({f"{n} of {v}": outcome(lambda n=n, v=v: refusal(n, v)) for n, v in tried})
