import numpy as np
import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s07_decoding import sample_token, token_probabilities

# In no order, so that a rank is never an id. Written out: .05 .5 .12 .3 .03
P = torch.tensor([0.05, 0.5, 0.12, 0.3, 0.03])


def probabilities(temperature=1.0, top_k=None, top_p=None, of=P):
    return token_probabilities(of.log(), temperature=temperature, top_k=top_k, top_p=top_p)


@pytest.mark.points(2)
def test_filters_over_a_grid_of_settings():
    grid = [(t, k, p) for t in (0.5, 1.0, 2.0) for k in (None, 2, 3) for p in (None, 0.4, 0.6, 0.9)]
    found = {f"T={t} k={k} p={p}": probabilities(t, k, p) for t, k, p in grid}
    check(found, atol=1e-6, rtol=1e-5)


def observed(logits, **settings):
    """The distribution, or why there is none; the caller keeps its logits whatever happens."""
    return outcome(lambda: token_probabilities(logits.clone(), **settings))


def test_temperatures_of_two_rows(draw):
    logits = draw.normal(2, 7, scale=1.5)
    found = {f"T={t}": observed(logits, temperature=t) for t in (0.3, 0.8, 1.0, 2.5)}
    check(found, atol=1e-6, rtol=1e-5)


def test_temperature_zero_and_nearly_zero(draw):
    found = {
        "zero": observed(draw.normal(2, 7), temperature=0.0),
        "equals": observed(
            torch.tensor([[1.0, 4.0, 2.0, 4.0], [3.0, 0.0, 3.0, 3.0]]), temperature=0.0
        ),
        "nearly zero": observed(torch.tensor([30.0, -80.0, 90.0]), temperature=1e-38),
    }
    check(found, atol=1e-6)


def softmax_in_float64(logits, temperature):
    weights = np.exp(logits.double().numpy() / temperature)
    return torch.from_numpy(weights / weights.sum()).float()


@pytest.mark.parametrize("temperature", [1e-4, 1e-9, 1e-20])
def test_a_small_temperature_of_small_logits_is_like_any_other(temperature):
    logits = torch.tensor([1.0, 2.5, 0.0, 3.0, -0.5]) * temperature
    found = token_probabilities(logits, temperature=temperature)
    expected = softmax_in_float64(logits, temperature)
    why = f"softmax(logits / {temperature}) in float64: only 0 itself is greedy"
    assert_close(found, expected, why, atol=1e-6, rtol=1e-5)


def test_what_a_small_temperature_makes_of_small_logits():
    logits = torch.tensor([1.0, 2.5, 0.0, 3.0, -0.5]) * 1e-20
    asked = softmax_in_float64(logits, 1e-20)
    found = token_probabilities(logits, temperature=1e-20)
    rows, generator = logits.expand(500, 5), torch.Generator().manual_seed(0)
    drawn = outcome(lambda: sample_token(rows, temperature=1e-20, generator=generator))
    told = "something else"
    if torch.allclose(found, asked, atol=1e-6, rtol=1e-5):
        told = "as asked"
    elif found.max() == 1:
        told = "all on one token"
    elif found.max() < asked.max() and found.min() > asked.min():
        told = "flatter than asked"
    # The likeliest has 0.55; that 500 draws are all of it is rarer than once in 10¹⁰⁰ runs.
    several = drawn if isinstance(drawn, str) else drawn.unique().numel() > 1
    check({"probabilities": told, "several tokens drawn": several})


def test_top_k_of_two_rows(draw):
    logits = draw.normal(2, 7, scale=1.5)
    found = {f"k={k}": observed(logits, top_k=k) for k in (1, 2, 5, 7, 50)}
    found["equals"] = observed(torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0, 1.0]), top_k=3)
    check(found, atol=1e-6, rtol=1e-5)


def test_top_p_of_two_rows(draw):
    logits = draw.normal(2, 7)
    found = {f"p={p}": observed(logits, top_p=p) for p in (1e-9, 0.3, 0.6, 0.95, 1.0)}
    # Eight eighths are exact in binary: four of them reach 1/2 without a fifth.
    found["exactly"] = observed(torch.zeros(8), top_p=0.5)
    found["equals"] = observed(torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0, 1.0]), top_p=0.7)
    check(found, atol=1e-6, rtol=1e-5)


def test_how_many_of_203_tokens_stay_with_top_p_one():
    # The first token's probability is 1 in float32, that of the others is not 0.
    logits = torch.cat([torch.zeros(1), torch.full((202,), -30.0)])
    check(int((token_probabilities(logits, top_p=1.0) > 0).sum()))


