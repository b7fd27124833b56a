"""Whose code runs: the learner's own stages, or the reference's for the stages asked for.

A stage's reference is chosen by putting its `solutions/NN_…` folder in front on `sys.path`, and
on `PYTHONPATH` for child processes. There is no fall-back: a stage that was not asked for is the
learner's, whatever state it is in.
"""

import importlib.util
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from groundup.stages import ROOT, STAGES, Stage

VARIABLE = "GROUNDUP_REFERENCE"


class UnknownChoice(ValueError):
    """A choice of reference stages that cannot be."""


def parse(choice: str) -> tuple[Stage, ...]:
    """The stages that `choice` names: `all`, or numbers as in `1,2`; the empty string names none.

    Raises:
        UnknownChoice: a number that is no stage, or a stage whose reference is not in this copy.
    """
    words = [word.strip() for word in choice.split(",") if word.strip()]
    if words == ["all"]:
        words = [str(stage.number) for stage in STAGES]
    by_number = {str(stage.number): stage for stage in STAGES}
    for word in words:
        if (word.lstrip("0") or "0") not in by_number:
            raise UnknownChoice(
                f"reference: {word!r} is not a stage; write numbers from 1 to {len(STAGES)}, "
                "as in 1,2, or all"
            )
    chosen = {by_number[word.lstrip("0")] for word in words}
    for stage in chosen:
        if not (stage.solution / stage.package).is_dir():
            raise UnknownChoice(
                f"reference: {stage.solution.relative_to(ROOT).as_posix()} is not in this copy "
                "of the course; run without the reference, or ask whoever gave you the copy"
            )
    return tuple(sorted(chosen, key=lambda stage: stage.number))


def numbers(stages: Iterable[Stage]) -> str:
    """The choice of `stages` as `parse` reads it: `1,2`; the empty string for none."""
    return ",".join(str(stage.number) for stage in stages)


def option_for(chosen: tuple[Stage, ...]) -> str:
    """The words that make the same choice again: ` --reference 1,2`, or nothing."""
    if not chosen:
        return ""
    return f" --reference {'all' if chosen == STAGES else numbers(chosen)}"


def activate(stages: tuple[Stage, ...], instead: Mapping[Stage, Path] | None = None) -> None:
    """Make `stages` import from the reference and all others from assignments, here and in
    child processes. Call it before any stage is imported.

    `instead` maps stages to folders that take the place of both.
    """
    mine = {str(path) for stage in STAGES for path in (stage.solution, stage.assignment)}
    chosen = {stage: stage.solution if stage in stages else stage.assignment for stage in STAGES}
    front = [str(folder) for folder in (chosen | dict(instead or {})).values()]
    sys.path[:] = front + [path for path in sys.path if path not in mine]
    inherited = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    kept = [path for path in inherited if path and path not in mine]
    os.environ["PYTHONPATH"] = os.pathsep.join(front + kept)
    os.environ[VARIABLE] = numbers(stages)
    importlib.invalidate_caches()


def owner(stage: Stage) -> str:
    """Whose code an import of `stage` would run: `reference`, `yours`, or the path it came from."""
    spec = importlib.util.find_spec(stage.package)
    if spec is None or spec.origin is None:
        return "missing"
    origin = Path(spec.origin).resolve()
    if origin.is_relative_to(stage.solution):
        return "reference"
    if origin.is_relative_to(stage.assignment):
        return "yours"
    return f"from {origin.parent}"


def package_of(stage: Stage) -> Path:
    """The folder that an import of `stage` takes."""
    spec = importlib.util.find_spec(stage.package)
    return Path(spec.origin).parent if spec and spec.origin else stage.assignment / stage.package


def header(stages: tuple[Stage, ...] = STAGES) -> str:
    """The line that every run begins with."""
    owners = ", ".join(f"{stage.folder} {owner(stage)}" for stage in stages)
    return f"code under test: {owners}"
