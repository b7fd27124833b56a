"""Frozen observations of the reference: how they are written, read and compared.

`python -m groundup.snapshots` makes them all anew.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from groundup.stages import ROOT, STAGES, Stage

FOLDER_VARIABLE = "GROUNDUP_FIXTURES"
VERSIONS_OF = ("torch", "numpy", "regex", "einx")
SHOWN = 4


@dataclass(frozen=True)
class Record:
    """One part of an observation: `kind` is its type in words, as in `torch.float32 tensor`."""

    kind: str
    values: np.ndarray[Any, Any]


def record(value: Any) -> Record:
    """A tensor, array, number, string, or list of them, as an array that a file can hold."""
    if isinstance(value, torch.Tensor):
        kind = f"{value.dtype} tensor"
        if value.device.type != "cpu":
            return Record(f"{kind} on {value.device.type}", np.zeros(tuple(value.shape)))
        plain = value.detach()
        return Record(
            kind,
            (plain.float() if plain.is_floating_point() and plain.dtype != torch.float64 else plain)
            .numpy()
            .copy(),
        )
    values = np.asarray(value)
    if values.dtype == object:
        raise TypeError(f"an observation may not hold {type(value).__name__} of mixed values")
    words = {"i": "int", "f": "float", "b": "bool", "U": "str"}
    if isinstance(value, np.ndarray):
        return Record(f"{values.dtype} array", values)
    return Record(words[values.dtype.kind] if values.size else "empty", values)


def difference(actual: Record, expected: Record, *, rtol: float, atol: float) -> str:
    """Why `actual` is not `expected`, in a few lines; empty if it is."""
    if actual.kind != expected.kind:
        return f"expected: {_outline(expected)}\nfound:    {_outline(actual)}"
    if actual.values.shape != expected.values.shape:
        return f"expected shape {expected.values.shape}, found {actual.values.shape}"
    if expected.values.dtype.kind != "f":
        wrong = actual.values != expected.values
    else:
        lost = ~np.isfinite(actual.values) & np.isfinite(expected.values)
        if lost.any():
            first = _first(lost, actual, expected)
            return f"{lost.sum()} of {lost.size} values are NaN or infinite\n{first}"
        wrong = ~np.isclose(actual.values, expected.values, rtol=rtol, atol=atol, equal_nan=True)
    if not wrong.any():
        return ""
    return f"{wrong.sum()} of {wrong.size} values differ\n{_first(wrong, actual, expected)}"


def _outline(part: Record) -> str:
    return f"{part.kind} of shape {part.values.shape}" if part.values.ndim else part.kind


def _first(wrong: np.ndarray[Any, Any], actual: Record, expected: Record) -> str:
    places = np.argwhere(np.atleast_1d(wrong))[:SHOWN]
    found, wanted = np.atleast_1d(actual.values), np.atleast_1d(expected.values)
    return "\n".join(
        f"  at {list(map(int, place))}: expected {wanted[tuple(place)]}, "
        f"found {found[tuple(place)]}"
        for place in places
    )


def folder(stage: Stage) -> Path:
    """Where the snapshots of `stage` are; an environment variable moves all of them."""
    elsewhere = os.environ.get(FOLDER_VARIABLE)
    return Path(elsewhere) / stage.fixtures.name if elsewhere else stage.fixtures


def write(path: Path, records: Mapping[str, Record]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kinds = json.dumps({name: part.kind for name, part in records.items()})
    arrays = {f"expected/{name}": part.values for name, part in records.items()}
    np.savez_compressed(path, allow_pickle=False, kinds=np.array(kinds), **arrays)


def read(path: Path) -> dict[str, Record]:
    if not path.is_file():
        raise FileNotFoundError(
            f"no snapshot {path.name} in {path.parent.name}; "
            "run `python -m groundup.snapshots` with the reference present"
        )
    with np.load(path, allow_pickle=False) as file:
        kinds = json.loads(str(file["kinds"]))
        return {name: Record(kind, file[f"expected/{name}"]) for name, kind in kinds.items()}


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


def main() -> int:
    """Delete all snapshots, record them from the reference, and write `manifest.json`."""
    fixtures = Path(os.environ.get(FOLDER_VARIABLE, ROOT / "fixtures"))
    for stage in STAGES:
        for old in folder(stage).glob("*.npz"):
            old.unlink()
    tests = [str(stage.tests) for stage in STAGES]
    command = [sys.executable, "-m", "pytest", "--reference=all", "--record-snapshots", "-q"]
    code = subprocess.run([*command, *tests], cwd=ROOT, check=False).returncode
    if code == 0:
        text = json.dumps(manifest(fixtures), indent=1) + "\n"
        (fixtures / "manifest.json").write_text(text, encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