def test_probabilities_of_bfloat16_logits(draw):
    logits = draw.normal(2, 40, scale=2.0).bfloat16()
    found = {
        "plain": observed(logits),
        "sharpened": observed(logits, temperature=0.7),
        "filtered": observed(logits, temperature=0.7, top_k=30, top_p=0.9),
        "zero": observed(logits, temperature=0.0),
    }
    check(found, atol=1e-6, rtol=1e-5)


def test_what_the_logits_are_afterwards(draw):
    logits = draw.normal(2, 9)
    found = {}
    for name, settings in {
        "plain": {},
        "T=0": {"temperature": 0.0},
        "T=0.5": {"temperature": 0.5},
        "k=5": {"top_k": 5},
        "p=0.8": {"top_p": 0.8},
    }.items():
        found[name] = logits.clone()
        token_probabilities(found[name], **settings)
    check(found)


def test_what_is_done_with_settings_that_make_no_sense(draw):
    logits = draw.normal(7)
    settings = [
        *({"temperature": value} for value in (-0.1, float("nan"), float("inf"))),
        *({"top_k": value} for value in (0, -3)),
        *({"top_p": value} for value in (0.0, -0.5, 1.01)),
        {"temperature": 0.0, "top_k": 0},
        {"temperature": 0.0, "top_p": -0.5},
    ]
    check({str(each): observed(logits, **each) for each in settings}, atol=1e-6)


