"""What runs in a process of its own to be measured: `python -m groundup.commands.bench.child`.

It imports little, because what is imported here counts as the memory of what is measured.
"""

import importlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Keep = Callable[[Path | None], int]
"""Called when the clock has stopped: gives the size of the result, writes it if given a path."""

Run = Callable[[], Keep]
"""What is timed."""


def main(job: str) -> None:
    """Call the function of `job` to prepare, time what it returns, write a JSON of what was seen.

    An error that has a line to tell goes into that JSON; any other ends with its traceback.
    """
    asked = json.loads(job)
    try:
        seen = _measure(asked)
    except Exception as error:
        from groundup.commands.common import in_one_line

        line = in_one_line(error)
        if line is None:
            raise
        seen = {"error": line}
    Path(asked["result"]).write_text(json.dumps(seen), encoding="utf-8")


def _measure(asked: dict[str, str]) -> dict[str, Any]:
    module = importlib.import_module(asked["module"])
    run: Run = getattr(module, asked["function"])(**json.loads(asked["arguments"]))
    started = time.perf_counter()
    keep = run()
    seconds = time.perf_counter() - started
    own, worker = peak_memory()
    size = keep(Path(asked["keep"]) if asked["keep"] else None)
    return {"seconds": seconds, "own_memory": own, "worker_memory": worker, "result_size": size}


def peak_memory() -> tuple[int | None, int | None]:
    """In bytes, of this process and of the largest of its workers that has ended (0 if none)."""
    if sys.platform == "win32":
        return None, None
    import resource

    multiprocessing.active_children()  # collects those that have ended, which then count
    unit = 1 if sys.platform == "darwin" else 1024
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    worker = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * unit
    status = Path("/proc/self/status")
    if status.is_file():
        # On Linux ru_maxrss begins with what the parent held when it started this process.
        lines = status.read_text(encoding="utf-8").splitlines()
        own = next((int(line.split()[1]) * 1024 for line in lines if "VmHWM" in line), own)
    return own, worker


if __name__ == "__main__":
    main(sys.argv[1])
