"""One stage's graded tests in a pytest of their own, and what came of them."""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from groundup import reference
from groundup.commands import pytest_events
from groundup.commands.fingerprint import fingerprint
from groundup.stages import ROOT, Stage


@dataclass(frozen=True, kw_only=True)
class StageResult:
    """What one run of a stage's tests gave; the fields are the columns of `groundup status`."""

    stage: str
    owner: str
    reference: str
    passed: int
    total: int
    points: int
    possible: int
    seconds: float
    when: str
    fingerprint: str
    failed_test: str
    """The node id of the first failure; empty if it is not one test's."""
    failure: str
    """What went wrong first; empty if the stage is done."""

    @property
    def done(self) -> bool:
        return not self.failure and self.passed == self.total > 0

    @property
    def columns(self) -> str:
        """What `check` and `status` show alike: the stage, its tests, its points."""
        tests, points = f"{self.passed}/{self.total}", f"{self.points}/{self.possible}"
        return f"{self.stage:<18} {tests:>7} tests {points:>7} points"


def run_stage(stage: Stage, chosen: tuple[Stage, ...]) -> StageResult:
    """Run the tests of `stage` on the code that `reference.activate(chosen)` chose."""
    code = fingerprint(stage, chosen)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "events.jsonl"
        process = _pytest(stage, file)
        text = file.read_text(encoding="utf-8") if file.is_file() else ""
    events = [json.loads(line) for line in text.splitlines()]
    worth = {event["test"]: event["points"] for event in events if event["event"] == "collected"}
    failed = {event["test"] for event in events if event["event"] in ("failed", "broken")}
    passed = {event["test"] for event in events if event["event"] == "passed"} - failed
    failed_test, failure = _first_failure(stage, events, process)
    return StageResult(
        stage=stage.folder,
        owner=reference.owner(stage),
        reference=",".join(str(each.number) for each in chosen),
        passed=len(passed),
        total=len(worth),
        points=sum(worth[test] for test in passed),
        possible=sum(worth.values()),
        seconds=round(time.monotonic() - started, 1),
        when=datetime.now().astimezone().isoformat(timespec="seconds"),
        fingerprint=code,
        failed_test=failed_test,
        failure=failure,
    )


def _pytest(stage: Stage, events: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", str(stage.tests), "-q"]
    plugin = ["-p", pytest_events.__name__, "--continue-on-collection-errors"]
    # The user's own additions could deselect tests, and the stage would look done.
    inherited = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    return subprocess.run(
        [*command, *plugin],
        cwd=ROOT,
        env={**inherited, pytest_events.VARIABLE: str(events)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


def _first_failure(
    stage: Stage, events: list[dict[str, Any]], process: subprocess.CompletedProcess[str]
) -> tuple[str, str]:
    for event in events:
        if event["event"] in ("broken", "failed"):
            return event["test"], event["text"]
    if not events or events[-1]["event"] != "end":
        running = next((e["test"] for e in reversed(events) if e["event"] == "started"), "")
        last = _last_words(process.stdout)
        return running, f"pytest crashed (exit code {process.returncode}){last}"
    if not any(event["event"] == "collected" for event in events):
        return "", f"no test was found in {stage.tests.relative_to(ROOT).as_posix()}"
    if process.returncode:
        return "", f"pytest ended with exit code {process.returncode}"
    return "", ""


def _last_words(output: str) -> str:
    """What Python said as it died, or else the last line that is more than progress dots."""
    lines = [line for line in output.splitlines() if re.search("[A-Za-z]", line)]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return "".join(f": {line}" for line in (fatal or lines)[-1:])
