"""What every command needs: whose code runs, plain output, one-line errors."""

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from groundup import reference
from groundup.failures import explain
from groundup.memory import is_out_of_memory
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


def speaks() -> bool:
    """Whether this process writes for all that torchrun has started, or is alone."""
    return os.environ.get("RANK", "0") == "0"


def say(text: str = "", style: str | None = None) -> None:
    """Print to standard output; `style` is a colour, dropped when the output is not a terminal."""
    if speaks():
        console.print(text, style=style)


def begin(choice: str, last: Stage, *, to_stderr: bool = False) -> tuple[Stage, ...]:
    """Choose whose code runs and say so for the stages up to `last`; the reference's are returned.

    No stage may have been imported before.
    """
    try:
        chosen = reference.parse(choice)
    except reference.UnknownChoice as error:
        raise Refusal(str(error), code=2) from None
    reference.activate(chosen)
    line = reference.header(STAGES[: last.number])
    print(line, file=sys.stderr, flush=True) if to_stderr else say(line)
    return chosen


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
    """What to print instead of a traceback; None where it is the course's code that failed."""
    frames = traceback.extract_tb(error.__traceback__)
    last = Path(frames[-1].filename) if frames else Path()
    stage = _learners_stage([last])
    if isinstance(error, NotImplementedError) and not error.args and stage is not None:
        return (
            f"{explain(error)}; fill it in and run pytest {shown(stage.tests)}, "
            f"or add --reference {stage.number}"
        )
    if _is_raised_on_purpose(error, frames):
        return str(error)
    if type(error).__module__.partition(".")[0] == "wandb":
        return f"wandb: {error} Or keep the metrics here, with --set wandb=offline"
    if is_out_of_memory(error):
        return (
            "expected memory for all that was asked for, found too little; take a smaller batch, "
            "context or model, or a device with more"
        )
    learners = _learners_stage([Path(frame.filename) for frame in frames])
    if isinstance(error, OSError) and error.strerror and not learners:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; check the path, your rights to it, and the space left"
    if isinstance(error, SyntaxError | ImportError | OSError):
        return explain(error)
    return f"{explain(error)}; run pytest {shown(learners.tests)}" if learners else None


def _learners_stage(files: Sequence[Path]) -> Stage | None:
    """The stage of the last of `files` that is the learner's."""
    found = [s for file in files for s in STAGES if file.is_relative_to(s.assignment)]
    return found[-1] if found else None


def _is_raised_on_purpose(error: BaseException, frames: traceback.StackSummary) -> bool:
    """Contracts ask for a ValueError, an OSError, or one of their own, with a message for the user.
    NumPy and torch raise them too: those come out of a line that raises nothing itself."""
    ours = {stage.package for stage in STAGES}
    module = type(error).__module__.partition(".")[0]
    asked_for = isinstance(error, ValueError | OSError) or module in ours
    inside = bool(frames) and Path(frames[-1].filename).is_relative_to(ROOT)
    return asked_for and inside and "raise " in (frames[-1].line or "")
