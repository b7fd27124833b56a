from functools import partial

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s07_decoding import sample_token, token_probabilities

# In no order, so that a rank is never an id.
LOGITS = torch.tensor([0.05, 0.5, 0.12, 0.3, 0.03]).log()


def seeded(seed):
    return torch.Generator().manual_seed(seed)


def test_which_tokens_are_ever_drawn(draw):
    logits, found = draw.normal(2, 3, 5, scale=0.5), {}
    rows = logits.expand(50, 2, 3, 5)
    for settings in (
        {"top_k": 1},
        {"top_k": 3},
        {"top_p": 0.5},
        {"top_k": 4, "top_p": 0.7},
        {"temperature": 0.0},
        {"temperature": 1e-4},
    ):
        generator, seen = seeded(1), torch.zeros(2, 3, 5, dtype=torch.bool)
        drawing = partial(sample_token, rows, generator=generator, **settings)
        for drawn in (outcome(drawing) for _ in range(40)):
            if isinstance(drawn, str):
                seen = drawn
                break
            seen |= (drawn[..., None] == torch.arange(5)).any(dim=0)
        found[str(settings)] = seen
    check(found)


def test_draws_from_single_tokens(draw):
    one_each = torch.full((2, 3, 7), -torch.inf).scatter(-1, draw.distinct(7, 2, 3)[..., None], 0.0)
    found = {
        "rows": outcome(lambda: sample_token(one_each, generator=seeded(1))),
        "one row": outcome(lambda: sample_token(one_each[1, 2])),
        "half precision": outcome(lambda: sample_token(one_each.bfloat16())),
        "greedy": outcome(lambda: sample_token(one_each, temperature=0.0)),
    }
    check(found)


def test_frequencies_of_twenty_thousand_draws():
    rows, found = LOGITS.expand(20_000, 5), {}
    for name, settings in {
        "plain": {},
        "T=2": {"temperature": 2.0},
        "k=3": {"top_k": 3},
        "p=0.6": {"top_p": 0.6},
    }.items():
        drawn = sample_token(rows, generator=seeded(12), **settings)
        expected = token_probabilities(LOGITS, **settings)
        # Six standard deviations of a frequency of 1/2 are 0.021.
        differences = (drawn.bincount(minlength=5) / 20_000 - expected).abs()
        found[name] = ["as expected" if size < 0.022 else "not" for size in differences.tolist()]
    check(found)


def test_whose_random_numbers_are_used():
    equal, generator = torch.zeros(50, 100), seeded(13)
    states = [generator.get_state()]
    before = torch.get_rng_state()
    first = sample_token(equal, generator=generator)
    states.append(generator.get_state())
    second = sample_token(equal, generator=generator)
    again, other = (sample_token(equal, generator=seeded(seed)) for seed in (13, 14))
    states.append(generator.get_state())
    sample_token(equal, temperature=0.0, generator=generator)
    found = {
        "the generator's": not torch.equal(states[0], states[1]),
        "the global one's": not torch.equal(torch.get_rng_state(), before),
        "some at temperature 0": not torch.equal(states[2], generator.get_state()),
        "new ones in each draw": not torch.equal(first, second),
        "new ones with another seed": not torch.equal(first, other),
        "the same with the same seed": torch.equal(first, again),
        "new ones for each row": first.unique().numel() > 10,
    }
    torch.manual_seed(0)
    first = sample_token(equal)
    torch.manual_seed(0)
    found["the global one's if there is no other"] = torch.equal(first, sample_token(equal))
    check(found)


def test_what_a_draw_does_with_settings_that_make_no_sense():
    settings = [
        {"temperature": temperature} | other
        for temperature in (0.0, 1e-4)
        for other in ({"top_k": 0}, {"top_p": 0.0}, {"top_p": 1.5})
    ]
    settings += [{"temperature": -1.0}, {"temperature": float("nan")}]
    check({str(each): outcome(lambda each=each: sample_token(LOGITS, **each)) for each in settings})


