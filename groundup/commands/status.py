"""`groundup status`: the last known results. And what `groundup` alone prints."""

from datetime import datetime

from groundup.commands import results
from groundup.commands.common import say
from groundup.commands.next_step import has_changed, next_step
from groundup.commands.stage_run import StageResult
from groundup.stages import STAGES, Stage


def status() -> None:
    """Show the last known result of each stage, and what to do next. It runs no tests."""
    known = results.load()
    for stage in STAGES:
        say(_line(stage, known.get(results.key(stage.folder, "yours"))))
    references = [known.get(results.key(stage.folder, "reference")) for stage in STAGES]
    checked = [result for result in references if result]
    if checked:
        done = sum(result.done for result in checked)
        say(f"Of the reference, {done} of {len(checked)} stages checked were done.")
    say(f"next: {next_step(known)}")


def _line(stage: Stage, result: StageResult | None) -> str:
    if result is None:
        return f"{stage.folder:<18}  not checked yet"
    when = datetime.fromisoformat(result.when).strftime("%Y-%m-%d %H:%M")
    notes = f"  with reference {result.reference}" if result.reference else ""
    notes += "  files changed since" if has_changed(stage, result) else ""
    return f"{result.columns}  {when}{notes}"


def start() -> None:
    """What `groundup` alone prints."""
    say("groundup: write a Transformer language model from an empty file, in eight graded stages.")
    say("groundup status shows where you are, groundup --help lists the commands.")
    say(f"next: {next_step(results.load())}")
