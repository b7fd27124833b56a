"""A file in pieces, shared out among processes."""

import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar

from .cutting import SafeCuts

PIECE_BYTES = 1 << 20
PIECES_PER_WORKER = 8

Piece = tuple[int, int]
Item = TypeVar("Item")
Result = TypeVar("Result")


def file_pieces(path: str | os.PathLike[str], cuts: SafeCuts) -> list[Piece]:
    """The file as byte ranges [start, stop) of about a megabyte, cut where it is safe."""
    length = Path(path).stat().st_size
    if length == 0:
        return []
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        bounds = [0]
        while bounds[-1] < length:
            bounds.append(cuts.next(data, min(length, bounds[-1] + PIECE_BYTES)))
    return list(pairwise(bounds))


def read_piece(path: str | os.PathLike[str], piece: Piece) -> str:
    start, stop = piece
    with Path(path).open("rb") as file:
        file.seek(start)
        data = file.read(stop - start)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not UTF-8: byte 0x{data[error.start]:02x} at offset {start + error.start}; "
            "convert the file to UTF-8 first"
        ) from None


def worker_count(requested: int | None, num_pieces: int) -> int:
    """`requested`, or by default one process for a small file and up to one for each core."""
    if requested is None:
        return max(1, min(os.cpu_count() or 1, num_pieces // PIECES_PER_WORKER))
    if requested < 1:
        raise ValueError(f"num_workers ({requested}) must be at least 1")
    return max(1, min(requested, num_pieces))


def in_processes(
    task: Callable[[Item], Result], items: Sequence[Item], num_workers: int
) -> Iterator[Result]:
    """`task` of each item, in order. Processes are spawned, as all systems can, and sent `task`
    once each; one worker means this process."""
    if num_workers == 1:
        yield from map(task, items)
        return
    with ProcessPoolExecutor(num_workers, get_context("spawn"), _keep, (task,)) as pool:
        yield from pool.map(_run, items)


_task: Callable[[Any], Any]


def _keep(task: Callable[[Any], Any]) -> None:
    global _task
    _task = task


def _run(item: Any) -> Any:
    return _task(item)
