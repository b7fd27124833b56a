import math

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s03_attention_rope import scaled_dot_product_attention


def given(draw, *leading):
    """4 queries and 5 keys of width 6, values of width 7, and a mask without an empty row."""
    q, k, v = (draw.normal(*leading, *shape) for shape in ((4, 6), (5, 6), (5, 7)))
    mask = torch.tensor([[1, 0, 0, 1, 1], [0, 0, 1, 0, 0], [1, 1, 1, 1, 1], [0, 1, 0, 1, 0]]).bool()
    return q, k, v, mask


@pytest.mark.points(2)
def test_attention_without_a_mask(draw):
    q, k, v, _ = given(draw, 2, 3)
    check(scaled_dot_product_attention(q, k, v), atol=2e-6, rtol=1e-5)


@pytest.mark.points(2)
def test_attention_with_a_mask(draw):
    q, k, v, mask = given(draw, 2, 3)
    check(scaled_dot_product_attention(2 * q, 2 * k, v, mask), atol=2e-6, rtol=1e-5)


def test_attention_beside_a_forbidden_key_of_a_far_larger_score(draw):
    q, k, v, mask = given(draw, 2)
    # For queries 0 and 2 the score of key 3 is larger by hundreds, for 1 and 3 it is as others.
    mask[:, 3] = False
    k[..., 0], k[:, 3, 0] = 0.0, 50.0
    q[:, 0::2, 0], q[:, 1::2, 0] = 30.0, 0.0
    check(scaled_dot_product_attention(q, k, v, mask), atol=2e-6, rtol=1e-5)


def test_attention_of_a_query_with_nothing_to_attend_to(draw):
    *inputs, mask = given(draw, 2)
    q, k, v = (tensor.requires_grad_() for tensor in inputs)
    mask[1] = False
    mixed = scaled_dot_product_attention(q, k, v, mask)
    gradients = torch.autograd.grad(mixed, (q, k, v), draw.normal(2, 4, 7))
    names = ("gradient of q", "gradient of k", "gradient of v")
    check({"result": mixed, **dict(zip(names, gradients, strict=True))}, atol=5e-6, rtol=1e-5)


def test_attention_works_on_copies(draw):
    q, k, v, mask = given(draw, 2)
    mask[1] = False
    scaled_dot_product_attention(q, k, v, mask)
    check({"q afterwards": q, "k afterwards": k, "v afterwards": v, "mask afterwards": mask})


def test_attention_returns_the_dtype_it_is_given(draw):
    *inputs, mask = given(draw, 2)

    def dtype_for(dtype):
        q, k, v = (tensor.to(dtype) for tensor in inputs)
        return outcome(lambda: str(scaled_dot_product_attention(q, k, v, mask).dtype))

    check({str(dtype): dtype_for(dtype) for dtype in (torch.bfloat16, torch.float64)})


