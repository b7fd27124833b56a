"""A file being read, with a progress bar if it takes a while and somebody watches."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

LEAST_BYTES = 10_000_000


@contextmanager
def open_with_progress(path: Path) -> Iterator[BinaryIO]:
    """The file, opened for reading bytes.

    From 10 MB on, and if standard error is a terminal, a bar there shows how much has been read,
    bytes per second, and the time left. It goes when the file is closed.
    """
    if path.stat().st_size < LEAST_BYTES or not sys.stderr.isatty():
        with path.open("rb") as file:
            yield file
        return
    from rich import console, progress  # takes a tenth of a second

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.DownloadColumn(),
        progress.TransferSpeedColumn(),
        progress.TimeRemainingColumn(),
    )
    shown = progress.Progress(*columns, console=console.Console(stderr=True), transient=True)
    with shown, shown.open(path, "rb", description=path.name) as file:
        yield file
