"""A failed graded test in a few lines: what happened, and where in the code under test."""

import textwrap
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from groundup.stages import ROOT

MAX_LINES = 12
CODE_UNDER_TEST = (ROOT / "assignments", ROOT / "solutions")


class Mismatch(AssertionError):
    """An observation that is not what the contract promises; its message is shown as it is."""


def explain(error: BaseException) -> str:
    """What a learner reads instead of a traceback, at most `MAX_LINES` lines."""
    frames = list(_frames(error.__traceback__))
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_place(Path(error.filename), error.lineno or 1)}: {error.msg}"
    if _is_stub(error, frames):
        path, line, name = frames[-1]
        return f"not written yet: {name} ({_place(path, line)})"
    if isinstance(error, Mismatch):
        return _shorten(str(error))
    text = f"{type(error).__name__}: {_message(error)}".rstrip(": ")
    under_test = [frame for frame in frames if _is_under_test(frame[0])]
    ours = under_test or [frame for frame in frames if frame[0].is_relative_to(ROOT / "tests")]
    where = [f"at {_place(path, line)} in {name}" for path, line, name in ours[-1:]]
    return _shorten("\n".join([text, *where]))


def _frames(trace: TracebackType | None) -> Iterator[tuple[Path, int, str]]:
    for frame, line in traceback.walk_tb(trace):
        yield Path(frame.f_code.co_filename), line, frame.f_code.co_qualname
        # jaxtyping raises from its wrapper, when the function it is about has no frame any more.
        code = getattr(frame.f_locals.get("fn"), "__code__", None)
        if code and frame.f_globals.get("__name__") == "jaxtyping._decorator":
            yield Path(code.co_filename), code.co_firstlineno, code.co_qualname


def _is_under_test(path: Path) -> bool:
    return any(path.is_relative_to(folder) for folder in CODE_UNDER_TEST)


def _is_stub(error: BaseException, frames: list[tuple[Path, int, str]]) -> bool:
    written_by_us = isinstance(error, NotImplementedError) and not error.args
    return written_by_us and bool(frames) and _is_under_test(frames[-1][0])


def _place(path: Path, line: int) -> str:
    inside = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{inside.as_posix()}:{line}"


def _message(error: BaseException) -> str:
    if type(error).__name__ == "TypeCheckError":
        return _type_check_message(str(error))
    return str(error)


def _type_check_message(text: str) -> str:
    """The lines of jaxtyping's report that say what was wrong, without its dump of the call."""
    wanted = ("Type-check error", "The problem arose", "Actual value", "Expected type")
    return "\n".join(line for line in text.splitlines() if line.startswith(wanted))


def _shorten(text: str) -> str:
    lines = [textwrap.shorten(line, 200) if len(line) > 200 else line for line in text.splitlines()]
    if len(lines) <= MAX_LINES:
        return "\n".join(lines)
    return "\n".join([*lines[: MAX_LINES - 2], "…", lines[-1]])
