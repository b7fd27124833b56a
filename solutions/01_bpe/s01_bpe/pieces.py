"""A text file read in pieces, and work on them shared out among processes."""

import codecs
import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from groundup.progress import open_with_progress

PIECE_BYTES = 1 << 20
PIECES_AT_ONCE = 16  # A process learns the words of so many together, and then anew.
WORKER_BYTES = 128_000_000  # for which one more process pays


def read_text(path: Path) -> Iterator[str]:
    decoder, position, data = codecs.getincrementaldecoder("utf-8")(), 0, b"\n"
    with open_with_progress(path) as file:
        while data:
            data = file.read(PIECE_BYTES)
            position += len(data)
            try:
                yield decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                byte, place = error.object[error.start], position - len(error.object) + error.start
                found = f"{path} is not UTF-8: byte 0x{byte:02x} at offset {place}"
                raise ValueError(f"{found}; convert the file to UTF-8 first") from None


def worker_count(path: Path, requested: int | None) -> int:
    if requested is None:
        return max(1, min(os.cpu_count() or 1, path.stat().st_size // WORKER_BYTES))
    if requested < 1:
        raise ValueError(f"num_workers ({requested}) must be at least 1")
    return requested


def in_processes(
    task: Callable[[str], Any], pieces: Iterator[str], num_workers: int
) -> Iterator[Any]:
    """`task` of each piece, in order; one worker means this process."""
    if num_workers == 1:
        yield from map(task, pieces)
        return
    ignore_interrupts = signal.signal, (signal.SIGINT, signal.SIG_IGN)  # This process gets them.
    with ProcessPoolExecutor(num_workers, get_context("spawn"), *ignore_interrupts) as pool:
        while some := list(islice(pieces, PIECES_AT_ONCE * num_workers)):
            yield from pool.map(task, some, chunksize=PIECES_AT_ONCE)
