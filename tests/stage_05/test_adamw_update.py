import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s05_adamw_schedule import AdamW

SETTINGS = {"lr": 0.1, "betas": (0.8, 0.95), "eps": 0.05, "weight_decay": 0.0}


def parameters_of(draw, *shapes):
    return [torch.nn.Parameter(draw.normal(*shape)) for shape in shapes]


def copies(parameters):
    return [torch.nn.Parameter(p.detach().clone()) for p in parameters]


def give_gradients(draw, step, *lists):
    """The same new gradients to the parameters of every list; their size changes with the step."""
    for twins in zip(*lists, strict=True):
        gradient = draw.normal(*twins[0].shape, scale=0.5 * step)
        for parameter in twins:
            parameter.grad = gradient.clone()


def test_two_steps_worked_by_hand():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimizer = AdamW([weight], lr=0.1, betas=(0.5, 0.75), eps=0.0, weight_decay=0.0)
    # Step 1: m = 0.25, v = 0.0625, corrected 0.5 and 0.25; 0.5 / √0.25 = 1.
    weight.grad = torch.tensor([0.5])
    optimizer.step()
    assert_close(weight.detach(), torch.tensor([0.9]), "step 1: 1 - 0.1 · 1", atol=1e-6)
    # Step 2: m = 0.25, v = 0.0625, corrected 1/3 and 1/7; 1/3 / √(1/7) = 0.88192.
    weight.grad = torch.tensor([0.25])
    optimizer.step()
    expected = torch.tensor([0.9 - 0.088192])
    assert_close(weight.detach(), expected, "step 2: 0.9 - 0.1 · 0.88192", atol=1e-6)


def by_shape(trace):
    """The weights after each step: all of the matrix behind one another, and of the vector."""
    matrices, vectors = zip(*trace, strict=True)
    return {"matrix": torch.stack(matrices), "vector": torch.stack(vectors)}


@pytest.mark.points(2)
def test_moments_and_their_corrections_over_four_steps(draw):
    weights = parameters_of(draw, (3, 4), (5,))
    optimizer, trace = AdamW(weights, **SETTINGS), []
    for step in range(1, 5):
        give_gradients(draw, step, weights)
        optimizer.step()
        trace.append(copies(weights))
    check(by_shape(trace), atol=1e-6, rtol=1e-5)


def test_weight_decay_over_four_steps(draw):
    weights = parameters_of(draw, (3, 4), (5,))
    optimizer, trace = AdamW(weights, **{**SETTINGS, "weight_decay": 0.7}), []
    for step in range(1, 5):
        give_gradients(draw, step, weights)
        optimizer.step()
        trace.append(copies(weights))
    check(by_shape(trace), atol=1e-6, rtol=1e-5)


