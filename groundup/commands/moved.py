"""A run whose data was moved, as when the whole course goes to another folder or machine."""

from functools import partial
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from groundup.atomic import replacing
from groundup.commands.common import say, shown


def follow_data(checkpoint: Path, **files: Path) -> None:
    """Write into a checkpoint where its token files are now, or it would be one of other data.

    That it is the same data is for the caller to know.
    """
    import torch

    here = {name: str(path) for name, path in files.items()}
    load: Any = partial(torch.load, checkpoint, map_location="cpu", weights_only=True)
    try:
        state = load(mmap=True)  # only what is looked at
        moved = any(state["config"][name] != path for name, path in here.items())
    except Exception:  # there is none yet, or stage 06 will say what is wrong with it
        return
    if moved and not _is_damaged(checkpoint):
        state = load()
        state["config"] |= here
        with replacing(checkpoint) as unfinished:
            torch.save(state, unfinished)
        folders = {shown(path.parent) for path in files.values()}
        say(f"the data of {shown(checkpoint.parent)} is in {', '.join(folders)} now")


def _is_damaged(checkpoint: Path) -> bool:
    """Saved anew, it would have new checksums, and stage 06 could not tell any more."""
    with ZipFile(checkpoint) as archive:
        return archive.testzip() is not None