def test_plain_settings_give_the_softmax(draw):
    logits = draw.normal(3, 4, 11, scale=3.0)
    expected = torch.softmax(logits, dim=-1)
    assert_close(token_probabilities(logits), expected, "torch.softmax", atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("temperature", [0.25, 3.0])
def test_temperature_divides_the_logits(draw, temperature):
    logits = draw.normal(4, 11)
    expected = torch.softmax(logits / temperature, dim=-1)
    found = token_probabilities(logits, temperature=temperature)
    assert_close(found, expected, "softmax(logits / temperature)", atol=1e-6, rtol=1e-5)


def test_temperature_zero_puts_all_on_the_largest_logit():
    logits = torch.tensor([[0.1, -2.0, 0.3], [4.0, 1.0, 3.9]])
    expected = torch.tensor([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    assert_close(token_probabilities(logits, temperature=0.0), expected, "all on the argmax")


@pytest.mark.parametrize("temperature", [1e-38, 1e-50, 5e-324])
def test_a_tiny_temperature_is_nearly_zero_and_not_nan(temperature):
    found = token_probabilities(torch.tensor([30.0, -80.0, 90.0]), temperature=temperature)
    why = f"neither 90 / {temperature} fits into float32, nor all that is smaller than 1e-45"
    assert_close(found, torch.tensor([0.0, 0.0, 1.0]), why)


def test_a_huge_temperature_makes_all_tokens_alike_that_are_possible():
    logits = torch.tensor([3.0, -float("inf"), 1.0])
    found = token_probabilities(logits, temperature=1e300)
    why = "1e300 becomes infinity in float32, and -inf / inf is no number"
    assert_close(found, torch.tensor([0.5, 0.0, 0.5]), why, atol=1e-6)


def test_top_k_keeps_the_likeliest_wherever_they_stand():
    expected = torch.tensor([0.0, 0.5, 0.12, 0.3, 0.0]) / 0.92
    assert_close(probabilities(top_k=3), expected, "ids 1, 3 and 2", atol=1e-6)


def test_top_k_above_the_vocabulary_keeps_all():
    assert_close(probabilities(top_k=50), P, "there are only 5 tokens", atol=1e-6)


def test_top_p_includes_the_token_that_crosses_it():
    expected = torch.tensor([0.0, 0.625, 0.0, 0.375, 0.0])
    assert_close(probabilities(top_p=0.6), expected, "0.5 < 0.6 ≤ 0.5 + 0.3: two stay", atol=1e-6)


def test_top_p_below_the_largest_probability_keeps_one_token():
    expected = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])
    assert_close(probabilities(top_p=0.4), expected, "the first token reaches 0.4", atol=1e-6)
    assert_close(probabilities(top_p=1e-9), expected, "the set is never empty", atol=1e-6)


def test_top_p_set_that_reaches_p_exactly_is_large_enough():
    # Four quarters are exact in binary: 1/4 + 1/4 reaches 1/2 without the third.
    found = token_probabilities(torch.zeros(4), top_p=0.5)
    assert_close(found, torch.tensor([0.5, 0.5, 0.0, 0.0]), "two quarters reach 0.5")


def test_top_p_of_one_keeps_even_the_least_likely_token():
    logits = torch.cat([torch.zeros(3), torch.full((200,), -18.0)])
    plain = token_probabilities(logits)
    assert_close(token_probabilities(logits, top_p=1.0), plain, "top_p 1 keeps all 203 tokens")


def test_top_p_reads_what_temperature_and_top_k_left():
    # Of the two that stay, the first has .5/.8 = .625 and is enough for 0.6.
    expected = torch.tensor([0.0, 1.0, 0.0, 0.0, 0.0])
    assert_close(probabilities(top_k=2, top_p=0.6), expected, "top-k first, then top-p", atol=1e-6)
    # √P / 1.998 = .112 .354 .173 .274 .087: now one is not enough for 0.4.
    found = probabilities(temperature=2.0, top_p=0.4)
    assert_close((found > 0).tolist(), [False, True, False, True, False], "temperature first")


def test_equals_at_the_border_stay_in_the_order_of_their_ids():
    logits = torch.tensor([1.0, 2.0, 1.0, 2.0, 1.0, 1.0])
    kept = {
        "top_k=3": token_probabilities(logits, top_k=3) > 0,
        "top_p=0.7": token_probabilities(logits, top_p=0.7) > 0,
        "temperature=0": token_probabilities(logits, temperature=0.0) > 0,
    }
    # e²/(2e² + 4e) = .288 each for ids 1 and 3, .106 each for the others: .576, .682, .788
    expected = {"top_k=3": [0, 1, 3], "top_p=0.7": [0, 1, 2, 3], "temperature=0": [1]}
    found = {name: mask.nonzero()[:, 0].tolist() for name, mask in kept.items()}
    assert found == expected, f"of equal tokens the lower ids stay: {expected}, found {found}"


def test_each_row_has_a_set_of_its_own():
    logits = torch.tensor(
        [[[0.9, 0.05, 0.05], [0.1, 0.3, 0.6]], [[0.3, 0.4, 0.3], [0.2, 0.7, 0.1]]]
    )
    kept = token_probabilities(logits.log(), top_p=0.75) > 0
    expected = [
        [[True, False, False], [False, True, True]],
        [[True, True, True], [True, True, False]],
    ]
    assert_close(kept.tolist(), expected, "1, 2, 3 and 2 tokens reach 0.75 in the four rows")


@pytest.mark.parametrize("settings", [{"top_k": 7}, {"top_p": 0.8}, {"top_k": 9, "top_p": 0.5}])
def test_what_stays_sums_to_one_in_its_old_proportions(draw, settings):
    logits = draw.normal(6, 40, scale=2.0)
    found = token_probabilities(logits, **settings)
    assert_close(found.sum(-1), torch.ones(6), "the sum of each row", atol=1e-6)
    plain = torch.softmax(logits, dim=-1) * (found > 0)
    assert_close(found, plain / plain.sum(-1, keepdim=True), "old proportions", atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision_logits_are_computed_in_float32(draw, dtype):
    logits = draw.normal(3, 500).to(dtype)
    settings = {"temperature": 0.7, "top_k": 400, "top_p": 0.9}
    expected = token_probabilities(logits.float(), **settings)
    assert_close(token_probabilities(logits, **settings), expected, "float32 inside and out")


@pytest.mark.parametrize("settings", [{}, {"top_k": 4}, {"top_p": 0.99}, {"temperature": 0.0}])
def test_logits_of_minus_infinity_get_no_probability(settings):
    forbidden = torch.tensor([-torch.inf, 0.0, -torch.inf, 1.0, -torch.inf])
    found = token_probabilities(forbidden, **settings)
    alone = token_probabilities(torch.tensor([0.0, 1.0]), **settings)
    assert_close(found[[1, 3]], alone, "as if the two were the whole vocabulary", atol=1e-6)
    assert_close(found[[0, 2, 4]], torch.zeros(3), "-inf is forbidden")


def test_logits_stay_as_they_were(draw):
    logits = draw.normal(2, 9)
    before = logits.clone()
    token_probabilities(logits, temperature=0.5, top_k=5, top_p=0.8)
    assert_close(logits, before, "token_probabilities changed the logits it was given")


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": -0.1},
        {"temperature": float("nan")},
        {"temperature": float("inf")},
        {"top_k": 0},
        {"top_k": -3},
        {"top_p": 0.0},
        {"top_p": 1.01},
        {"temperature": 0.0, "top_p": -0.5},
    ],
    ids=lambda settings: " ".join(f"{name}={value}" for name, value in settings.items()),
)
def test_settings_that_make_no_sense_are_refused(settings):
    # The message names the setting, so that it can be found in the caller's code.
    with pytest.raises(ValueError, match=list(settings)[-1]):
        token_probabilities(torch.zeros(4), **settings)
