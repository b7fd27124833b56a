"""`groundup check`: the graded tests, stage by stage."""

import textwrap
from typing import Annotated

import typer

from groundup.commands import results
from groundup.commands.common import Reference, Refusal, begin, console, say, shown
from groundup.commands.next_step import after_failure, next_step
from groundup.commands.stage_run import StageResult, run_stage
from groundup.stages import STAGES, Stage


def check(
    stages: Annotated[
        list[str] | None,
        typer.Argument(metavar="STAGE", help="Numbers of stages, as in 2 3. All if none."),
    ] = None,
    go_on: Annotated[
        bool, typer.Option("--all", help="Go on after a stage that is not done.")
    ] = False,
    reference: Reference = "",
) -> None:
    """Run the graded tests, stage by stage, and say what to do next.

    It stops at the first stage that is not done. The exit code is 0 only if every stage asked
    for is done.
    """
    asked = tuple(_find(word) for word in stages) if stages else STAGES
    if not check_stages(asked, reference, go_on=go_on):
        raise typer.Exit(1)


def check_stages(asked: tuple[Stage, ...], reference: str, *, go_on: bool) -> bool:
    """Whether all stages asked for are done."""
    chosen = begin(reference, max(asked, key=lambda stage: stage.number))
    num_done = 0
    for position, stage in enumerate(asked, start=1):
        with console.status(f"{stage.folder} …"):
            result = run_stage(stage, chosen)
        results.save(result)
        _report(stage, result)
        num_done += result.done
        if not (result.done or go_on or stage is asked[-1]):
            say(f"{_count(len(asked) - position)} after it not run; --all goes on.")
            break
    done = num_done == len(asked)
    say(f"{num_done} of {_count(len(asked))} done.", "green" if done else "red")
    if done and not chosen:
        say(f"next: {next_step(results.load())}")
    return done


def _find(word: str) -> Stage:
    for stage in STAGES:
        if word.lstrip("0") == str(stage.number) or word in (stage.folder, stage.name):
            return stage
    raise Refusal(f"{word!r} is not a stage; write a number from 1 to {len(STAGES)}", code=2)


def _report(stage: Stage, result: StageResult) -> None:
    line = f"{result.columns}  {result.seconds:>6.1f} s  {result.owner}"
    say(line, "green" if result.done else "red")
    for line in result.not_from_scratch:
        say(f"  not from scratch: {line}")
    if not result.done:
        say(f"  {result.failed_test or shown(stage.tests)}")
        say(textwrap.indent(result.failure, "    "))
        say(f"  next: {after_failure(stage, result)}")


def _count(stages: int) -> str:
    return f"{stages} stage{'' if stages == 1 else 's'}"
