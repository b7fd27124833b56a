"""Ranges around phases and modules, and what a profiler's events add up to."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

MODULE = "module "


@contextmanager
def named_range(name: str, device: str) -> Iterator[None]:
    """A range of torch.profiler, and on CUDA one of NVTX, which Nsight shows."""
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.profiler.record_function(name))
        if device == "cuda":
            torch.cuda.nvtx.range_push(name)
            stack.callback(torch.cuda.nvtx.range_pop)
        yield


@contextmanager
def ranges_of_modules(model: Any, device: str) -> Iterator[None]:
    """While this lasts, each module's forward pass is a range; all blocks have the same names."""
    open_ranges: list[Any] = []
    hooks = []

    def enter(name: str) -> Any:
        def hook(*_: object) -> None:
            open_ranges.append(named_range(name, device))
            open_ranges[-1].__enter__()

        return hook

    def leave(*_: object) -> None:
        open_ranges.pop().__exit__(None, None, None)

    for path, module in model.named_modules():
        name = MODULE + (re.sub(r"\.\d+", ".*", path) or type(model).__name__)
        hooks.append(module.register_forward_pre_hook(enter(name)))
        hooks.append(module.register_forward_hook(leave, always_call=True))
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def by_operation(
    averages: Iterable[Any], most: int, attribute: str
) -> list[tuple[str, int, float]]:
    """The operations that took longest themselves: name, calls, microseconds."""
    found = [
        (each.key, each.count, getattr(each, f"self_{attribute}"))
        for each in averages
        if each.key.startswith("aten::")
    ]
    return sorted(found, key=lambda row: -row[2])[:most]


def by_range(
    averages: Iterable[Any], names: Iterable[str], attribute: str
) -> list[tuple[str, int, float]]:
    """Phases in order, then modules by what they took with all they contain."""
    rows = {each.key: (each.key, each.count, getattr(each, attribute)) for each in averages}
    phases = [rows[name] for name in names if name in rows]
    modules = [row for name, row in rows.items() if name.startswith(MODULE)]
    return phases + sorted(modules, key=lambda row: -row[2])
