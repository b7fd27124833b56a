"""What a failed graded test is said to be about."""

import dataclasses
import types

import pytest

from groundup.uses import contracts_used

STAGE = types.ModuleType("s99_stage")


class Reader:
    def read(self):
        raise NotImplementedError

    def strip(self):
        raise NotImplementedError


@dataclasses.dataclass
class Config:
    size: int = 1


class Leak(ValueError):
    pass


def measure():
    raise NotImplementedError


def attention_of(x):
    raise NotImplementedError


class CausalSelfAttention:
    pass


TABLE = {"a": 1}
for contract in (Reader, Config, Leak, CausalSelfAttention, attention_of, measure):
    setattr(STAGE, contract.__name__, contract)
STAGE.TABLE = TABLE
STAGE.__all__ = [name for name in vars(STAGE) if not name.startswith("_")]


def reader():
    return Reader()


def by_helper():
    return measure()


def through_a_helper():
    by_helper()


def through_a_fixture(reader):
    assert reader


def a_method():
    Reader(Config()).read()


def what_may_be_a_method_of_a_string():
    return " ".strip(), Reader().read()


def a_function_and_what_may_be_a_method_of_a_string():
    return TABLE, Reader().strip(), measure()


def measure_gives_what_is_read():
    return Reader().read(), measure()


def self_attention_looks_back():
    found = attention_of(1)
    assert found == CausalSelfAttention(Reader().read())


def in_a_lambda():
    return lambda: TABLE["a"]


def an_exception_first():
    with pytest.raises(Leak):
        measure()


def only_a_configuration():
    Config()


@pytest.mark.parametrize(
    ("test", "contracts"),
    [
        (through_a_helper, ["measure"]),
        (through_a_fixture, ["Reader"]),
        (a_method, ["Reader.read", "Reader"]),
        (what_may_be_a_method_of_a_string, ["Reader.read", "Reader.strip", "Reader"]),
        (
            a_function_and_what_may_be_a_method_of_a_string,
            ["measure", "TABLE", "Reader.strip", "Reader"],
        ),
        (measure_gives_what_is_read, ["measure", "Reader.read", "Reader"]),
        (
            self_attention_looks_back,
            ["CausalSelfAttention", "Reader.read", "attention_of", "Reader"],
        ),
        (in_a_lambda, ["TABLE"]),
        (an_exception_first, ["measure"]),
        (only_a_configuration, ["Config"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_a_test_is_about(test, contracts):
    """The item is what pytest's is, as far as it is looked at."""
    fixture = types.SimpleNamespace(func=reader)
    fixtures = {"reader": [fixture]} if test is through_a_fixture else {}
    info = types.SimpleNamespace(name2fixturedefs=fixtures)
    item = types.SimpleNamespace(function=test, _fixtureinfo=info)
    assert contracts_used(item, STAGE) == contracts