def test_attention_scores_are_scaled_as_worked_by_hand():
    # d_head is 4, so the scores are halved: 2 ln 3 / 2 = ln 3 and 0, hence weights 3/4 and 1/4.
    q = torch.tensor([[2.0, 0, 0, 0]])
    k = torch.tensor([[math.log(3), 5, 0, 0], [0, 0, 5, 0]])
    v = torch.tensor([[8.0, 0], [0, 4]])
    mixed = scaled_dot_product_attention(q, k, v)
    assert_close(mixed, torch.tensor([[6.0, 1.0]]), "3/4 (8, 0) + 1/4 (0, 4)", atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_attention_agrees_with_torch_in_value_and_gradients(draw, scale):
    *inputs, mask = given(draw, 2, 3)
    q, k, v = (tensor.requires_grad_() for tensor in inputs)
    mixed = scaled_dot_product_attention(q * scale, k, v, mask)
    expected = torch.nn.functional.scaled_dot_product_attention(q * scale, k, v, mask)
    assert_close(mixed, expected, "torch's attention", atol=2e-5)
    gradients = torch.autograd.grad(mixed.square().sum(), (q, k, v))
    wanted = torch.autograd.grad(expected.square().sum(), (q, k, v))
    for name, gradient, want in zip("qkv", gradients, wanted, strict=True):
        assert_close(gradient, want, f"the gradient of {name}", atol=2e-5 * scale, rtol=1e-4)


def test_attention_may_attend_everywhere_unless_masked(draw):
    q, k, v, mask = given(draw, 2)
    everywhere = scaled_dot_product_attention(q, k, v, torch.ones_like(mask))
    assert_close(everywhere, scaled_dot_product_attention(q, k, v), "no mask", atol=1e-6)


def test_attention_weights_sum_to_one_behind_a_mask(draw):
    q, k, _, mask = given(draw, 2)
    mixed = scaled_dot_product_attention(q, k, torch.ones(2, 5, 3), mask)
    why = "the weights of a query sum to 1, so that values of 1 mix to 1"
    assert_close(mixed, torch.ones(2, 4, 3), why, atol=1e-6)


def test_attention_mask_true_means_may_attend(draw):
    q, k, v = draw.normal(5, 6), draw.normal(5, 6), draw.normal(5, 7)
    mixed = scaled_dot_product_attention(q, k, v, torch.eye(5).bool())
    assert_close(mixed, v, "each query may attend to its own key alone", atol=1e-6)


def test_attention_takes_one_row_of_a_mask_for_all_queries(draw):
    q, k, v, mask = given(draw, 2)
    for row in (mask[1:2], mask[2:].unsqueeze(1)):
        found = scaled_dot_product_attention(q, k, v, row)
        expected = scaled_dot_product_attention(q, k, v, row.expand(2, 4, 5))
        assert_close(found, expected, f"a mask of shape {tuple(row.shape)}", atol=1e-6)


def test_attention_ignores_what_is_masked(draw):
    q, k, v, mask = given(draw)
    mask[:, 3] = False
    before = scaled_dot_product_attention(q, k, v, mask)[[0, 1, 2]]
    k[3], v[3] = 300.0, 1e6
    after = scaled_dot_product_attention(q, k, v, mask)[[0, 1, 2]]
    assert_close(after, before, "key 3 is masked for all, but it changed what they get")


def test_attention_of_a_query_with_nothing_to_attend_to_is_zero(draw):
    q, k, v, mask = given(draw, 2)
    mask[1] = False
    mixed = scaled_dot_product_attention(q, k, v, mask)
    assert_close(mixed[:, 1], torch.zeros(2, 7), "no key allowed: zeros, not NaN, not a mean")
    expected = torch.nn.functional.scaled_dot_product_attention(q, k, v, mask)
    others = [0, 2, 3]
    assert_close(mixed[:, others], expected[:, others], "the other queries", atol=2e-6)


def test_attention_of_a_query_with_nothing_to_attend_to_has_no_gradient(draw):
    *inputs, mask = given(draw, 2)
    q, k, v = (tensor.requires_grad_() for tensor in inputs)
    mask[1] = False
    gradients = torch.autograd.grad(
        scaled_dot_product_attention(q, k, v, mask).square().sum(), (q, k, v)
    )
    for name, gradient in zip("qkv", gradients, strict=True):
        assert torch.isfinite(gradient).all(), (
            f"the gradient of {name} is not finite. A NaN that `where` hides in the result is "
            "still there in the gradient: keep it from arising."
        )
    assert_close(gradients[0][:, 1], torch.zeros(2, 6), "the gradient of the query itself")


def test_attention_broadcasts_one_mask_for_each_sequence(draw):
    q, k, v, mask = given(draw, 2, 3)
    masks = torch.stack([mask, mask.flip(0)])
    alone = [scaled_dot_product_attention(q[i], k[i], v[i], masks[i]) for i in range(2)]
    together = scaled_dot_product_attention(q, k, v, masks[:, None])
    assert_close(together, torch.stack(alone), "a mask of shape (batch, 1, queries, keys)")


def test_attention_does_not_see_the_order_of_keys(draw):
    q, k, v, mask = given(draw, 2)
    order = torch.tensor([3, 0, 4, 1, 2])
    mixed = scaled_dot_product_attention(q, k, v, mask)
    shuffled = scaled_dot_product_attention(q, k[:, order], v[:, order], mask[:, order])
    assert_close(shuffled, mixed, "keys, values and mask shuffled alike", atol=1e-6)


def test_attention_leaves_its_inputs_as_they_were(draw):
    inputs = given(draw, 2)
    before = [tensor.clone() for tensor in inputs]
    scaled_dot_product_attention(*inputs)
    for name, tensor, was in zip(("q", "k", "v", "mask"), inputs, before, strict=True):
        assert_close(tensor, was, f"attention changed the {name} it was given")
