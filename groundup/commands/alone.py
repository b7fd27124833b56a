"""One command at a time writes into a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from groundup.commands.common import Refusal, shown, speaks


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Nobody else is in `folder` meanwhile; raises Refusal if somebody is.

    The system gives the lock back when a process ends, however it ends. Where a file system has
    no locks, everybody is let in. Of the processes of torchrun one asks for all.
    """
    if not speaks():
        yield
        return
    path = folder.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(path.with_name(f".{path.name}.lock"), blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise Refusal(
            f"another command is at work in {shown(folder)}; wait until it has ended, stop it, or "
            f"use another folder"
        ) from None
    except NotImplementedError:
        pass  # the file system has no locks
    try:
        yield
    finally:
        lock.release()
