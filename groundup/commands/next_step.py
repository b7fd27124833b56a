"""What to do next, from the results that are known."""

from groundup.commands import results
from groundup.commands.common import shown
from groundup.commands.fingerprint import fingerprint
from groundup.commands.results import Results
from groundup.commands.stage_run import StageResult
from groundup.reference import option_for
from groundup.stages import STAGES, Stage


def next_step(known: Results) -> str:
    """What a learner does now, in words."""
    for stage in STAGES:
        result = known.get(results.key(stage.folder, "yours"))
        if result is None:
            contract = stage.assignment / stage.package / "adapter.py"
            return (
                f"read {shown(stage.guide)}, write {shown(contract)}, "
                f"then run groundup check {stage.number}"
            )
        if has_changed(stage, result):
            return f"run groundup check {stage.number}{option_for(_choice(result))}"
        if not result.done:
            return after_failure(stage, result)
    return "every stage is done: run groundup data tinystories, groundup train tinystories-cpu"


def after_failure(stage: Stage, result: StageResult) -> str:
    """What to read, and the command that runs the first failure alone."""
    _, separator, name = result.failed_test.rpartition("::")
    only = f" -k {name.partition('[')[0]}" if separator else ""
    choice = option_for(_choice(result))
    return f"read {shown(stage.guide)}, then run pytest {shown(stage.tests)}{only}{choice}"


def has_changed(stage: Stage, result: StageResult) -> bool:
    """Whether the files that decided the result are other ones now."""
    return fingerprint(stage, _choice(result)) != result.fingerprint


def _choice(result: StageResult) -> tuple[Stage, ...]:
    numbers = result.reference.split(",")
    return tuple(stage for stage in STAGES if str(stage.number) in numbers)
