"""One measurement in a process of its own, so that its peak memory is its own."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from groundup.commands.common import Refusal
from groundup.stages import ROOT


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one process gave. Memory is in bytes, and None where it is not measured."""

    seconds: float
    own_memory: int | None
    worker_memory: int | None
    """Of the largest worker; 0 if there was none."""
    result_size: int

    @property
    def peak_memory(self) -> int | None:
        """At most: each core is taken to have had a worker as large as the largest."""
        if self.own_memory is None or self.worker_memory is None:
            return None
        return self.own_memory + (os.cpu_count() or 1) * self.worker_memory


def measure(
    what: str,
    module: str,
    function: str,
    arguments: dict[str, Any],
    scratch: Path,
    keep: Path | None = None,
) -> Seen:
    """Run `function` as `child.py` says; `keep` is where its result goes, if it is wanted."""
    result = scratch / "measured.json"
    result.unlink(missing_ok=True)
    job = {
        "module": module,
        "function": function,
        "arguments": json.dumps(arguments, default=str),
        "keep": str(keep or ""),
        "result": str(result),
    }
    code, errors = _run([sys.executable, "-m", "groundup.commands.bench.child", json.dumps(job)])
    if code or not result.is_file():
        print(errors, end="", file=sys.stderr)
        ending = f"signal {-code}" if code < 0 else f"exit code {code}"
        raise Refusal(f"{what}: stopped with {ending}")
    seen = json.loads(result.read_text(encoding="utf-8"))
    if "error" in seen:
        raise Refusal(seen["error"] if what.startswith("ours") else f"{what}: {seen['error']}")
    return Seen(**seen)


def _run(command: list[str]) -> tuple[int, str]:
    """Exit code and error output. However this ends, no process of the command is left."""
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,  # so that its workers can be stopped with it
    ) as child:
        try:
            _, errors = child.communicate()
        except BaseException:
            _stop(child)
            raise
    return child.returncode, errors


def _stop(child: subprocess.Popen[str]) -> None:
    if sys.platform == "win32":
        child.kill()
    else:
        os.killpg(child.pid, signal.SIGKILL)