def test_only_weight_decay_is_left_without_a_slope(draw):
    weights = parameters_of(draw, (3, 4), (5,))
    optimizer, trace = AdamW(weights, **{**SETTINGS, "weight_decay": 0.7}), []
    for _ in range(1, 4):
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        optimizer.step()
        trace.append(copies(weights))
    check(by_shape(trace), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_twenty_steps_agree_with_torch(draw, dtype):
    mine = [torch.nn.Parameter(p.detach().to(dtype)) for p in parameters_of(draw, (4, 3), (5,))]
    theirs = copies(mine)
    settings = {"lr": 0.02, "betas": (0.7, 0.9), "eps": 1e-3, "weight_decay": 0.1}
    ours, oracle = AdamW(mine, **settings), torch.optim.AdamW(theirs, **settings)
    for step in range(1, 21):
        for one, other in zip(mine, theirs, strict=True):
            one.grad = draw.normal(*one.shape, scale=step).to(dtype)
            other.grad = one.grad.clone()
        ours.step()
        oracle.step()
    why, tolerance = "torch.optim.AdamW", 2e-6
    if dtype == torch.float64:
        why, tolerance = f"{why} in float64; a step count in float32 has 7 digits", 1e-13
    assert_close(mine[0].detach(), theirs[0].detach(), why, atol=tolerance)
    assert_close(mine[1].detach(), theirs[1].detach(), why, atol=tolerance)


@pytest.mark.parametrize("scales", ["quiet, then loud", "loud, then quiet"])
def test_a_change_of_volume_agrees_with_torch(draw, scales):
    """The first loud step after a quiet stretch is longer than lr; after a loud one v falls."""
    (mine,) = parameters_of(draw, (4, 3))
    (theirs,) = copies([mine])
    settings = {"lr": 0.1, "betas": (0.5, 0.96), "eps": 1e-8, "weight_decay": 0.1}
    ours, oracle = AdamW([mine], **settings), torch.optim.AdamW([theirs], **settings)
    first, second = (0.01, 1.0) if scales.startswith("quiet") else (1.0, 0.01)
    for scale in [first] * 60 + [second] * 30:
        mine.grad = scale * (1 + draw.normal(4, 3, scale=0.1))
        theirs.grad = mine.grad.clone()
        ours.step()
        oracle.step()
    why = f"torch.optim.AdamW, gradients of {first} in 60 steps and of {second} in 30 more"
    assert_close(mine.detach(), theirs.detach(), why, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_first_step_has_the_size_lr_whatever_the_gradient(draw, scale):
    weight = torch.nn.Parameter(torch.zeros(6))
    weight.grad = draw.normal(6, scale=scale)
    AdamW([weight], lr=0.01, eps=0.0, weight_decay=0.0).step()
    expected = -0.01 * weight.grad.sign()
    assert_close(weight.detach(), expected, "m̂ / √v̂ is the gradient's sign at first", atol=1e-7)


def test_eps_is_added_outside_the_root():
    weight = torch.nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([0.3, -0.1])
    AdamW([weight], lr=1.0, eps=0.1, weight_decay=0.0).step()
    expected = torch.tensor([-0.3 / 0.4, 0.1 / 0.2])
    assert_close(weight.detach(), expected, "g / (|g| + eps) in the first step", atol=1e-6)


def test_a_zero_gradient_moves_nothing():
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    weight.grad = torch.zeros(2)
    AdamW([weight], lr=0.1, weight_decay=0.0).step()
    assert_close(weight.detach(), torch.tensor([1.0, -2.0]), "0 / (√0 + eps) is 0")


def test_weight_decay_shrinks_by_lr_times_weight_decay():
    weight = torch.nn.Parameter(torch.tensor([2.0, -3.0]))
    optimizer = AdamW([weight], lr=0.1, weight_decay=0.5)
    for _ in range(2):
        weight.grad = torch.zeros(2)
        optimizer.step()
    expected = torch.tensor([2.0, -3.0]) * (1 - 0.1 * 0.5) ** 2
    assert_close(weight.detach(), expected, "two steps of 1 - lr · weight_decay", atol=1e-6)


def test_weight_decay_never_enters_the_moments(draw):
    small, large = torch.nn.Parameter(torch.zeros(4)), torch.nn.Parameter(torch.full((4,), 50.0))
    optimizer = AdamW([small, large], lr=1e-3, weight_decay=0.1)
    for step in range(1, 4):
        give_gradients(draw, step, [small], [large])
        optimizer.step()
    decayed = large.detach() - 50 * (1 - 1e-4) ** 3
    assert_close(decayed, small.detach(), "only decay depends on the weight itself", atol=2e-5)


def test_weight_decay_takes_the_weight_before_the_update():
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    weight.grad = torch.tensor([0.5])
    AdamW([weight], lr=0.1, eps=0.0, weight_decay=0.5).step()
    expected = torch.tensor([1 - 0.1 * (1 + 0.5 * 1.0)])
    assert_close(weight.detach(), expected, "θ - lr · (1 + weight_decay · θ), θ = 1", atol=1e-6)


def test_step_leaves_gradients_and_tensors_where_they_are(draw):
    (weight,) = parameters_of(draw, (3, 2))
    view, gradient = weight.detach(), draw.normal(3, 2)
    weight.grad = gradient.clone()
    AdamW([weight], lr=0.1).step()
    assert_close(weight.grad, gradient, "step() changed the gradient")
    assert view.data_ptr() == weight.data_ptr(), "step() must update the parameter in place"
    assert weight.requires_grad and weight.is_leaf


def test_steps_are_written_into_the_parameter(draw):
    weights = parameters_of(draw, (3, 4), (5,))
    optimizer, views = AdamW(weights, **SETTINGS), [weight.detach() for weight in weights]
    trace = []
    for step in range(1, 4):
        give_gradients(draw, step, weights)
        optimizer.step()
        trace.append([view.clone() for view in views])
    seen = {f"{name}, through a view": values for name, values in by_shape(trace).items()}
    seen["matrix"] = weights[0].detach()
    seen["its gradient"] = "none" if weights[0].grad is None else weights[0].grad
    check(seen, atol=1e-6, rtol=1e-5)


def test_step_takes_parameters_and_plain_tensors(draw):
    # Gradients around eps, around eps' default, and none at all.
    start, scales = draw.normal(5, 4), torch.tensor([[1.0], [0.05], [0.003], [1e-8], [0.0]])
    gradients = [scales * draw.normal(5, 4, scale=step) for step in range(1, 4)]

    def after_three_steps(tensor):
        optimizer = AdamW([tensor], **SETTINGS)
        for gradient in gradients:
            tensor.grad = gradient.clone()
            optimizer.step()
        return tensor.detach()

    seen = {
        "parameter": outcome(lambda: after_three_steps(torch.nn.Parameter(start.clone()))),
        "tensor without requires_grad": outcome(lambda: after_three_steps(start.clone())),
    }
    check(seen, atol=1e-6, rtol=1e-5)
