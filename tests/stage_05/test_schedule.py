import pytest

from groundup.testing import assert_close, check, outcome
from s05_adamw_schedule import cosine_schedule


def rates(steps, **changes):
    settings = {"max_lr": 1.0, "min_lr": 0.1, "warmup_steps": 4, "total_steps": 12} | changes
    return [float(cosine_schedule(step, **settings)) for step in steps]


def test_schedule_is_a_plain_float():
    found = {type(cosine_schedule(step, 1.0, 0.1, 4, 12)).__name__ for step in (1, 5, 12)}
    assert_close(sorted(found), ["float"], "the type of a learning rate: one of Python's floats")


@pytest.mark.points(2)
def test_schedule_rises_falls_and_stays():
    longer = {"max_lr": 0.6, "min_lr": 0.04, "warmup_steps": 3, "total_steps": 20}
    seen = {"4 steps up, 12 in all": rates(range(16)), "3 up, 20": rates(range(25), **longer)}
    check(seen, atol=1e-9)


def test_schedule_without_warm_up_or_without_cosine():
    seen = {
        "no warm-up": outcome(lambda: rates(range(14), warmup_steps=0)),
        "nothing but warm-up": outcome(lambda: rates(range(14), warmup_steps=12)),
    }
    check(seen, atol=1e-9)


def test_schedule_at_the_places_that_need_no_cosine():
    expected = [0.0, 0.5, 1.0, 0.55, 0.1, 0.1]
    why = "steps 0, half the warm-up, its end, half way down, the end, long after"
    assert_close(rates([0, 2, 4, 8, 12, 500]), expected, why, atol=1e-12)


def test_schedule_scales_with_its_rates():
    found = rates(range(16), max_lr=3e-4, min_lr=3e-5)
    expected = [3e-4 * rate for rate in rates(range(16))]
    assert_close(found, expected, "ten times smaller rates, the same shape", rtol=1e-9)


def test_schedule_may_have_no_warm_up():
    expected = [1.0, 0.55, 0.1]
    assert_close(rates([0, 6, 12], warmup_steps=0), expected, "from max_lr at once", atol=1e-12)


def test_schedule_may_be_all_warm_up():
    found = rates([6, 11, 12, 13], warmup_steps=12)
    assert_close(found, [0.5, 11 / 12, 0.1, 0.1], "a line up, then min_lr", atol=1e-12)


def test_schedule_may_fall_to_zero():
    assert_close(rates([8, 12], min_lr=0.0), [0.5, 0.0], "min_lr is 0", atol=1e-12)
