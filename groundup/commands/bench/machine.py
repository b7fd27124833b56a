"""The facts about a machine without which a measurement says little."""

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path
from typing import Any


def facts(packages: Iterable[str]) -> dict[str, Any]:
    """Cores, system, processor, and the versions of those of `packages` that are installed."""
    return {
        "cores": os.cpu_count(),
        "processor": processor(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: found for name in packages if (found := _version(name))},
    }


def processor() -> str:
    """Its name; on Linux the standard library knows only its architecture."""
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
