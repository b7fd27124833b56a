"""Many pytest sessions in processes of their own, as many at a time as there are cores.

Where the system can fork, a session starts from a process that has loaded torch already, and has
run the same tests before: that takes a tenth of the time.
"""

import contextlib
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
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import jaxtyping
import numpy

from groundup.commands import pytest_events
from groundup.stages import ROOT, STAGES, Stage

CAN_FORK = sys.platform == "linux"  # macOS can, but its system libraries do not survive it

SECONDS = 120
"""After which a test that does not end is stopped."""

EVENTS = ("-q", "-p", pytest_events.__name__, "--continue-on-collection-errors")
UNTYPED = ("-o", "addopts=", "-p", "groundup.pytest_plugin", "--import-mode=importlib")
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
    warm_up: tuple[Stage, ...] = ()
    """The stages whose probes are run once before, in the process that such jobs start from.

    einx solves each combination of shapes anew in every process, which takes longer than most
    tests.
    """


@dataclass(frozen=True)
class Session:
    job: Job
    code: int
    output: str
    events: list[dict[str, Any]]
    """As `groundup.commands.pytest_events` writes them."""

    @property
    def ended(self) -> bool:
        """Whether pytest came to its end, whatever the tests said."""
        return bool(self.events) and self.events[-1]["event"] == "end"


def run(jobs: Sequence[Job], workers: int | None = None) -> Iterator[Session]:
    """The sessions of `jobs`, in the order in which they end, those with one warm-up together."""
    context = _context()
    slots = context.Semaphore(workers or os.cpu_count() or 1)
    if not CAN_FORK:
        yield from _run_each(jobs, slots)
        return
    _preload()
    groups: dict[tuple[Stage, ...], list[Job]] = {}
    for job in jobs:
        groups.setdefault(job.warm_up, []).append(job)
    waiting = list(groups.items())[::-1]
    running: dict[Any, tuple[Any, tuple[Stage, ...], int]] = {}
    with tempfile.TemporaryDirectory() as compiled, _ended(running):
        while waiting or running:
            # The next group warms up while one runs, and takes the slots that become free.
            while waiting and len(running) < 2:
                stages, group = waiting.pop()
                receiver, sender = multiprocessing.Pipe(duplex=False)
                arguments = (stages, group, slots, sender, compiled)
                process = context.Process(target=_serve, args=arguments)
                process.start()
                sender.close()
                running[receiver] = process, stages, len(group)
            for ready in multiprocessing.connection.wait(list(running)):
                process, stages, left = running[ready]
                session = _received(ready, stages)
                if left > 1:
                    running[ready] = process, stages, left - 1
                else:
                    del running[ready]
                    process.join()
                yield session


@contextlib.contextmanager
def _ended(running: Mapping[Any, tuple[Any, tuple[Stage, ...], int]]) -> Iterator[None]:
    """End what still runs afterwards: whoever wants no more sessions would wait for it at exit."""
    try:
        yield
    finally:
        for process, *_ in running.values():
            process.terminate()
            process.join()


def _received(receiver: Any, stages: Sequence[Stage]) -> Session:
    try:
        return receiver.recv()
    except EOFError:
        names = ", ".join(stage.folder for stage in stages) or "the reference"
        raise RuntimeError(f"the process from which the sessions of {names} start died") from None


def _serve(
    stages: tuple[Stage, ...], jobs: Sequence[Job], slots: Any, sender: Connection, compiled: str
) -> None:
    """In a process of its own: warm up, then run `jobs` and send back what comes of them.

    What Python compiles is kept in `compiled`, also where it is told to write none.
    """
    sys.pycache_prefix, sys.dont_write_bytecode = compiled, False
    if stages:
        _warm_up(stages)
        _import_before(stages[0])
    gc.collect()
    gc.freeze()  # pytest collects garbage as it ends, and need not look at all of torch for it
    for session in _run_each(jobs, slots):
        sender.send(session)


def _run_each(jobs: Sequence[Job], slots: Any) -> Iterator[Session]:
    """Each in a process of its own, as many at a time as there are free `slots`, a semaphore."""
    waiting = list(enumerate(jobs))[::-1]
    running: dict[Any, tuple[Any, Job, Path]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        while waiting or running:
            while waiting and slots.acquire(block=not running):
                number, job = waiting.pop()
                folder = Path(temporary) / str(number)
                process = _started(job, folder)
                running[process.sentinel] = process, job, folder
            for ended in multiprocessing.connection.wait(list(running)):
                process, job, folder = running.pop(ended)
                process.join()
                slots.release()
                yield _session(job, process.exitcode, folder)


def _preload() -> None:
    for name in PRELOADED:
        importlib.import_module(name)
    importlib.import_module("einx").id("a b -> b a", numpy.zeros((2, 3)))  # loads its solver


def _warm_up(stages: Sequence[Stage]) -> None:
    """Run the probes of `stages` here, and forget the stages and the tests that it has imported.

    Without the project's options, that is, without checks of types: beartype would remember the
    classes of the stages.
    """
    finders, path, environment = list(sys.meta_path), list(sys.path), dict(os.environ)
    tests = [str(stage.tests) for stage in stages]
    with tempfile.TemporaryDirectory() as folder:
        _pytest(Job("warm up", [*tests, "--reference=all", "--probes", *UNTYPED]), Path(folder))
    sys.meta_path[:], sys.path[:] = finders, path
    os.environ.clear()
    os.environ.update(environment)
    packages = {"tests", *(stage.package for stage in STAGES)}
    for name in [name for name in sys.modules if name.partition(".")[0] in packages]:
        del sys.modules[name]


def _import_before(stage: Stage) -> None:
    """Import the reference of the stages before `stage`, which its sessions leave as it is."""
    earlier = STAGES[1 : stage.number - 1]
    sys.path[:0] = [str(each.solution) for each in earlier]
    with jaxtyping.install_import_hook([each.package for each in earlier], "beartype.beartype"):
        for each in earlier:
            importlib.import_module(each.package)
    del sys.path[: len(earlier)]


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


def _context() -> Any:
    return multiprocessing.get_context("fork" if CAN_FORK else "spawn")


def _started(job: Job, folder: Path) -> Any:
    folder.mkdir()
    process = _context().Process(target=_run, args=(job, folder))
    process.start()
    return process


def _run(job: Job, folder: Path) -> None:
    code = _pytest(job, folder)
    sys.stdout.flush()
    os._exit(code)


def _pytest(job: Job, folder: Path) -> int:
    """Run pytest in this process, with what it prints and its events in files of `folder`."""
    import pytest

    output = os.open(folder / "output", os.O_WRONLY | os.O_CREAT)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.update(job.environment, **{pytest_events.VARIABLE: str(folder / "events")})
    options = ["-p", "no:cacheprovider", f"--timeout={SECONDS}"]
    if job.warm_up:
        checked = [each.package for each in STAGES[max(1, job.warm_up[0].number - 1) :]]
        options += [*UNTYPED, f"--jaxtyping-packages={','.join(checked)},beartype.beartype"]
    return int(pytest.main([*job.arguments, *EVENTS, *options]))


def _session(job: Job, code: int | None, folder: Path) -> Session:
    output = (folder / "output").read_text(encoding="utf-8", errors="replace")
    return Session(job, -1 if code is None else code, output, _events(folder / "events"))


def _events(file: Path) -> list[dict[str, Any]]:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [json.loads(line) for line in text.splitlines()]
