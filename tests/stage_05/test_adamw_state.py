import io

import pytest
import torch

from groundup.testing import assert_close
from s05_adamw_schedule import AdamW

SETTINGS = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}


def step_with(optimizer, parameter, gradient):
    parameter.grad = gradient.clone()
    optimizer.step()


@pytest.mark.points(2)
def test_a_learning_rate_set_between_steps_is_used(draw):
    mine, theirs = torch.nn.Parameter(torch.ones(5)), torch.nn.Parameter(torch.ones(5))
    ours, oracle = AdamW([mine], **SETTINGS), torch.optim.AdamW([theirs], **SETTINGS)
    for lr in (0.0, 0.05, 0.3, 0.01):
        gradient = draw.normal(5)
        for optimizer, parameter in ((ours, mine), (oracle, theirs)):
            optimizer.param_groups[0]["lr"] = lr
            step_with(optimizer, parameter, gradient)
        assert_close(mine.detach(), theirs.detach(), f"the step with lr = {lr}", atol=1e-6)


@pytest.mark.parametrize(
    "changed", [{"betas": (0.3, 0.6)}, {"eps": 0.5}, {"weight_decay": 2.0}], ids=lambda c: str(*c)
)
def test_other_settings_changed_between_steps_are_used(draw, changed):
    mine, theirs = torch.nn.Parameter(torch.ones(5)), torch.nn.Parameter(torch.ones(5))
    ours, oracle = AdamW([mine], **SETTINGS), torch.optim.AdamW([theirs], **SETTINGS)
    for step in range(3):
        gradient = draw.normal(5)
        for optimizer, parameter in ((ours, mine), (oracle, theirs)):
            optimizer.param_groups[0].update(changed if step else {})
            step_with(optimizer, parameter, gradient)
    assert_close(mine.detach(), theirs.detach(), f"torch.optim.AdamW with {changed}", atol=1e-6)


def test_parameter_groups_have_settings_of_their_own(draw):
    start, gradient = draw.normal(4), draw.normal(4)
    first, second = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    own = {"params": [second], "lr": 0.3, "betas": (0.5, 0.5), "eps": 0.2, "weight_decay": 0.0}
    optimizer = AdamW([{"params": [first]}, own], **SETTINGS)
    alone = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    apart = AdamW([alone[0]], **SETTINGS), AdamW([{**own, "params": [alone[1]]}], **SETTINGS)
    for scale in (1.0, -0.5, 2.0):
        for parameter in (first, second, *alone):
            parameter.grad = scale * gradient
        for each in (optimizer, *apart):
            each.step()
    assert_close(first.detach(), alone[0].detach(), "the group without settings has the defaults")
    assert_close(second.detach(), alone[1].detach(), "the group with settings has its own")
    assert not torch.allclose(first, second)


def test_defaults_are_the_ones_in_the_contract():
    settings = AdamW([torch.nn.Parameter(torch.zeros(1))]).param_groups[0]
    found = {name: settings[name] for name in ("lr", "betas", "eps", "weight_decay")}
    assert found == {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.01}


def test_a_parameter_without_gradient_is_left_alone():
    frozen, used = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2))
    optimizer = AdamW([frozen, used], lr=0.1, weight_decay=0.5)
    step_with(optimizer, used, torch.ones(2))
    assert_close(frozen.detach(), torch.ones(2), "no gradient: no update and no decay")


def test_the_step_count_is_the_parameters_own(draw):
    late, early = torch.nn.Parameter(torch.zeros(3)), torch.nn.Parameter(torch.zeros(3))
    optimizer = AdamW([late, early], lr=0.1, eps=0.0, weight_decay=0.0)
    for _ in range(4):
        step_with(optimizer, early, draw.normal(3))
    early.grad, gradient = None, draw.normal(3)
    step_with(optimizer, late, gradient)
    expected = -0.1 * gradient.sign()
    assert_close(late.detach(), expected, "its first step: m̂ / √v̂ is the sign", atol=1e-6)


