"""What a run of pytest tells at its end, when all tests have said what they know."""

import functools
import os
from collections import Counter
from typing import Any

import pytest

from groundup import from_scratch, isolation, reference
from groundup.failures import NOT_WRITTEN
from groundup.naming import Probe
from groundup.stages import Stage
from groundup.telling import Failure, Run, Told, tell

KNOWN = "groundup"
"""The key of what the report of a test carries to the end of the run."""

SHORT = pytest.StashKey[bool]()
"""Whether failures are told in a few lines; not if tracebacks were asked for."""

LISTENER = pytest.StashKey["Listener"]()


class Listener:
    """Keeps what the reports say until all have come; with workers, where they report to."""

    def __init__(self, config: pytest.Config, chosen: tuple[Stage, ...]) -> None:
        self.config = config
        self.run = Run(chosen, verbose=config.option.verbose > 0)
        self.at_length: dict[str, pytest.TestReport | pytest.CollectReport] = {}
        self.told: list[Told] | None = None
        self.tested: set[Stage] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.config.getoption("--strict-from-scratch") and self.not_from_scratch:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._failed(report, {})

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        stage = isolation.stage_of(report.nodeid)
        self.tested |= {stage} if stage else set()
        known: Any = next((value for key, value in report.user_properties if key == KNOWN), {})
        if known.get("probe"):
            self.run.probes.append(Probe.from_plain(known["probe"]))
        if report.failed:
            self._failed(report, known)

    def _failed(
        self, report: pytest.TestReport | pytest.CollectReport, known: dict[str, Any]
    ) -> None:
        if not isinstance(report.longrepr, str):
            self.at_length[report.nodeid] = report
        text = report.longreprtext
        contracts, crashed = known.get("contracts", []), known.get("crashed", True)
        self.run.failures.append(Failure(report.nodeid, text, contracts, crashed))

    def tell(self) -> list[Told]:
        """The failed tests and what to print for each; found out once."""
        if self.told is None:
            self.told = tell(self.run, self._at_fault())
        return self.told

    @functools.cached_property
    def not_from_scratch(self) -> list[str]:
        """What the stages that were tested use and are to write themselves; found out once."""
        if self.config.getoption("--probes"):
            return []  # of code that is wrong on purpose
        stages = sorted(self.tested, key=lambda stage: stage.number)
        found = [
            f for stage in stages for f in from_scratch.findings(stage, reference.package_of(stage))
        ]
        return [str(finding) for finding in found]

    def _at_fault(self) -> dict[str, tuple[Stage, ...]]:
        if isolation.VARIABLE in os.environ:
            return {}
        tests = [f.test for f in self.run.failures if not f.text.startswith(NOT_WRITTEN)]
        seed = self.config.getoption("--seed")
        options = [] if seed is None else [f"--seed={seed}"]
        return isolation.stages_at_fault(tests, self.run.chosen, options)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if findings := self.not_from_scratch:
            terminalreporter.section("not from scratch")
            for line in findings:
                terminalreporter.write_line(line)
        if self.config.stash[SHORT] and self.tell():
            terminalreporter.section("what is not right yet")
            stubs = Counter[str]()
            for test, text, _ in self.tell():
                if text.startswith(NOT_WRITTEN) and not self.run.verbose:
                    stubs[text] += 1
                else:
                    self._print(terminalreporter, test, text)
            for text, count in stubs.items():
                terminalreporter.write_line(f"{text}  {count} test{'s' * (count > 1)}")

    def _print(self, terminal: pytest.TerminalReporter, test: str, text: str) -> None:
        if test in self.at_length:
            terminal.write_line(test, red=True)
            self.at_length[test].toterminal(terminal._tw)
        elif "\n" not in text:
            terminal.write_line(f"{test}  {text}")
        else:
            terminal.write_line(test, red=True)
            for line in text.splitlines():
                terminal.write_line(f"  {line}")
