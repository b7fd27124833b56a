"""Running the course as its users do: commands in subprocesses, in this tree or in a copy."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pytest

from groundup import reference
from groundup.stages import ROOT

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "data", "runs", "wandb", "__pycache__", ".*_cache", ".groundup", ".hypothesis"
)

Run = Callable[..., subprocess.CompletedProcess[str]]


NOT_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "COLUMNS", "CI", reference.VARIABLE)
READ_AT_THE_START = ("PYTHONPATH", "OMP_NUM_THREADS")
CAN_FORK = sys.platform == "linux"  # macOS can, but its system libraries do not survive it


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`run("pytest", "tests/stage_02", cwd=…)`: a module of this environment, output captured,
    in the tree `cwd`, with nothing of this run's choice of reference left in the environment."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_INHERITED and not name.startswith("PYTEST_")
    }
    inherited["PYTHONUTF8"] = "1"
    warm = Warm(inherited, tmp_path_factory.mktemp("output"))

    def run_module(*words: str, cwd: Path = ROOT, **environment: str):
        if CAN_FORK and not environment.keys() & set(READ_AT_THE_START):
            return warm.run(words, cwd, inherited | environment)
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=cwd,
            env=inherited | environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    yield run_module
    warm.close()


class Warm:
    """Runs modules in forks of one process that has loaded torch, see `warm.py`."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._files = (folder / "out", folder / "err")

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(
        self, words: Sequence[str], cwd: Path, environment: dict[str, str]
    ) -> subprocess.CompletedProcess[str]:
        for path in self._files:
            path.write_text("")
        out, err = map(str, self._files)
        request = (words, str(cwd), environment, out, err)
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        code = int(self._process.stdout.readline())
        printed = (path.read_text(encoding="utf-8") for path in self._files)
        return subprocess.CompletedProcess(words, code, *printed)

    def close(self) -> None:
        if "_process" in vars(self):
            self._process.communicate()


@pytest.fixture(scope="session")
def copy_course() -> Callable[[Path], Path]:
    """`copy_course(folder)`: a copy of the course in `folder`, without what using it makes."""

    def copy(folder: Path) -> Path:
        return Path(shutil.copytree(ROOT, folder / "course", ignore=LEFT_OUT))

    return copy


@pytest.fixture
def course(tmp_path: Path, copy_course: Callable[[Path], Path]) -> Path:
    """A copy of the course that one test may change."""
    return copy_course(tmp_path)
