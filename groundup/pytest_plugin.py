"""What `pytest` learns from the course: whose code runs, and failures told in a few lines."""

import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch

from groundup import catalogue, reference, sessions, snapshots, testing
from groundup.failures import explain, is_crash
from groundup.listener import KNOWN, LISTENER, SHORT, Listener
from groundup.naming import probe_of
from groundup.stages import STAGES, Stage
from groundup.uses import contracts_used

_INSTEAD = pytest.StashKey[Path]()
_FRESH = pytest.StashKey[Path]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("groundup")
    group.addoption(
        "--reference",
        metavar="STAGES",
        help="take these stages from solutions: numbers as in 1,2, or all "
        f"(default: ${reference.VARIABLE}, else none)",
    )
    group.addoption(
        "--seed",
        type=int,
        help="draw other inputs, and compare with the reference, which must be present",
    )
    group.addoption(
        "--strict-from-scratch",
        action="store_true",
        help="fail if a stage uses what its learner is to write",
    )
    group.addoption(
        "--record-snapshots",
        action="store_true",
        help="write what check() observes to fixtures instead of comparing (contributors)",
    )
    group.addoption(
        "--mistake",
        metavar="ID[,ID]",
        help="make these mistakes of the catalogue in the reference (contributors)",
    )
    group.addoption(
        "--alternative",
        metavar="STAGE/NAME",
        help="lay this folder of tests/alternatives over the reference (contributors)",
    )
    group.addoption(
        "--probes",
        action="store_true",
        help="run only the tests that can name a mistake: those that call check() (contributors)",
    )


def pytest_configure(config: pytest.Config) -> None:
    choice = config.getoption("--reference")
    if choice is None:
        choice = os.environ.get(reference.VARIABLE, "")
    try:
        chosen = reference.parse(choice)
        reference.activate(chosen, _instead(config))
    except (reference.UnknownChoice, catalogue.UnknownMistake) as error:
        raise pytest.UsageError(str(error)) from None
    config.stash[LISTENER] = Listener(config, chosen)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(config.stash[LISTENER])
    if config.getoption("--seed") is not None and not hasattr(config, "workerinput"):
        _take_the_reference_as_oracle(config)
    # The tensors of a test are small: threads would gain nothing, and on a busy machine would
    # mostly wait for each other. With one, sums have the same order everywhere, too.
    torch.set_num_threads(1)


def _instead(config: pytest.Config) -> dict[Stage, Path]:
    """The stage that --mistake or --alternative asks to be changed, written to a new folder."""
    mistakes, alternative = config.getoption("--mistake"), config.getoption("--alternative")
    if mistakes:
        slips = [catalogue.find(name) for name in mistakes.split(",")]
        stage, files = slips[0].stage, catalogue.edited(slips)
    elif alternative:
        stage, files = catalogue.find_alternative(alternative)
    else:
        return {}
    config.stash[_INSTEAD] = Path(tempfile.mkdtemp(prefix="groundup-"))
    return {stage: catalogue.lay_out(stage, files, config.stash[_INSTEAD])}


def _take_the_reference_as_oracle(config: pytest.Config) -> None:
    """Record the snapshots of this run's tests anew, for the inputs of --seed."""
    if config.getoption("--record-snapshots"):
        return
    config.stash[_FRESH] = Path(tempfile.mkdtemp(prefix="groundup-"))
    os.environ[snapshots.FOLDER_VARIABLE] = str(config.stash[_FRESH])
    options = ["--reference=all", "--record-snapshots", f"--seed={config.getoption('--seed')}"]
    words = [*(config.args or config.getini("testpaths")), *options]
    session = sessions.alone(sessions.Job("seed", words))
    if session.code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
        last = next((line for line in session.output.splitlines() if "reference:" in line), "")
        raise pytest.UsageError(f"--seed needs the reference as oracle, and it did not run. {last}")


def pytest_unconfigure(config: pytest.Config) -> None:
    for key in (_INSTEAD, _FRESH):
        if key in config.stash:
            shutil.rmtree(config.stash[key], ignore_errors=True)


def pytest_report_header(config: pytest.Config) -> str:
    return reference.header(_stages_in(config.args))


def _stages_in(arguments: list[str]) -> tuple[Stage, ...]:
    """Every stage up to the last one whose tests the command line names; all if it names none."""
    last = max(
        (stage.number for stage in STAGES for text in arguments if stage.tests.name in text),
        default=len(STAGES),
    )
    return STAGES[:last]


def pytest_collection_finish() -> None:
    gc.freeze()  # what is loaded now stays: no collection of garbage has to look at all of torch


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Recording runs only what is recorded: the tests that call `check`."""
    if config.getoption("--record-snapshots") or config.getoption("--probes"):
        items[:] = [item for item in items if _calls_check(item)]


def _calls_check(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "check" in item.function.__code__.co_names


def is_graded(item: pytest.Item | pytest.Collector) -> bool:
    return any(item.path.is_relative_to(stage.tests) for stage in STAGES)


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> testing.Draw:
    """Inputs seeded by the test's own name, and by --seed if it is given."""
    seed = request.config.getoption("--seed")
    return testing.Draw(request.node.name if seed is None else f"{request.node.name} {seed}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with testing.snapshot_of(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    if not is_graded(item):
        return (yield)
    short, style = item.config.stash[SHORT], item.config.option.tbstyle
    if short:
        item.config.option.tbstyle = "value"  # the others read every source file again
    try:
        report = yield
    finally:
        item.config.option.tbstyle = style
    error = call.excinfo.value if call.excinfo else None
    if report.skipped:
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
        report.longrepr = f"a graded test may not skip: {error}"
    elif report.failed and error and short:
        report.longrepr = explain(error)
    if call.when == "call":
        report.user_properties.append((KNOWN, _what_is_known(item, error)))
    return report


def _what_is_known(item: pytest.Item, error: BaseException | None) -> dict[str, Any]:
    """What the end of the run needs to name a mistake, in types that workers can send."""
    known: dict[str, Any] = {"probe": None, "contracts": [], "crashed": False}
    if isinstance(item, pytest.Function) and error:
        package = sys.modules.get(testing.stage_of(item).package)
        known["contracts"] = contracts_used(item, package) if package else []
        known["crashed"] = is_crash(error)
    recording = item.config.getoption("--record-snapshots")
    path = testing.snapshot_path(item)
    unwritten = isinstance(error, NotImplementedError)
    if _calls_check(item) and path.is_file() and not recording and not unwritten:
        parts = getattr(error, "parts", None)
        compared = item.stash.get(testing.COMPARED, None) if error is None else None
        snapshot = compared or snapshots.read(path, mistakes=error is not None)
        known["probe"] = probe_of(item.nodeid, error is None, snapshot, parts).plain()
    return known


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    error = getattr(report, "call", None) and report.call.excinfo
    short = collector.config.stash[SHORT]
    if report.failed and error and short and is_graded(collector):
        cause = error.value.__cause__ or error.value
        report.longrepr = explain(cause)
    return report


@pytest.hookimpl(tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """The whole suite uses every core; for a few tests, starting workers would take longer."""
    everything = config.args_source is pytest.Config.ArgsSource.TESTPATHS
    return os.cpu_count() or 1 if everything else 0


def pytest_sessionstart(session: pytest.Session) -> None:
    session.config.stash[SHORT] = session.config.option.tbstyle == "auto"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the listing of failures to `pytest_terminal_summary` unless a --tb was asked for."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.stash[SHORT] and terminal:
        session.config.option.tbstyle = "no"
        terminal.reportchars = terminal.reportchars.replace("f", "").replace("E", "")
