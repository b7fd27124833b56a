"""What a test is about: names it uses, itself and through helpers and fixtures beside it."""

import dataclasses
from collections.abc import Iterator
from types import CodeType, FunctionType, ModuleType

import pytest


def contracts_used(item: pytest.Function, stage: ModuleType) -> list[str]:
    """The contracts of `stage` that a test uses, methods before their class; configurations, with
    which tests set up what they are about, and exceptions only where there is nothing else. A
    method that strings have too (encode) may be meant for one, so others come before it."""
    names = names_used(item)
    used = [name for name in names if name in getattr(stage, "__all__", [])]
    methods, others = list[str](), list[str]()
    for name in used:
        contract = getattr(stage, name)
        is_exception = isinstance(contract, type) and issubclass(contract, Exception)
        if dataclasses.is_dataclass(contract) or is_exception:
            continue
        for method in names:
            if isinstance(getattr(contract, "__dict__", {}).get(method), FunctionType):
                (others if hasattr(str, method) else methods).append(f"{name}.{method}")
        others.append(name)
    return [*methods, *(others or used)]


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
