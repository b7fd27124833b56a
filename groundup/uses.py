"""What a test is about: names it uses, itself and through helpers and fixtures beside it."""

import dataclasses
import re
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import pytest


def contracts_used(item: pytest.Function, stage: ModuleType) -> list[str]:
    """The contracts of `stage` that a test uses, what it is about first: those that its name
    names, then methods before functions and classes. A method that strings have too (encode) may
    be meant for one, so all others come before it and its class, and before constants.
    Configurations, with which tests set up what they are about, and exceptions are there only
    where there is nothing else."""
    names = names_used(item)
    used = [name for name in names if name in getattr(stage, "__all__", [])]
    methods, others, doubtful = list[str](), list[str](), list[str]()
    for name in used:
        contract = getattr(stage, name)
        is_exception = isinstance(contract, type) and issubclass(contract, Exception)
        if dataclasses.is_dataclass(contract) or is_exception:
            continue
        inside = getattr(contract, "__dict__", {})
        found = [each for each in names if isinstance(inside.get(each), FunctionType)]
        strings = [each for each in found if hasattr(str, each)]
        methods += [f"{name}.{each}" for each in found if each not in strings]
        last = doubtful if strings or not callable(contract) else others
        last += [*(f"{name}.{each}" for each in strings), name]
    found = [*methods, *others, *doubtful] or used
    return sorted(found, key=lambda contract: not _is_named(contract, item.function.__name__))


def _is_named(contract: str, test: str) -> bool:
    """Whether a test's name has a contract's, or most of its words: CausalSelfAttention in
    test_self_attention_starts_at_zero."""
    words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+", contract)
    named = [word for word in words if word.lower() in test.split("_")]
    return contract.lower() in test.split("_") or len(named) > len(words) / 2


def names_used(item: pytest.Function) -> list[str]:
    """The global names that a test mentions, then those of its fixtures and helpers; each once."""
    names: dict[str, None] = {}
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    waiting = [item.function, *(each.func for group in fixtures for each in group)]
    seen = set()
    while waiting:
        function = waiting.pop(0)
        if not isinstance(function, FunctionType) or function in seen:
            continue
        seen.add(function)
        for code in _with_inner(function.__code__):
            for name in code.co_names:
                names.setdefault(name)
                helper = function.__globals__.get(name)
                # Only what stands in the same file: not the stage's own functions.
                if getattr(helper, "__globals__", None) is function.__globals__:
                    waiting.append(helper)
    return list(names)


def _with_inner(code: CodeType) -> Iterator[CodeType]:
    """The code of a function and of the lambdas and functions in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _with_inner(constant)
