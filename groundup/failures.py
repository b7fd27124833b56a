"""A failed graded test in a few lines: what happened, and where in the code under test."""

import ast
import functools
import textwrap
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from groundup.stages import ROOT, STAGES

MAX_LINES = 12
NOT_WRITTEN = "not written yet: "
ANOTHER_MATTER = "The error is right, but not what it says:"
PYTEST_SAYS = {
    "Failed: DID NOT RAISE": "nothing was raised, expected",
    "AssertionError: Regex pattern did not match.": ANOTHER_MATTER,
    "Expected regex:": "should hold:",
    "Actual message:": "says:       ",
}
"""What pytest says of exceptions, in words about the code under test."""
PACKAGES = frozenset(stage.package for stage in STAGES)


class Mismatch(AssertionError):
    """An observation that is not what the contract promises; its message is shown as it is.

    `parts` are what was observed, where a snapshot says what each mistake would have given.
    """

    def __init__(self, message: str, parts: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.parts = parts


def is_crash(error: BaseException) -> bool:
    """Whether the code under test raised it, and not a test that saw something wrong."""
    frames = _frames(error.__traceback__)
    return not isinstance(error, Mismatch) and any(_is_under_test(path) for path, *_ in frames)


def explain(error: BaseException) -> str:
    """What a learner reads instead of a traceback, at most `MAX_LINES` lines."""
    frames = list(_frames(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename:
        return f"{place_in(Path(error.filename), error.lineno or 1)}: {error.msg}"
    if _is_stub(error, frames):
        path, line, name = frames[-1]
        return f"{NOT_WRITTEN}{name} ({place_in(Path(path), line)})"
    if isinstance(error, Mismatch):
        return _shorten(str(error))
    under_test = [frame for frame in frames if _is_under_test(frame[0])]
    text = f"{type(error).__name__}: {_message(error)}".rstrip(": ")
    if under_test and (expected := _expected(frames)):
        text += f"\nexpected: {expected}"
    for theirs, plain in PYTEST_SAYS.items():
        text = text.replace(theirs, plain)
    # Not where the reference of an earlier stage failed, but what it was called from.
    written = [frame for frame in under_test if not _is_in("solutions", frame[0])]
    ours = written or under_test or [frame for frame in frames if _is_in("tests", frame[0])]
    where = [f"at {place_in(Path(path), line)} in {name}" for path, line, name in ours[-1:]]
    return _shorten("\n".join([text, *where]))


def _frames(trace: TracebackType | None) -> Iterator[tuple[str, int, str]]:
    for frame, line in traceback.walk_tb(trace):
        yield frame.f_code.co_filename, line, frame.f_code.co_qualname
        # jaxtyping raises from its wrapper, when the function it is about has no frame any more.
        code = getattr(frame.f_locals.get("fn"), "__code__", None)
        if code and frame.f_globals.get("__name__") == "jaxtyping._decorator":
            yield code.co_filename, code.co_firstlineno, code.co_qualname


def _expected(frames: list[tuple[str, int, str]]) -> str:
    """The exception that the test waits for with pytest.raises, if it does."""
    around = [
        node
        for path, line, _ in frames
        if _is_in("tests", path)
        for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8")))
        if isinstance(node, ast.With) and node.lineno <= line <= (node.end_lineno or 0)
    ]
    calls = [item.context_expr for node in around for item in node.items]
    waited = (
        ast.unparse(call.args[0])
        for call in calls
        if isinstance(call, ast.Call) and ast.unparse(call.func) == "pytest.raises"
    )
    return next(waited, "")


def _is_in(folder: str, path: str) -> bool:
    return Path(path).is_relative_to(ROOT / folder)


@functools.cache
def _is_under_test(path: str) -> bool:
    return not PACKAGES.isdisjoint(Path(path).parts)


def _is_stub(error: BaseException, frames: list[tuple[str, int, str]]) -> bool:
    written_by_us = isinstance(error, NotImplementedError) and not error.args
    return written_by_us and bool(frames) and _is_under_test(frames[-1][0])


def place_in(path: Path, line: int) -> str:
    """`assignments/…/adapter.py:41`, from the course's root."""
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{inside.as_posix()}:{line}"


def _message(error: BaseException) -> str:
    if type(error).__name__ == "TypeCheckError":
        return _type_check_message(str(error))
    if isinstance(error, MemoryError) and not str(error):
        return "there is no memory left; does something grow with every step?"
    return str(error)


def _type_check_message(text: str) -> str:
    """The lines of jaxtyping's report that say what was wrong, without its dump of the call."""
    wanted = ("Type-check error", "The problem arose", "Actual value", "Expected type")
    return "\n".join(line for line in text.splitlines() if line.startswith(wanted))


def _shorten(text: str) -> str:
    lines = [
        textwrap.shorten(line, 200) if len(line) > 200 else line
        for line in text.splitlines()
        if line.strip()
    ]
    if len(lines) <= MAX_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: MAX_LINES - 2], "…", lines[-1]])
