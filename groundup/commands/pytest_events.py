"""A pytest plugin that writes what happens to a file, one JSON object a line, as it happens.

`groundup check` reads it. A line is written at once, so that after a crash it is known which
test was running.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

_started = time.monotonic()

VARIABLE = "GROUNDUP_EVENTS"


def _write(**event: Any) -> None:
    with Path(os.environ[VARIABLE]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(event) + "\n")


def pytest_sessionstart() -> None:
    global _started
    _started = time.monotonic()


def pytest_collectreport(report: pytest.CollectReport) -> None:
    if report.failed:
        _write(event="broken", test=report.nodeid, text=report.longreprtext)


def pytest_collection_finish(session: pytest.Session) -> None:
    for item in session.items:
        marker = item.get_closest_marker("points")
        _write(event="collected", test=item.nodeid, points=marker.args[0] if marker else 1)


def pytest_runtest_logstart(nodeid: str) -> None:
    _write(event="started", test=nodeid)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.failed:
        _write(event="failed", test=report.nodeid, text=report.longreprtext)
    elif report.when == "call" and report.passed:
        _write(event="passed", test=report.nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    _write(event="finished", test=nodeid)


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    from groundup.listener import LISTENER  # here, because it imports pytest_plugin's torch

    if not hasattr(session.config, "workerinput"):
        listener = session.config.stash[LISTENER]
        probes = [probe.plain() for probe in listener.run.probes]
        _write(event="told", tests=listener.tell(), probes=probes)
        _write(event="not from scratch", lines=listener.not_from_scratch)
    _write(event="end", code=int(exitstatus), seconds=time.monotonic() - _started)
