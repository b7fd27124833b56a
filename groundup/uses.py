"""Which names a test uses: itself, and through the helpers and fixtures beside it."""

from collections.abc import Iterator
from types import CodeType, FunctionType

import pytest


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