def test_samples_are_as_frequent_as_their_probabilities():
    settings = {"temperature": 1.5, "top_k": 4, "top_p": 0.95}
    expected = token_probabilities(LOGITS, **settings)
    drawn = sample_token(LOGITS.expand(40_000, 5), generator=seeded(0), **settings)
    found = drawn.bincount(minlength=5) / 40_000
    # Four standard deviations of a frequency of 1/2 in 40,000 draws are 0.01.
    assert_close(found, expected, "frequencies of 40,000 draws", atol=0.01)
    assert found[expected == 0].sum() == 0, "a token of probability 0 was drawn"


def test_temperature_one_and_no_filter_unless_asked_for():
    drawn = sample_token(LOGITS.expand(40_000, 5), generator=seeded(1))
    assert_close(drawn.bincount(minlength=5) / 40_000, LOGITS.exp(), "the softmax", atol=0.01)


def test_filtered_samples_are_ids_and_not_ranks():
    drawn = sample_token(LOGITS.expand(200, 5), top_k=2, generator=seeded(2))
    assert set(drawn.tolist()) == {1, 3}, "the two likeliest tokens have the ids 1 and 3"


def test_temperature_zero_is_the_largest_logit_and_draws_nothing(draw):
    logits, generator = draw.normal(3, 4, 17), seeded(3)
    before = generator.get_state()
    found = sample_token(logits, temperature=0.0, generator=generator)
    assert_close(found, logits.argmax(dim=-1), "the argmax")
    assert_close(generator.get_state(), before, "nothing is drawn at temperature 0")


def test_one_id_for_each_leading_index(draw):
    logits = draw.normal(2, 3, 17)
    drawn = sample_token(logits, generator=seeded(4))
    assert (drawn.shape, drawn.dtype) == ((2, 3), torch.int64)
    assert sample_token(logits[0, 0], generator=seeded(4)).shape == ()


def test_every_row_is_drawn_from_its_own_distribution():
    # Row i allows the id i alone.
    logits = torch.full((6, 6), -torch.inf).fill_diagonal_(0.0).reshape(2, 3, 6)
    drawn = sample_token(logits, generator=seeded(5))
    assert_close(drawn, torch.arange(6).reshape(2, 3), "the only id that a row allows")


def test_equal_rows_are_drawn_independently():
    drawn = sample_token(torch.zeros(64, 1000), generator=seeded(6))
    assert drawn.unique().numel() > 40, "64 equal rows of 1,000 tokens gave nearly one token"


def test_the_generator_decides_and_the_global_one_is_left_alone():
    logits = torch.zeros(50, 100)
    before = torch.get_rng_state()
    first, again = (sample_token(logits, generator=seeded(7)) for _ in range(2))
    other = sample_token(logits, generator=seeded(8))
    assert_close(again, first, "the same seed gives the same tokens")
    assert (other != first).any(), "another seed gave the same 50 tokens"
    assert_close(torch.get_rng_state(), before, "the global generator was used too")


def test_a_generator_goes_on_from_draw_to_draw():
    generator = seeded(9)
    first, second = (sample_token(torch.zeros(50, 100), generator=generator) for _ in range(2))
    assert (first != second).any(), "two draws in a row gave the same 50 tokens"


def test_without_a_generator_the_global_one_is_used():
    drawn = []
    for _ in range(2):
        torch.manual_seed(10)
        drawn.append(sample_token(torch.zeros(50, 100)))
    assert_close(drawn[0], drawn[1], "torch.manual_seed decides")


def test_half_precision_logits_with_forbidden_tokens_can_be_drawn_from():
    logits = torch.tensor([0.0, -torch.inf, 0.0, -torch.inf], dtype=torch.bfloat16)
    drawn = sample_token(logits.expand(2000, 4), generator=seeded(11))
    found = drawn.bincount(minlength=4) / 2000
    # Four standard deviations in 2,000 draws are 0.045.
    assert_close(found, torch.tensor([0.5, 0.0, 0.5, 0.0]), "two of four tokens", atol=0.045)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("wrong", [{"top_k": 0}, {"top_p": 1.5}], ids=["top_k", "top_p"])
def test_settings_that_make_no_sense_are_refused_at_any_temperature(temperature, wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        sample_token(LOGITS, temperature=temperature, **wrong)
