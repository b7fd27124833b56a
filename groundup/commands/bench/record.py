"""What a bench leaves on disk: its numbers, and all that they depend on."""

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from groundup.commands.bench import machine
from groundup.commands.common import say, shown
from groundup.commands.results import write_json


def write_record(
    folder: Path, bench: str, settings: dict[str, Any], packages: Iterable[str], **found: Any
) -> Path:
    """A file of its own for each call, named after the bench and the time."""
    when = datetime.now().astimezone()
    file = folder / f"{bench}-{when:%Y%m%d-%H%M%S}.json"
    head = {"when": when.isoformat(timespec="seconds"), "settings": settings}
    write_json(file, {**head, "machine": machine.facts(packages), **found})
    say(f"results {shown(file)}")
    return file
