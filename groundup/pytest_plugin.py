"""What `pytest` learns from the course: whose code runs, and failures told in a few lines."""

import os
from collections.abc import Generator

import pytest
import torch

from groundup import reference, testing
from groundup.failures import explain
from groundup.stages import STAGES, Stage

_SHORT = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("groundup")
    group.addoption(
        "--reference",
        metavar="STAGES",
        help="take these stages from solutions: numbers as in 1,2, or all "
        f"(default: ${reference.VARIABLE}, else none)",
    )
    group.addoption(
        "--record-snapshots",
        action="store_true",
        help="write what check() observes to fixtures instead of comparing (contributors)",
    )


def pytest_configure(config: pytest.Config) -> None:
    choice = config.getoption("--reference")
    if choice is None:
        choice = os.environ.get(reference.VARIABLE, "")
    try:
        reference.activate(reference.parse(choice))
    except reference.UnknownChoice as error:
        raise pytest.UsageError(str(error)) from None
    # The tensors of a test are small: threads would gain nothing, and on a busy machine would
    # mostly wait for each other. With one, sums have the same order everywhere, too.
    torch.set_num_threads(1)


def pytest_report_header(config: pytest.Config) -> str:
    return reference.header(_stages_in(config.args))


def _stages_in(arguments: list[str]) -> tuple[Stage, ...]:
    """Every stage up to the last one whose tests the command line names; all if it names none."""
    last = max(
        (stage.number for stage in STAGES for text in arguments if stage.tests.name in text),
        default=len(STAGES),
    )
    return STAGES[:last]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Recording runs only what is recorded: the tests that call `check`."""
    if config.getoption("--record-snapshots"):
        items[:] = [item for item in items if _calls_check(item)]


def _calls_check(item: pytest.Item) -> bool:
    return isinstance(item, pytest.Function) and "check" in item.function.__code__.co_names


def is_graded(item: pytest.Item | pytest.Collector) -> bool:
    return any(item.path.is_relative_to(stage.tests) for stage in STAGES)


@pytest.fixture
def draw(request: pytest.FixtureRequest) -> testing.Draw:
    """Inputs seeded by the test's own name."""
    return testing.Draw(request.node.name)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    with testing.snapshot_of(item):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if not is_graded(item) or call.excinfo is None:
        return report
    if report.skipped:
        report.outcome = "failed"
        vars(report).pop("wasxfail", None)
        report.longrepr = f"a graded test may not skip: {call.excinfo.value}"
    elif report.failed and item.config.stash[_SHORT]:
        report.longrepr = explain(call.excinfo.value)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    error = getattr(report, "call", None) and report.call.excinfo
    short = collector.config.stash[_SHORT]
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
    session.config.stash[_SHORT] = session.config.option.tbstyle == "auto"


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Leave the listing of failures to `pytest_terminal_summary` unless a --tb was asked for."""
    terminal = session.config.pluginmanager.get_plugin("terminalreporter")
    if session.config.stash[_SHORT] and terminal:
        session.config.option.tbstyle = "no"
        terminal.reportchars = terminal.reportchars.replace("f", "").replace("E", "")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not terminalreporter.config.stash[_SHORT]:
        return
    failed = [
        report for kind in ("error", "failed") for report in terminalreporter.getreports(kind)
    ]
    if failed:
        terminalreporter.section("what is not right yet")
    for report in failed:
        _print_failure(terminalreporter, report)


def _print_failure(terminal: pytest.TerminalReporter, report: pytest.TestReport) -> None:
    text = report.longrepr
    if isinstance(text, str) and "\n" not in text:
        terminal.write_line(f"{report.nodeid}  {text}")
    elif isinstance(text, str):
        terminal.write_line(report.nodeid, red=True)
        for line in text.splitlines():
            terminal.write_line(f"  {line}")
    else:
        terminal.write_line(report.nodeid, red=True)
        report.toterminal(terminal._tw)
