"""The steps of a long command, none of which is done twice if it is stopped and started again."""

import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundup.atomic import UNFINISHED
from groundup.commands.common import console, say
from groundup.commands.results import write_json

RECORD = "steps.json"


class Steps:
    """What was finished in `folder`, by this process or by one before it with the same recipe.

    Without such a one the folder is made anew. `anew` forgets it.
    """

    def __init__(self, folder: Path, recipe: dict[str, Any], *, anew: bool = False) -> None:
        self.folder, self.recipe = folder, recipe
        self.finished = [] if anew else self._read()
        if not self.finished:
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
        for unfinished in folder.rglob(f"*{UNFINISHED}"):  # of a process that was killed
            unfinished.unlink()

    def once(self, step: str, what: str, make: Callable[[], object]) -> None:
        """Call `make` unless that was finished; `what` says in the past tense what it does."""
        if step in self.finished:
            say(f"{what} (before the stop)")
            return
        started = time.monotonic()
        with console.status(f"{what} …"):
            make()
        say(f"{what} ({time.monotonic() - started:.1f} s)")
        self.finished.append(step)
        write_json(self.folder / RECORD, {"recipe": self.recipe, "finished": self.finished})

    def _read(self) -> list[str]:
        try:
            found = json.loads((self.folder / RECORD).read_text(encoding="utf-8"))
            return found["finished"] if found["recipe"] == self.recipe else []
        except (OSError, ValueError, KeyError, TypeError):
            return []
