"""What graded tests are written with: inputs that are the same everywhere, and `check`."""

import contextlib
import importlib
import multiprocessing
import multiprocessing.connection
import os
import socket
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from groundup import observations, snapshots
from groundup.failures import PACKAGES, Mismatch, explain
from groundup.stages import STAGES, Stage

# Imported here because under jaxtyping's import hook it compiles anew; and without telling
# torch.compile of its operations, which no test compiles: that loads the compiler, two seconds.
with mock.patch.object(torch.compiler, "allow_in_graph"):
    importlib.import_module("einx")

__all__ = [
    "Draw",
    "Mismatch",
    "StartsEmpty",
    "as_torchrun",
    "assert_close",
    "check",
    "keys",
    "load_weights",
    "outcome",
]


class Draw:
    """Random inputs of a graded test.

    They come from NumPy's frozen Mersenne Twister (NEP 19), so that they are the same with every
    version of every package on every machine.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._random = np.random.RandomState(zlib.crc32(name.encode()))

    def normal(self, *shape: int, scale: float = 1.0) -> Tensor:
        """Float32, mean 0, standard deviation `scale`."""
        return torch.from_numpy(self._random.standard_normal(shape) * scale).float()

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Int64 from [low, high)."""
        return torch.from_numpy(self._random.randint(low, high, shape, dtype=np.int64))

    def distinct(self, high: int, *shape: int) -> Tensor:
        """Int64 from [0, high), no value twice along the last axis."""
        rows = int(np.prod(shape[:-1], dtype=int))
        drawn = [self._random.permutation(high)[: shape[-1]] for _ in range(rows)]
        return torch.from_numpy(np.stack(drawn).astype(np.int64)).reshape(shape)

    def weights(self, module: nn.Module) -> None:
        """Give every parameter a value that depends on its name only: matrices of standard
        deviation 1/√fan_in, vectors (gains) around 1 but not 1."""
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                own = Draw(f"{self._name} {name}")
                if parameter.ndim < 2:
                    value = 1 + own.normal(*parameter.shape, scale=0.3)
                else:
                    value = own.normal(*parameter.shape, scale=parameter.shape[-1] ** -0.5)
                parameter.copy_(value)


