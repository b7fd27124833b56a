"""Files and folders that are whole at every moment."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

UNFINISHED = ".tmp"
"""How names end that are not there to stay; a process that is killed leaves them behind."""


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` when the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        yield unfinished
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `path`, where nothing may be, when the block ends well."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    unfinished.mkdir(parents=True)
    try:
        yield unfinished
        if path.is_dir():
            path.rmdir()  # an empty one
        unfinished.rename(path)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
