"""The catalogue of mistakes: how each is told to a learner, and how it is made on purpose.

`tests/mistakes/sNN_….py` holds the mistakes of a stage as a list `MISTAKES`.
"""

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from groundup.stages import ROOT, STAGES, Stage

FOLDER = ROOT / "tests" / "mistakes"
ALTERNATIVES = ROOT / "tests" / "alternatives"


class UnknownMistake(ValueError):
    """A mistake that is not in the catalogue, or cannot be made in the code as it is."""


@dataclass(frozen=True)
class Edit:
    """In `file` of the stage's package, `old`, which stands there exactly once, becomes `new`."""

    old: str
    new: str
    file: str = "adapter.py"


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One mistake, or a class of mistakes that no observation tells apart."""

    id: str
    """Unique in the whole catalogue, in snake_case."""

    sentence: str
    """What was done, as a learner reads it; it describes and does not scold."""

    why: str
    """Why it matters, in one sentence."""

    contract: str
    """The name of the contract it sits in, as in `RMSNorm` or `RotaryEmbedding.forward`."""

    section: str
    """The anchor of a heading in the stage's guide."""

    hints: tuple[str, str, str]
    """From a nudge, over the idea, to the line."""

    ways: Sequence[Sequence[Edit]]
    """Ways of making it. Each is edits of the same code, and each is caught and named."""

    base: str = ""
    """What the edits are made in: the reference, or the alternative of this name."""


@dataclass(frozen=True)
class Slip:
    """One way of making one mistake; written `id`, or `id~2` for the second way."""

    stage: Stage
    mistake: Mistake
    way: int

    @property
    def name(self) -> str:
        return self.mistake.id if self.way == 1 else f"{self.mistake.id}~{self.way}"

    @property
    def edits(self) -> Sequence[Edit]:
        return self.mistake.ways[self.way - 1]


@functools.cache
def mistakes(stage: Stage) -> Mapping[str, Mistake]:
    """The mistakes of a stage by id, in the order of their file."""
    file = FOLDER / f"{stage.package}.py"
    if not file.is_file():
        return {}
    spec = importlib.util.spec_from_file_location(f"groundup_mistakes_{stage.package}", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {mistake.id: mistake for mistake in module.MISTAKES}


def slips(stage: Stage) -> list[Slip]:
    """Every way of making every mistake of `stage`."""
    return [
        Slip(stage, mistake, way)
        for mistake in mistakes(stage).values()
        for way in range(1, len(mistake.ways) + 1)
    ]


def find(name: str) -> Slip:
    """The slip called `name`, as in `scores_not_scaled` or `scores_not_scaled~2`."""
    mistake_id, _, way = name.partition("~")
    for stage in STAGES:
        mistake = mistakes(stage).get(mistake_id)
        if mistake is not None and (way or "1") in map(str, range(1, len(mistake.ways) + 1)):
            return Slip(stage, mistake, int(way or 1))
    raise UnknownMistake(f"{name!r} is not in the catalogue; `groundup mistakes` lists it")


def guide_link(stage: Stage, section: str) -> str:
    """A section of the stage's guide, from the course's root."""
    return f"{stage.guide.relative_to(ROOT).as_posix()}#{section}"


def alternatives(stage: Stage) -> list[str]:
    """The names of other right implementations of `stage`, each a folder of files that take the
    place of the reference's."""
    folder = ALTERNATIVES / stage.package
    return (
        sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.exists() else []
    )


def find_alternative(name: str) -> tuple[Stage, dict[str, str]]:
    """The stage and the files of an alternative such as `s07_decoding/one_prefill`."""
    package, _, folder = name.partition("/")
    for stage in STAGES:
        if stage.package == package and folder:
            return stage, sources(stage, folder)
    raise UnknownMistake(f"{name!r} is not in tests/alternatives")


def sources(stage: Stage, alternative: str = "") -> dict[str, str]:
    """The files of the stage's package, by path in it: the reference's, under an alternative's."""
    folders = [stage.solution / stage.package]
    if alternative:
        folders.append(ALTERNATIVES / stage.package / alternative)
        if not folders[-1].is_dir():
            raise UnknownMistake(f"{alternative!r} is not in tests/alternatives/{stage.package}")
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
    }


def edited(slips_together: Sequence[Slip]) -> dict[str, str]:
    """The package of a stage with slips made in it.

    Raises UnknownMistake if an edit's old text does not stand exactly once where it should.
    """
    first = slips_together[0]
    files = sources(first.stage, first.mistake.base)
    for slip in slips_together:
        if (slip.stage, slip.mistake.base) != (first.stage, first.mistake.base):
            raise UnknownMistake(f"{first.name} and {slip.name} are not made in the same code")
        for edit in slip.edits:
            count = files.get(edit.file, "").count(edit.old)
            if count != 1:
                raise UnknownMistake(
                    f"{slip.name}: {edit.old!r} must stand once in {edit.file}, found {count} times"
                )
            files[edit.file] = files[edit.file].replace(edit.old, edit.new)
    return files


def lay_out(stage: Stage, files: Mapping[str, str], folder: Path) -> Path:
    """Write the package of `stage` into `folder`, which then goes on the path in its place."""
    for name, text in files.items():
        path = folder / stage.package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder
