"""One stage's graded tests in a pytest of their own, and what came of them."""

import re
import time
from dataclasses import dataclass
from datetime import datetime

from groundup import reference, sessions
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
    not_from_scratch: list[str]
    """What the stage uses and is to write itself, a line each."""

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
    session = sessions.alone(sessions.Job(stage.folder, [str(stage.tests)]))
    events = session.events
    worth = {event["test"]: event["points"] for event in events if event["event"] == "collected"}
    failed = {event["test"] for event in events if event["event"] in ("failed", "broken")}
    passed = {event["test"] for event in events if event["event"] == "passed"} - failed
    failed_test, failure = _first_failure(stage, session)
    return StageResult(
        stage=stage.folder,
        owner=reference.owner(stage),
        reference=reference.numbers(chosen),
        passed=len(passed),
        total=len(worth),
        points=sum(worth[test] for test in passed),
        possible=sum(worth.values()),
        seconds=round(time.monotonic() - started, 1),
        when=datetime.now().astimezone().isoformat(timespec="seconds"),
        fingerprint=code,
        failed_test=failed_test,
        failure=failure,
        not_from_scratch=[
            line for e in events if e["event"] == "not from scratch" for line in e["lines"]
        ],
    )


def _first_failure(stage: Stage, session: sessions.Session) -> tuple[str, str]:
    events = session.events
    told = [failure for event in events if event["event"] == "told" for failure in event["tests"]]
    if told:
        test, text, _ = told[0]
        return test, text
    if not events or events[-1]["event"] != "end":
        running = next((e["test"] for e in reversed(events) if e["event"] == "started"), "")
        last = _last_words(session.output)
        return running, f"pytest crashed (exit code {session.code}){last}"
    if not any(event["event"] == "collected" for event in events):
        return "", f"no test was found in {stage.tests.relative_to(ROOT).as_posix()}"
    if session.code:
        return "", f"pytest ended with exit code {session.code}"
    return "", ""


def _last_words(output: str) -> str:
    """What Python said as it died, or else the last line that is more than progress dots."""
    lines = [line for line in output.splitlines() if re.search("[A-Za-z]", line)]
    fatal = [line for line in lines if line.startswith("Fatal Python error")]
    return "".join(f": {line}" for line in (fatal or lines)[-1:])