@pytest.mark.points(2)
def test_a_loaded_state_dict_goes_on_to_the_bit(draw):
    gradients = [draw.normal(3, 2, scale=scale) for scale in (1, 2, 0.5, 3, 1)]
    weight = torch.nn.Parameter(draw.normal(3, 2))
    optimizer, file = AdamW([weight], **SETTINGS), io.BytesIO()
    for gradient in gradients[:3]:
        step_with(optimizer, weight, gradient)
    torch.save(optimizer.state_dict(), file)
    copy = torch.nn.Parameter(weight.detach().clone())
    resumed = AdamW([copy], lr=9.0)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    for gradient in gradients[3:]:
        step_with(optimizer, weight, gradient)
        step_with(resumed, copy, gradient)
    assert_close(copy.detach(), weight.detach(), "saved after step 3, loaded, two more steps")


def test_a_loaded_step_count_still_counts_in_bfloat16(draw):
    gradients = draw.normal(340, 4).to(torch.bfloat16)
    weight = torch.nn.Parameter(torch.zeros(4, dtype=torch.bfloat16))
    optimizer, file = AdamW([weight], lr=0.01), io.BytesIO()

    def go_on(optimizer, weight, gradients):
        for gradient in gradients:
            weight.grad = gradient.clone()
            optimizer.step()

    go_on(optimizer, weight, gradients[:240])
    torch.save(optimizer.state_dict(), file)
    copy = torch.nn.Parameter(weight.detach().clone())
    resumed = AdamW([copy], lr=9.0)
    file.seek(0)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    go_on(optimizer, weight, gradients[240:])
    go_on(resumed, copy, gradients[240:])
    why = (
        "to the bit: load_state_dict casts tensors to the parameter's dtype, in which 256 + 1 = 256"
    )
    assert_close(copy.detach(), weight.detach(), why)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64], ids=str)
def test_moments_have_the_dtype_of_their_parameter(dtype):
    weight = torch.nn.Parameter(torch.ones(3, 2, dtype=dtype))
    optimizer = AdamW([weight])
    step_with(optimizer, weight, torch.ones(3, 2, dtype=dtype))
    tensors = [v for v in optimizer.state[weight].values() if torch.is_tensor(v)]
    moments = [tensor.dtype for tensor in tensors if tensor.shape == weight.shape]
    assert moments == [dtype, dtype], "state holds m and v, of the parameter's shape and dtype"


def test_closure_is_called_once_with_gradients_enabled():
    weight, losses = torch.nn.Parameter(torch.tensor([2.0])), []

    def closure():
        loss = (weight**2).sum()
        loss.backward()
        losses.append(loss.item())
        return loss.item()

    optimizer = AdamW([weight], lr=0.5, eps=0.0, weight_decay=0.0)
    assert optimizer.step(closure) == 4.0, "step() returns what the closure returns"
    assert losses == [4.0], "the closure is called once"
    assert_close(weight.detach(), torch.tensor([1.5]), "the closure's gradient is used", atol=1e-6)
    assert optimizer.step() is None, "without a closure there is nothing to return"


@pytest.mark.parametrize(
    ("name", "value"),
    [("lr", -0.1), ("eps", -1e-8), ("weight_decay", -0.5), ("betas", (1.0, 0.9)),
     ("betas", (0.9, 1.0)), ("betas", (-0.1, 0.9)), ("betas", (0.9, -0.1))],
    ids=["lr", "eps", "weight_decay", "beta1 of 1", "beta2 of 1", "beta1 under 0", "beta2 under 0"],
)  # fmt: skip
def test_impossible_settings_are_refused_by_name(name, value):
    with pytest.raises(ValueError, match=name):
        AdamW([torch.nn.Parameter(torch.zeros(1))], **{name: value})


def test_zero_is_a_possible_setting():
    AdamW([torch.nn.Parameter(torch.zeros(1))], lr=0.0, betas=(0.0, 0.0), eps=0.0, weight_decay=0.0)
