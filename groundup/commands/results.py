"""The last known results, in `.groundup/results.json`: by stage, the learner's and the reference's.

They are kept apart, so that looking at the reference leaves the learner's own progress alone.
"""

import json
from dataclasses import asdict
from pathlib import Path

from groundup.atomic import replacing
from groundup.commands.common import Refusal, shown
from groundup.commands.stage_run import StageResult
from groundup.stages import ROOT

FILE = ROOT / ".groundup" / "results.json"

Results = dict[str, StageResult]


def load() -> Results:
    """By `02_layers yours` or `02_layers reference`; empty if nothing was checked yet."""
    if not FILE.is_file():
        return {}
    try:
        found = json.loads(FILE.read_text(encoding="utf-8"))
        return {key: StageResult(**values) for key, values in found.items()}
    except (ValueError, TypeError, AttributeError):
        raise Refusal(
            f"{shown(FILE)} does not hold results of this version of groundup; "
            "delete it and run groundup check"
        ) from None


def save(result: StageResult) -> None:
    """Put `result` in the place of the one before it; the file is whole at every moment."""
    try:
        known = load()
    except Refusal:
        known = {}
    known[key(result.stage, result.owner)] = result
    write_json(FILE, {name: asdict(each) for name, each in sorted(known.items())})


def key(stage: str, owner: str) -> str:
    return f"{stage} {'reference' if owner == 'reference' else 'yours'}"


def write_json(path: Path, value: object) -> None:
    """All of the file or nothing."""
    with replacing(path) as unfinished:
        unfinished.write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")
