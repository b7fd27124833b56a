"""Running the course as its users do: commands in subprocesses, in this tree or in a copy."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from groundup import reference
from groundup.stages import ROOT

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "data", "runs", "wandb", "__pycache__", ".*_cache", ".groundup", ".hypothesis"
)

Run = Callable[..., subprocess.CompletedProcess[str]]


NOT_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "COLUMNS", "CI", reference.VARIABLE)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run("pytest", "tests/stage_02", cwd=…)`: a module of this environment, output captured,
    in the tree `cwd`, with nothing of this run's choice of reference left in the environment."""
    compiled = str(tmp_path_factory.mktemp("compiled"))

    def run_module(*words: str, cwd: Path = ROOT, **environment: str):
        clean = {
            name: value
            for name, value in os.environ.items()
            if name not in NOT_INHERITED and not name.startswith("PYTEST_")
        }
        return subprocess.run(
            [sys.executable, "-m", *words],
            cwd=cwd,
            env=clean | {"PYTHONUTF8": "1", "PYTHONPYCACHEPREFIX": compiled} | environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )

    return run_module


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
