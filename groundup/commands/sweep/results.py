"""What came of each run, a line of JSON each, whole at every moment."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from groundup.atomic import replacing
from groundup.commands.common import Refusal, shown
from groundup.commands.results import write_json

FILE, RECORD = "results.jsonl", "sweep.json"
OUTWARD = {"train_tokens", "valid_tokens", "run_dir", "progress", "wandb", "device", "compile"}
"""Fields of `TrainConfig` that do not make it another run; the data is checked by what it is."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One run: how it ended, and its validation loss on the way."""

    label: str
    values: dict[str, Any]
    """What was set, by field; the seed is in `settings`."""
    settings: dict[str, Any]
    """The whole `TrainConfig`, but for `OUTWARD`."""
    parameters: int
    valid_loss: float | None
    """At the end; None if there was no end."""
    diverged: str | None
    """What happened, if it did."""
    curve: list[list[float]]
    """Pairs of tokens and validation loss."""
    seconds: float
    """Of the updates alone."""

    @property
    def seed(self) -> int:
        return self.settings["seed"]

    @property
    def floor(self) -> float | None:
        return self.settings["entropy_floor"]


def settings_of(config: Any) -> dict[str, Any]:
    """As reading its JSON gives it."""
    kept = {name: value for name, value in asdict(config).items() if name not in OUTWARD}
    return json.loads(json.dumps(kept, default=str))


def claim(folder: Path, about: dict[str, Any]) -> None:
    """Make `folder` the one of the sweep that `about` describes, unless it is that of another."""
    path = folder / RECORD
    if not path.exists():
        if folder.exists() and any(folder.iterdir()):
            raise Refusal(f"expected no files in {shown(folder)}, found some; give another --out")
        return write_json(path, about)
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        differs = _first_difference(found, json.loads(json.dumps(about)))
    except (ValueError, AttributeError):
        raise Refusal(
            f"{shown(path)} cannot be read; put back a copy of it, or give another --out"
        ) from None
    if differs:
        raise Refusal(
            f"{shown(folder)} holds another sweep: {differs}; give another --out, or delete it"
        )
    return None


def _first_difference(there: dict[str, Any], here: dict[str, Any], prefix: str = "") -> str:
    for name in sorted(there.keys() | here.keys()):
        old, new = there.get(name), here.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            if inside := _first_difference(old, new, f"{prefix}{name}."):
                return inside
        elif old != new:
            return f"{prefix}{name} is {old!r} there, {new!r} here"
    return ""


def load(path: Path) -> list[Result]:
    """The lines of a results file; none if there is no file."""
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [Result(**json.loads(line)) for line in lines]
    except (ValueError, TypeError):
        raise Refusal(
            f"{shown(path)} does not hold results of this version; delete it, and the same "
            "command takes them from the runs"
        ) from None


def save(path: Path, results: Sequence[Result]) -> None:
    with replacing(path) as unfinished:
        text = "".join(json.dumps(dataclasses.asdict(each)) + "\n" for each in results)
        unfinished.write_text(text, encoding="utf-8")
