"""A checksum of the files that decide what a stage's tests give."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from groundup.stages import ROOT, STAGES, Stage


def fingerprint(stage: Stage, chosen: tuple[Stage, ...]) -> str:
    """Of the code of the stages up to `stage`, `chosen` from the reference, and of its tests."""
    code = [each.solution if each in chosen else each.assignment for each in STAGES[: stage.number]]
    files = [file for folder in (*code, stage.tests) for file in folder.rglob("*.py")]
    return checksum([*files, *stage.fixtures.rglob("*.*")])


def checksum(files: Iterable[Path]) -> str:
    """Of the names and the contents of the files."""
    total = hashlib.sha256()
    for file in sorted(files):
        total.update(file.relative_to(ROOT).as_posix().encode())
        total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()
