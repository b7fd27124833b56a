import dataclasses

import pytest

from groundup.testing import assert_close, check
from s08_benchmarking import training_budget


def budget(tokens=10**9, batch=32, seq=256, step_seconds=0.02, price_per_hour=1.5):
    return training_budget(
        tokens, batch=batch, seq=seq, step_seconds=step_seconds, price_per_hour=price_per_hour
    )


def test_a_billion_tokens_worked_by_hand():
    found = budget()
    assert_close(found.steps, 122_071, "10⁹ / 8,192 is 122,070.3, and steps are whole")
    assert_close(found.seconds, 2441.42, "0.02 s each", rtol=1e-12)
    assert_close(found.cost, 2441.42 / 3600 * 1.5, "1.50 an hour", rtol=1e-12)
    assert_close(found.tokens_per_second, 409_600.0, "8,192 tokens in 0.02 s", rtol=1e-12)


@pytest.mark.parametrize(("tokens", "steps"), [(1, 1), (60, 1), (61, 2), (600, 10), (601, 11)])
def test_the_last_step_is_a_whole_one(tokens, steps):
    found = budget(tokens, batch=5, seq=12).steps
    assert_close(found, steps, f"{tokens} tokens in steps of 60")


def test_a_part_of_an_hour_costs_that_part():
    found = budget(tokens=90, batch=1, seq=1, step_seconds=10.0, price_per_hour=2.0)
    assert_close(found.cost, 0.5, "900 seconds at 2.00 an hour", rtol=1e-12)


def test_tokens_of_a_second_do_not_depend_on_the_budget():
    small, large = budget(tokens=10), budget(tokens=10**12)
    assert_close(small.tokens_per_second, large.tokens_per_second, "32 · 256 / 0.02", rtol=1e-12)


def test_without_a_price_it_costs_nothing():
    found = training_budget(1000, batch=3, seq=7, step_seconds=0.5)
    assert_close(found.cost, 0.0, "price_per_hour is 0 unless given")


@pytest.mark.points(2)
def test_budgets_of_different_runs():
    runs = [
        {},
        {"tokens": 7_000, "batch": 3, "seq": 11, "step_seconds": 1.75, "price_per_hour": 0.9},
        {"tokens": 123_456, "batch": 17, "seq": 5, "step_seconds": 12.5, "price_per_hour": 3.3},
        {"tokens": 99, "batch": 2, "seq": 64, "step_seconds": 0.003, "price_per_hour": 250.0},
        {"tokens": 4_200, "batch": 5, "seq": 12, "step_seconds": 0.07, "price_per_hour": 8.0},
    ]
    found = [dataclasses.asdict(budget(**run)) for run in runs]
    check({name: [each[name] for each in found] for name in found[0]}, rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "value"),
    [("tokens", 0), ("batch", 0), ("seq", -3), ("step_seconds", 0.0), ("price_per_hour", -1.0)],
)
def test_a_budget_of_impossible_numbers_is_refused(name, value):
    with pytest.raises(ValueError, match=str(value)):
        budget(**{name: value})
