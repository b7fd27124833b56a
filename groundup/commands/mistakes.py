"""`groundup mistakes`: the catalogue, and the hints for one mistake."""

import textwrap
from typing import Annotated

import typer

from groundup import catalogue
from groundup.commands.common import Refusal, say
from groundup.stages import STAGES


def mistakes(
    which: Annotated[
        str, typer.Argument(metavar="STAGE|ID", help="One stage, or one mistake. All if none.")
    ] = "",
    hint: Annotated[
        int, typer.Option(min=0, max=3, help="Show so many hints: a nudge, the idea, the line.")
    ] = 0,
    spoilers: Annotated[
        bool, typer.Option("--spoilers", help="Say of every mistake what it is.")
    ] = False,
) -> None:
    """List the mistakes that the grader knows by name, or help with one of them."""
    stages = [stage for stage in STAGES if which in ("", str(stage.number), stage.folder)]
    if not stages:
        _help_with(which, hint)
        return
    for stage in stages:
        found = catalogue.mistakes(stage).values()
        say(f"{stage.folder}: {len(found)} mistakes")
        for mistake in found:
            say(f"  {mistake.id:<40} {mistake.contract}")
            if spoilers:
                say(textwrap.indent(textwrap.fill(mistake.sentence, 90), "      "))


def _help_with(mistake_id: str, hint: int) -> None:
    try:
        slip = catalogue.find(mistake_id)
    except catalogue.UnknownMistake as error:
        raise Refusal(str(error), code=2) from None
    mistake = slip.mistake
    say(f"{mistake.id}, in {mistake.contract} of {slip.stage.folder}")
    say(mistake.sentence)
    say(f"Why it matters: {mistake.why}")
    say(f"Read: {catalogue.guide_link(slip.stage, mistake.section)}")
    for number, text in enumerate(mistake.hints[:hint], start=1):
        say(f"Hint {number}: {text}")
    if hint < len(mistake.hints):
        say(f"More: groundup mistakes {mistake.id} --hint {hint + 1}")
