"""The numeric clues: each pattern is found, and none where there is none."""

import math

import numpy as np
import pytest
import torch

from groundup.detective import clue

RIGHT = np.random.RandomState(0).standard_normal((3, 4, 5)).astype(np.float32)
NEARLY_ONE = 1 + np.random.RandomState(2).uniform(-9e-4, 9e-4, RIGHT.shape).astype(np.float32)
INTEGERS = np.random.RandomState(1).permutation(60).reshape(3, 4, 5)


def told(actual, expected=RIGHT):
    return clue(np.asarray(actual), np.asarray(expected), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (RIGHT * 2, "2 times what it should be."),
        (RIGHT * math.sqrt(5), "√5, where axis 2 has size 5"),
        (RIGHT / 4, "1/4, where axis 1 has size 4"),
        (RIGHT * math.log(2), "ln 2"),
        (RIGHT / -3, "with the wrong sign: 1/3, where axis 0 has size 3"),
        (-RIGHT, "Every value has the wrong sign."),
        (RIGHT + 0.25, "Every value is 0.25 too large."),
        (RIGHT - 3, "Every value is 3 too small."),
        (RIGHT.transpose(0, 2, 1), "axes are transposed: yours are (0, 2, 1) of ours"),
        (RIGHT[:, ::-1], "reversed along axis 1"),
        (np.roll(RIGHT, 1, 2), "one place later along axis 2, around the end"),
        (RIGHT[:, [2, 0, 1, 3]], "permuted along axis 1: [2, 0, 1, 3] of ours"),
        (RIGHT[:, [2, 3, 0, 1]], "permuted along axis 1: blocks [1, 0] of ours, 2 places each"),
        (RIGHT.astype(np.float16).astype(np.float32), "Every value is rounded to float16."),
        (torch.from_numpy(RIGHT).bfloat16().float(), "Every value is rounded to bfloat16."),
        (RIGHT * NEARLY_ONE, "Right to about 3 digits, and no further."),
    ],
)
def test_a_pattern_is_told(actual, words):
    assert words in told(actual)


def changed(index, axis):
    array = RIGHT.copy()
    np.moveaxis(array, axis, 0)[index] += np.arange(1, 13).reshape(3, 4) / 7
    return array


def test_one_wrong_place_is_told():
    assert told(changed(0, 2)) == "Only the first of the 5 places along axis 2 is wrong."
    assert told(changed(4, 2)) == "Only the last of the 5 places along axis 2 is wrong."
    assert told(changed(2, 2)) == "Only number 2 of the 5 places along axis 2 is wrong."


def test_a_shift_by_one_is_told():
    late = np.concatenate([np.full((3, 1, 5), 9, np.float32), RIGHT[:, :-1]], axis=1)
    early = np.concatenate([RIGHT[:, 1:], np.full((3, 1, 5), 9, np.float32)], axis=1)
    assert told(late) == "Everything stands one place too late along axis 1: a shift by one."
    assert told(early) == "Everything stands one place too early along axis 1: a shift by one."


def test_values_that_should_be_zero_are_told():
    masked = np.where(RIGHT > 0, 0, RIGHT)
    assert told(np.where(RIGHT > 0, 0.1 * RIGHT, RIGHT), masked) == (
        "Only what should be exactly 0 is wrong: what is masked, or padding."
    )


def test_integers_are_looked_at_too():
    assert "axes are transposed" in told(INTEGERS.transpose(2, 1, 0), INTEGERS)
    assert "permuted along axis 1" in told(INTEGERS[:, [1, 3, 0, 2]], INTEGERS)


@pytest.mark.parametrize(
    ("actual", "words"),
    [
        (INTEGERS * 3, "Every value is 3 times what it should be."),
        (-INTEGERS, "Every value has the wrong sign."),
        (INTEGERS * -2, "Every value is 2 times what it should be, with the wrong sign."),
    ],
)
def test_a_factor_of_integers_is_told(actual, words):
    assert told(actual, INTEGERS) == words


def test_a_factor_of_integers_that_is_no_whole_number_is_told_if_it_is_exact():
    flops = 3 * 10**12 * np.array([7, 11, 3, 5, 9, 4, 2, 8])
    assert told(flops // 3 * 4, flops) == "Every value is 4/3 times what it should be."
    assert told(flops // 1000 * 101, flops) == "Every value is 0.101 times what it should be."
    assert told(flops // 3 * 4 + np.array([0, 0, 0, 1, 0, 0, 0, 0]), flops) == ""
    assert told([0, 0, 2, 2], [0, 0, 1, 1]) == "", "two numbers fit almost any pattern"
    assert told([2, 4, 6, 8, 1], [1, 2, 3, 4, 0]) == "", "0 has no factor"
    assert told([0, 0, 0, 0], [1, 2, 3, 4]) == ""


def test_integers_that_only_just_differ_are_not_taken_for_equal():
    ids = np.array([100_000, 1, 5, 9, 13, 200])
    assert told(ids + np.array([1, 0, 0, 0, 0, 0]), ids) == ""
    assert told(1_000_001 + ids, 1_000_000 + ids) == ""


def test_a_series_that_goes_wrong_at_some_place_is_told():
    losses = np.array([2.5, 2.1, 1.9, 1.6, 1.5, 1.45])
    drifting = losses + np.array([0, 0, 0.001, 0.002, 0.004, 0.009])
    assert told(drifting, losses) == "The first 2 of 6 values are right, all after them wrong."
    assert told(losses + np.array([0, 0.001, 0.002, 0.004, 0.009, 0.01]), losses) == ""


@pytest.mark.parametrize(
    "actual",
    [
        RIGHT**2,
        np.random.RandomState(2).standard_normal((3, 4, 5)),
        np.where(RIGHT > 1, 0, RIGHT * 1.5),
        np.zeros((3, 4, 5)),
        np.full((3, 4, 5), np.nan),
        5 * np.tanh(RIGHT / 5),
        RIGHT[:2],
        RIGHT.ravel()[:3],
    ],
    ids=["squared", "others", "cut", "zeros", "nan", "soft cap", "shorter", "few"],
)
def test_nothing_is_guessed(actual):
    assert told(actual) == ""
