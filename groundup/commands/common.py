"""What every command needs: whose code runs, plain output, one-line errors."""

import linecache
import traceback
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from groundup import reference
from groundup.failures import explain
from groundup.stages import ROOT, STAGES, Stage

console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)

Reference = Annotated[
    str,
    typer.Option(
        "--reference",
        metavar="STAGES",
        envvar=reference.VARIABLE,
        help="Take these stages from solutions instead of yours: numbers as in 1,2, or all.",
    ),
]


class Refusal(Exception):
    """A command cannot do what was asked. `main` prints the message, one line, without a traceback.

    `code` is the exit code: 2 if the command was used wrongly, 1 if it failed.
    """

    def __init__(self, message: str, *, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


def say(text: str = "", style: str | None = None) -> None:
    """Print to standard output; `style` is a colour, dropped when the output is not a terminal."""
    console.print(text, style=style)


def begin(choice: str, last: Stage = STAGES[-1]) -> tuple[Stage, ...]:
    """Choose whose code runs and say so for the stages up to `last`; the reference's are returned.

    No stage may have been imported before.
    """
    try:
        chosen = reference.parse(choice)
    except reference.UnknownChoice as error:
        raise Refusal(str(error), code=2) from None
    reference.activate(chosen)
    say(reference.header(STAGES[: last.number]))
    return chosen


def option_for(chosen: tuple[Stage, ...]) -> str:
    """The words that make the same choice again: ` --reference 1,2`, or nothing."""
    if not chosen:
        return ""
    numbers = ",".join(str(stage.number) for stage in chosen)
    return f" --reference {'all' if chosen == STAGES else numbers}"


def shown(path: Path) -> str:
    """A path as it is written in messages: relative to the root of the course if inside."""
    path = path.absolute()
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


def table(rows: list[tuple[str, str]]) -> str:
    """Two columns, names to the left and values to the right."""
    left = max(len(name) for name, _ in rows)
    right = max(len(value) for _, value in rows)
    return "\n".join(f"{name:<{left}}   {value:>{right}}" for name, value in rows)


def in_one_line(error: BaseException) -> str | None:
    """What to print instead of a traceback; None for an error that deserves its traceback.

    Those are errors nobody foresaw: whoever wrote the code wants to see the way to them. A
    `ValueError` counts as foreseen where it is raised on purpose, as the contracts ask.
    """
    place = _place(error)
    if isinstance(error, NotImplementedError) and not error.args and place is not None:
        stage = next(stage for stage in STAGES if place.is_relative_to(stage.assignment))
        return (
            f"{explain(error)}; fill it in and run pytest {shown(stage.tests)}, "
            f"or add --reference {stage.number}"
        )
    if isinstance(error, SyntaxError | ImportError | OSError) or _is_raised_on_purpose(error):
        return " ".join(line.strip() for line in explain(error).splitlines())
    return None


def _place(error: BaseException) -> Path | None:
    """The file under `assignments` that raised the error."""
    frames = traceback.extract_tb(error.__traceback__)
    path = Path(frames[-1].filename) if frames else Path()
    return path if path.is_relative_to(ROOT / "assignments") else None


def _is_raised_on_purpose(error: BaseException) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    if not isinstance(error, ValueError) or not frames:
        return False
    source = linecache.getline(frames[-1].filename, frames[-1].lineno or 0)
    return Path(frames[-1].filename).is_relative_to(ROOT) and "raise " in source
