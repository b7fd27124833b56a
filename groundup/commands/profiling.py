"""Ranges around phases and modules, and what a profiler's events add up to."""

import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

MODULE = "module "


@contextmanager
def named_range(name: str, device: str, *, of_process: bool = False) -> Iterator[None]:
    """A range of torch.profiler, and on CUDA one of NVTX, which Nsight shows.

    The latter is pushed and popped, or one of the process: autograd queues a backward pass from a
    thread of its own, which a range that is pushed does not see.
    """
    import torch

    with ExitStack() as stack:
        stack.enter_context(torch.profiler.record_function(name))
        if device == "cuda" and of_process:
            stack.callback(torch.cuda.nvtx.range_end, torch.cuda.nvtx.range_start(name))
        elif device == "cuda":
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


def by_operation(averages: Iterable[Any], most: int, device: str) -> list[tuple[str, int, float]]:
    """The operations that took longest themselves: name, calls, microseconds. On CUDA it is the
    time of their kernels, elsewhere that of the calls."""
    attribute = f"self_{_time_of(device)}"
    found = [
        (each.key, each.count, getattr(each, attribute))
        for each in averages
        if each.key.startswith("aten::")
    ]
    return sorted(found, key=lambda row: -row[2])[:most]


def by_range(
    averages: Iterable[Any], names: Iterable[str], device: str
) -> list[tuple[str, int, float]]:
    """Phases in order, then modules by what they took with all they contain.

    A phase ends when the device is done, so the clock says how long it took. The kernels that the
    profiler counts in it would be those of its own thread: none, of a backward pass on CUDA.
    """
    # On CUDA there is a second row of the same name, for where the kernels of a range ran.
    rows = {each.key: each for each in averages if each.device_type.name == "CPU"}
    phases = [(name, rows[name].count, rows[name].cpu_time_total) for name in names if name in rows]
    modules = [
        (name, each.count, getattr(each, _time_of(device)))
        for name, each in rows.items()
        if name.startswith(MODULE)
    ]
    return phases + sorted(modules, key=lambda row: -row[2])


def _time_of(device: str) -> str:
    return "device_time_total" if device == "cuda" else "cpu_time_total"
