"""Running the course as its users do: commands in subprocesses, in this tree or in a copy."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from types import ModuleType

import pytest

from groundup import reference
from groundup.stages import ROOT, STAGES

LEFT_OUT = shutil.ignore_patterns(
    ".git", ".venv*", "data", "runs", "wandb", "__pycache__", ".*_cache", ".groundup", ".hypothesis"
)

Run = Callable[..., subprocess.CompletedProcess[str]]
Command = tuple[Sequence[str], Path, dict[str, str]]
"""What `python -m` is given, in which folder, with which environment."""


NOT_INHERITED = ("PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "COLUMNS", "CI", reference.VARIABLE)
READ_AT_THE_START = ("PYTHONPATH", "OMP_NUM_THREADS")
CAN_FORK = sys.platform == "linux"  # macOS can, but its system libraries do not survive it


@pytest.fixture
def load() -> Callable[[int, str], ModuleType]:
    """`load(2, "by_hand")`: a file of the reference that imports no stage, or only what this run
    imports anyway."""

    def load_file(stage: int, name: str) -> ModuleType:
        file = STAGES[stage - 1].solution / STAGES[stage - 1].package / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"reference_{name}", file)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        # dataclasses look their module up.
        sys.modules[spec.name] = module
        spec.loader.exec_module(module)
        return module

    return load_file


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`run("pytest", "tests/stage_02", cwd=…)`: a module of this environment, output captured,
    in the tree `cwd`, with nothing of this run's choice of reference left in the environment.
    `run.at_once` takes several commands, which run at the same time."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in NOT_INHERITED and not name.startswith("PYTEST_")
    }
    inherited["PYTHONUTF8"] = "1"
    warm = Warm(inherited, tmp_path_factory.mktemp("output"))

    def run_module(*words: str, cwd: Path = ROOT, **environment: str):
        if CAN_FORK and not environment.keys() & set(READ_AT_THE_START):
            return warm.run([(words, cwd, inherited | environment)])[0]
        return cold(words, cwd, inherited | environment)

    def at_once(commands: Sequence[Command]) -> list[subprocess.CompletedProcess[str]]:
        full = [(words, cwd, inherited | environment) for words, cwd, environment in commands]
        if CAN_FORK:
            return warm.run(full)
        with ThreadPoolExecutor(len(full)) as pool:
            return list(pool.map(lambda command: cold(*command), full))

    run_module.at_once = at_once
    yield run_module
    warm.close()


def cold(
    words: Sequence[str], cwd: Path, environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=cwd,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


class Warm:
    """Runs modules in forks of one process that has loaded torch, see `warm.py`."""

    def __init__(self, environment: dict[str, str], folder: Path) -> None:
        self._environment = environment
        self._folder = folder

    @cached_property
    def _process(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, commands: Sequence[Command]) -> list[subprocess.CompletedProcess[str]]:
        """They run at the same time."""
        requests, files = [], []
        for number, (words, cwd, environment) in enumerate(commands):
            files.append([self._folder / f"{name}{number}" for name in ("out", "err")])
            for path in files[-1]:
                path.write_text("")
            requests.append((words, str(cwd), environment, *map(str, files[-1])))
        self._process.stdin.write(json.dumps(requests) + "\n")
        self._process.stdin.flush()
        codes = json.loads(self._process.stdout.readline())
        return [
            subprocess.CompletedProcess(
                words, code, *(path.read_text(encoding="utf-8") for path in printed)
            )
            for (words, *_), code, printed in zip(commands, codes, files, strict=True)
        ]

    def close(self) -> None:
        if "_process" in vars(self):
            self._process.communicate()


@pytest.fixture(scope="module")
def bpe() -> Iterator[ModuleType]:
    """Stage 01's reference under a name of its own, whatever `s01_bpe` means in this run."""
    name, package = "reference_of_stage_01", STAGES[0].solution / STAGES[0].package
    spec = importlib.util.spec_from_file_location(
        name, package / "__init__.py", submodule_search_locations=[str(package)]
    )
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    for each in [each for each in sys.modules if each.split(".")[0] == name]:
        del sys.modules[each]


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