class StartsEmpty:
    """A cache that knows how long it is, and so counts as False while it is empty."""

    def __init__(self) -> None:
        self.positions: list[Tensor] = []

    def __len__(self) -> int:
        return len(self.positions)

    def update(self, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.positions.append(positions)
        return k, v, torch.ones(k.shape[-2], k.shape[-2]).bool().tril()


def load_weights(module: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load `weights` by the names the contract states, or say which names were found instead."""
    found = {name: tuple(value.shape) for name, value in module.state_dict().items()}
    wanted = {name: tuple(value.shape) for name, value in weights.items()}
    if found != wanted:
        raise Mismatch(
            f"The state dict of {type(module).__name__} has other names or shapes than the "
            f"contract.\nexpected: {_listing(wanted)}\nfound:    {_listing(found)}"
        )
    module.load_state_dict(dict(weights))


def _listing(shapes: Mapping[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items())) or "nothing"


def assert_close(
    actual: Any, expected: Any, why: str, *, rtol: float = 0.0, atol: float = 0.0
) -> None:
    """Compare with an independent oracle; `why` says in one sentence what the oracle is."""
    difference = observations.difference(
        observations.record(actual), observations.record(expected), rtol=rtol, atol=atol
    )
    if difference:
        raise Mismatch(f"{why}\n{difference}")


def outcome(function: Callable[[], Any]) -> Any:
    """What `function` returns, or which exception it raises, as a part of an observation."""
    try:
        return function()
    except Exception as error:
        if isinstance(error, NotImplementedError | NameError):
            raise  # not written yet, or a slip of the pen: better told with its line
        raised = observations.Raised(f"raises {_name_of(error)}")
        raised.told = explain(error)
        return raised


def keys(found: Iterable[str], wanted: Iterable[str]) -> dict[str, str]:
    """Parts of an observation: the keys that `found` lacks, and those that nobody asked for.

    Put first, since a missing value that stands as -1 beside others would look like a wrong one.
    """
    there, asked = set(found), set(wanted)
    parts = {"missing keys": asked - there, "unknown keys": there - asked}
    return {name: " ".join(sorted(each)) or "none" for name, each in parts.items()}


def _name_of(error: Exception) -> str:
    """Of a class that the code under test made for itself, what it made it of."""

    def is_its_own(kind: type) -> bool:
        package = kind.__module__.partition(".")[0]
        return package in PACKAGES and kind.__name__ not in sys.modules[package].__all__

    return next(each.__name__ for each in type(error).__mro__ if not is_its_own(each))


PATIENCE = 10
"""Seconds that processes have to end after one of them has failed."""


def as_torchrun(function: Callable[[Any], Any], arguments: Sequence[Any]) -> list[Any]:
    """The outcome of `function` in processes started as torchrun starts them, one for each of
    `arguments`. Both are pickled where a process cannot be a fork."""
    # A process that has used autograd cannot be forked on a machine with a GPU.
    forks = sys.platform == "linux" and not torch.cuda.is_available()
    context: Any = multiprocessing.get_context("fork" if forks else "spawn")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": len(arguments), "MASTER_ADDR": "localhost", "MASTER_PORT": port}
    results: dict[int, Any] = {}
    processes: dict[Any, Any] = {}
    for rank, argument in enumerate(arguments):
        receiver, sender = context.Pipe(duplex=False)
        environment = {"RANK": rank, "LOCAL_RANK": rank, **common}
        process = context.Process(target=_rank, args=(function, argument, environment, sender))
        process.start()
        sender.close()
        results[rank], processes[receiver] = "does not end", (rank, process)
    failed, waiting = False, dict(processes)
    try:
        while waiting:
            ready: Any = multiprocessing.connection.wait(waiting, PATIENCE if failed else None)
            if not ready:
                break
            for ended in ready:
                rank, _ = waiting.pop(ended)
                with contextlib.suppress(EOFError):
                    results[rank] = ended.recv()
                failed = failed or isinstance(results[rank], str)
    finally:  # a test that takes too long is ended by an exception
        for _, process in processes.values():
            process.kill()
            process.join()
    return list(results.values())


def _rank(function: Any, argument: Any, environment: Mapping[str, Any], sender: Any) -> None:
    os.environ.update({name: str(value) for name, value in environment.items()})
    torch.set_num_threads(1)
    torch.manual_seed(0)
    sender.send(outcome(lambda: function(argument)))


COMPARED = pytest.StashKey[snapshots.Snapshot]()
"""What `check` compared with, for whoever asks afterwards which mistakes it would have seen."""

_current: pytest.Item | None = None


@contextlib.contextmanager
def snapshot_of(item: pytest.Item) -> Iterator[None]:
    """While a test runs, its snapshot is the one that `check` compares with."""
    global _current
    _current = item
    try:
        yield
    finally:
        _current = None


def check(observation: Any, *, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Compare what a graded test observed with its snapshot in `fixtures/`; once in a test.

    An observation is a tensor, an array, a number, a string, a list of one of those, or a
    mapping from names to them. Integers and strings are compared exactly. What a mistake of the
    catalogue would have given is in the snapshot as well, and so the mistake gets its name.
    """
    if _current is None:
        raise RuntimeError("check() is for graded tests: it was called outside of one")
    path = snapshot_path(_current)
    parts = observation if isinstance(observation, Mapping) else {"result": observation}
    records = {name: observations.record(value) for name, value in parts.items()}
    if _current.config.getoption("--record-snapshots"):
        snapshots.write(path, snapshots.Snapshot(records, rtol, atol, {}))
        return
    snapshot = _current.stash[COMPARED] = snapshots.read(path, mistakes=False)
    for name, expected in snapshot.expected.items():
        if name not in records:
            text = f"the observation has no {name}; it has {', '.join(records)}"
            raise Mismatch(text, parts=records)
        difference = observations.difference(records[name], expected, rtol=rtol, atol=atol)
        if difference:
            text = f"{name}: {difference}" if parts is observation else difference
            raise Mismatch(text, parts=records)


def stage_of(item: pytest.Item) -> Stage:
    """The stage that a graded test belongs to."""
    return next(stage for stage in STAGES if item.path.is_relative_to(stage.tests))


def snapshot_path(item: pytest.Item) -> Path:
    stage = stage_of(item)
    return snapshots.folder(stage) / f"{item.path.stem}.{item.name}.npz"
