"""A text file read in pieces, and work on them shared out among processes."""

import codecs
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from groundup.progress import open_with_progress

from .pretokens import Pretokenizer

PIECE_BYTES = 1 << 19
WORKER_BYTES = 128_000_000  # for which one more process pays
bytes(1 << 24)  # Once this is freed, glibc keeps as much for the next pieces instead of giving it
# back to the system, where each page that is fetched anew takes time.
_task: Callable[[str], Any]  # of this process, if it is a worker


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


def in_processes(
    task: Callable[[str], Any], path: Path, pretokenizer: Pretokenizer, num_workers: int | None
) -> Iterator[Any]:
    """`task` of each piece of a text file, in order; one worker means this process."""
    if num_workers is None:
        num_workers = max(1, min(os.cpu_count() or 1, path.stat().st_size // WORKER_BYTES))
    if num_workers < 1:
        raise ValueError(f"num_workers ({num_workers}) must be at least 1")
    pieces = pretokenizer.whole_stretches(read_text(path))
    if num_workers == 1:
        yield from map(task, pieces)
        return
    with ProcessPoolExecutor(num_workers, get_context("spawn"), _begin, (task,)) as pool:
        running = deque[Future[Any]]()
        for piece in pieces:
            running.append(pool.submit(_run, piece))
            if len(running) > 4 * num_workers:
                yield running.popleft().result()
        yield from (each.result() for each in running)


def _begin(task: Callable[[str], Any]) -> None:
    global _task
    _task = task
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent gets them, and ends the work.


def _run(piece: str) -> Any:
    return _task(piece)
