"""Frozen observations, of the reference and of every mistake: how they are written and read.

`python -m groundup.snapshots` makes them all anew, `python -m groundup.snapshots 3` stage 03's.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import math
import os
import platform
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundup import catalogue, sessions
from groundup.observations import Record, agree
from groundup.stages import ROOT, STAGES, Stage

FOLDER_VARIABLE = "GROUNDUP_FIXTURES"
VERSIONS_OF = ("torch", "numpy", "regex", "einx")


def folder(stage: Stage) -> Path:
    """Where the snapshots of `stage` are; an environment variable moves all of them."""
    elsewhere = os.environ.get(FOLDER_VARIABLE)
    return Path(elsewhere) / stage.fixtures.name if elsewhere else stage.fixtures


@dataclass(frozen=True)
class Snapshot:
    """What one test observed of the reference, and what it would have observed of each mistake."""

    expected: Mapping[str, Record]
    """By the name of the part."""
    rtol: float
    atol: float
    mistakes: Mapping[str, Mapping[str, Record] | None]
    """By the name of a slip that changes the observation, the parts that it changes; None where
    it crashes the test before there is an observation."""

    def differing(self, parts: Mapping[str, Record]) -> dict[str, Record]:
        """Those of `parts` that are not as expected."""
        return {
            name: part
            for name, part in parts.items()
            if name not in self.expected or not self.agree(part, self.expected[name])
        }

    def agree(self, actual: Record, expected: Record) -> bool:
        return agree(actual, expected, rtol=self.rtol, atol=self.atol)

    def fits(self, parts: Mapping[str, Record], slip: str) -> bool:
        """Whether `parts` are what `slip` gives."""
        changed = self.mistakes[slip]
        if changed is None or set(parts) != set(self.expected):
            return False
        wanted = {**self.expected, **changed}
        return all(self.agree(part, wanted[name]) for name, part in parts.items())


Place = tuple[str, str, tuple[int, ...], int]
"""Of a part in a file: its kind, the array that it is in, its shape, and where it begins there."""


def write(path: Path, snapshot: Snapshot) -> None:
    """As a NumPy archive of a few long arrays, one a dtype, and a header in JSON that says what
    stands where; one array for each part would take many times longer to read."""
    expected, arrays = _packed("expected", snapshot.expected)
    header: dict[str, Any] = {"rtol": snapshot.rtol, "atol": snapshot.atol, "expected": expected}
    changed = {
        f"{slip}/{name}": part
        for slip, parts in snapshot.mistakes.items()
        for name, part in (parts or {}).items()
    }
    places, more = _packed("mistakes", changed)
    header["mistakes"] = {
        slip: None if parts is None else {name: places[f"{slip}/{name}"] for name in parts}
        for slip, parts in snapshot.mistakes.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    words = np.array(json.dumps(header))
    np.savez_compressed(path, allow_pickle=False, header=words, **arrays, **more)


def _packed(
    group: str, parts: Mapping[str, Record]
) -> tuple[dict[str, Place], dict[str, np.ndarray[Any, Any]]]:
    """Where each part is, and the arrays they are in."""
    places: dict[str, Place] = {}
    pieces: dict[str, list[np.ndarray[Any, Any]]] = {}
    for name, part in parts.items():
        array = f"{group}/{part.values.dtype.kind}{part.values.dtype.itemsize}"
        before = pieces.setdefault(array, [])
        places[name] = part.kind, array, part.values.shape, sum(piece.size for piece in before)
        before.append(part.values.ravel())
    return places, {array: np.concatenate(each) for array, each in pieces.items()}


def read(path: Path, *, mistakes: bool = True) -> Snapshot:
    """The snapshot at `path`. Without `mistakes`, which take longer, only their names are there."""
    if not path.is_file():
        raise FileNotFoundError(
            f"no snapshot {path.name} in {path.parent.name}; "
            "run `python -m groundup.snapshots` with the reference present"
        )
    with np.load(path, allow_pickle=False) as file:
        header = json.loads(str(file["header"]))
        groups = ("expected/", "mistakes/") if mistakes else ("expected/",)
        arrays = {name: file[name] for name in file.files if name.startswith(groups)}

    def parts(places: Mapping[str, Place]) -> dict[str, Record]:
        return {
            name: Record(kind, arrays[array][start : start + math.prod(shape)].reshape(shape))
            for name, (kind, array, shape, start) in places.items()
        }

    slips = {
        slip: parts(places) if mistakes and places is not None else None
        for slip, places in header["mistakes"].items()
    }
    return Snapshot(parts(header["expected"]), header["rtol"], header["atol"], slips)


def manifest(fixtures: Path) -> dict[str, Any]:
    """The checksum of every fixture, and what the snapshots were made with."""
    files = sorted(fixtures.glob("stage_*/*"))
    return {
        "python": platform.python_version(),
        "versions": {name: importlib.metadata.version(name) for name in VERSIONS_OF},
        "sha256": {
            file.relative_to(fixtures).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in files
        },
    }


def main(words: Sequence[str]) -> int:
    """Record the snapshots of the stages whose numbers are given, or all, anew; of the reference
    and of every mistake. Then write `manifest.json`."""
    stages = [stage for stage in STAGES if not words or str(stage.number) in words]
    fixtures = Path(os.environ.get(FOLDER_VARIABLE, ROOT / "fixtures"))
    slips = [slip for stage in stages for slip in catalogue.slips(stage)]
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary)
        jobs = [_recording(stage, made / "expected") for stage in stages]
        jobs += [_recording(slip.stage, made / slip.name, slip.name) for slip in slips]
        for session in sessions.run(jobs):
            name = session.job.name
            if session.code and name == "expected":
                print(f"{session.output}\nthe reference must pass before it is recorded")
                return 1
            if not session.ended:
                print(f"{session.output}\n{name}: its tests did not come to an end")
                return 1
        for stage in stages:
            folder = fixtures / stage.fixtures.name
            for old in folder.glob("*.npz"):
                old.unlink()
            mine = [slip.name for slip in slips if slip.stage == stage]
            for path in sorted((made / "expected" / stage.fixtures.name).glob("*.npz")):
                write(folder / path.name, _merged(path, made, mine))
    text = json.dumps(manifest(fixtures), indent=1) + "\n"
    (fixtures / "manifest.json").write_text(text, encoding="utf-8")
    return 0


def _recording(stage: Stage, target: Path, slip: str = "") -> sessions.Job:
    tests = [str(stage.tests), "--reference=all"]
    options = ["--record-snapshots", *([f"--mistake={slip}"] if slip else [])]
    environment = {FOLDER_VARIABLE: str(target)}
    return sessions.Job(
        slip or "expected", [*tests, *options], environment, (stage,) if slip else ()
    )


def _merged(path: Path, made: Path, slips: list[str]) -> Snapshot:
    """What the reference gave, with what each of `slips` gave where that is something else."""
    snapshot = read(path)
    changed: dict[str, Mapping[str, Record] | None] = {}
    for name in slips:
        other = made / name / path.parent.name / path.name
        parts = snapshot.differing(read(other).expected) if other.is_file() else None
        if parts is None or parts:
            changed[name] = parts
    return dataclasses.replace(snapshot, mistakes=changed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
