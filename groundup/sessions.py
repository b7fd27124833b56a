"""Many pytest sessions in processes of their own, as many at a time as there are cores.

Where the system can fork, a session starts from this process, which has loaded torch already:
that takes a tenth of the time.
"""

import gc
import importlib
import json
import multiprocessing
import multiprocessing.connection
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import BaseContext
from pathlib import Path
from typing import Any

import numpy

from groundup.commands import pytest_events
from groundup.stages import ROOT

SECONDS = 120
"""After which a test that does not end is stopped."""

EVENTS = ("-q", "-p", pytest_events.__name__, "--continue-on-collection-errors")
PRELOADED = (
    *("torch", "einx", "regex", "tiktoken", "jaxtyping", "beartype", "hypothesis", "matplotlib"),
    *("xdist.plugin", "pytest_timeout", "jaxtyping._pytest_plugin", "groundup.pytest_plugin"),
)


@dataclass(frozen=True)
class Job:
    name: str
    arguments: Sequence[str]
    """Of pytest."""
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    job: Job
    code: int
    output: str
    events: list[dict[str, Any]]
    """As `groundup.commands.pytest_events` writes them."""


def run(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Session]:
    """The sessions of `jobs`, in the order in which they end."""
    can_fork = sys.platform == "linux"  # macOS can, but its system libraries do not survive it
    context = multiprocessing.get_context("fork" if can_fork else "spawn")
    if can_fork:
        _preload()
    waiting = list(enumerate(jobs))[::-1]
    running: dict[Any, tuple[Any, Job, Path]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        while waiting or running:
            while waiting and len(running) < (workers or os.cpu_count() or 1):
                number, job = waiting.pop()
                folder = Path(temporary) / str(number)
                process = _started(context, job, folder)
                running[process.sentinel] = process, job, folder
            for ended in multiprocessing.connection.wait(list(running)):
                process, job, folder = running.pop(ended)
                process.join()
                yield _session(job, process.exitcode, folder)


def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("einx").id("a b -> b a", numpy.zeros((2, 3)))  # loads its solver
    gc.freeze()  # pytest collects garbage as it ends, and need not look at all of torch for it


def alone(job: Job) -> Session:
    """The session of one job, started as a learner starts it."""
    # The user's own additions could deselect tests, and a stage would look done.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events"
        process = subprocess.run(
            [sys.executable, "-m", "pytest", *job.arguments, *EVENTS],
            cwd=ROOT,
            env={**inherited, **job.environment, pytest_events.VARIABLE: str(file)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return Session(job, process.returncode, process.stdout, _events(file))


def _started(context: BaseContext, job: Job, folder: Path) -> Any:
    folder.mkdir()
    process = context.Process(target=_run, args=(job, folder))  # type: ignore[attr-defined]
    process.start()
    return process


def _run(job: Job, folder: Path) -> None:
    """In the new process: pytest, with what it prints in a file."""
    import pytest

    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.update(job.environment, **{pytest_events.VARIABLE: str(folder / "events")})
    options = ["-p", "no:cacheprovider", f"--timeout={SECONDS}"]
    code = pytest.main([*job.arguments, *EVENTS, *options])
    sys.stdout.flush()
    os._exit(int(code))


def _session(job: Job, code: int | None, folder: Path) -> Session:
    output = (folder / "output").read_text(encoding="utf-8", errors="replace")
    return Session(job, -1 if code is None else code, output, _events(folder / "events"))


def _events(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [json.loads(line) for line in text.splitlines()]
