"""A text file read in pieces, and work on them shared out among processes."""

import codecs
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any, BinaryIO

PIECE_BYTES = 1 << 20
WORKER_BYTES = 64_000_000  # for which one more process pays
SHOWN_BYTES = 10_000_000  # from which on there is a progress bar

AnyPath = str | os.PathLike[str]


def read_text(path: AnyPath) -> Iterator[str]:
    decoder, position = codecs.getincrementaldecoder("utf-8")(), 0
    with _opened(path) as file:
        while data := file.read(PIECE_BYTES):
            position += len(data)
            try:
                yield decoder.decode(data, final=position == os.fstat(file.fileno()).st_size)
            except UnicodeDecodeError as error:
                bad, place = error.object[error.start], position - len(error.object) + error.start
                found = f"{path} is not UTF-8: byte 0x{bad:02x} at offset {place}"
                raise ValueError(f"{found}; convert the file to UTF-8 first") from None


@contextmanager
def _opened(path: AnyPath) -> Iterator[BinaryIO]:
    """With a progress bar, if it takes a while and somebody watches."""
    if Path(path).stat().st_size < SHOWN_BYTES or not sys.stderr.isatty():
        with Path(path).open("rb") as file:
            yield file
        return
    from rich import console, progress  # takes a tenth of a second

    speed = progress.TransferSpeedColumn(), progress.TimeRemainingColumn()
    columns = progress.BarColumn(), progress.DownloadColumn(), *speed
    with progress.Progress(*columns, console=console.Console(stderr=True)) as bar:
        with bar.open(path, "rb") as file:
            yield file


def worker_count(path: AnyPath, requested: int | None) -> int:
    if requested is None:
        return max(1, min(os.cpu_count() or 1, Path(path).stat().st_size // WORKER_BYTES))
    if requested < 1:
        raise ValueError(f"num_workers ({requested}) must be at least 1")
    return requested


def in_processes(
    task: Callable[[str], Any], pieces: Iterable[str], num_workers: int
) -> Iterator[Any]:
    """`task` of each piece, in order. Each process gets `task` once, and keeps what it learns; one
    worker means this process."""
    if num_workers == 1:
        yield from map(task, pieces)
        return
    with ProcessPoolExecutor(num_workers, get_context("spawn"), _keep, (task,)) as pool:
        running = deque[Any]()
        for piece in pieces:
            running.append(pool.submit(_run, piece))
            if len(running) > 2 * num_workers:
                yield running.popleft().result()
        yield from (future.result() for future in running)


_task: Callable[[str], Any]


def _keep(task: Callable[[str], Any]) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The first process ends the others.


def _run(piece: str) -> Any:
    return _task(piece)
