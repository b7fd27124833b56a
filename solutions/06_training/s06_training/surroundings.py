"""What the loop asks of the process around it: an order for sums, and patience with Ctrl-C."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any

import torch


@contextlib.contextmanager
def sums_in_fixed_order(device: torch.device) -> Iterator[None]:
    """Make the CPU's gradients the same every time.

    With several threads, the gradient of `weight[token_ids]` adds up the uses of a token in the
    order in which threads arrive, and a sum of floats depends on its order in the last bit.
    Other devices sort first, and have kernels that refuse this mode.
    """
    if device.type != "cpu":
        yield
        return
    memory: Any = torch.utils.deterministic
    enabled = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    fills = memory.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    memory.fill_uninitialized_memory = False  # a help with debugging, and slow
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warns)
        memory.fill_uninitialized_memory = fills


@contextlib.contextmanager
def interrupts_wait() -> Iterator[Callable[[], bool]]:
    """Yields a question: was Ctrl-C pressed? An update is never cut in half by it.

    Half an update would be in no checkpoint, or worse, in one. A second Ctrl-C does not wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # Python gives signals to the main thread alone
        return
    asked = False

    def on_interrupt(signum: int, frame: object) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        # Not print(), which the signal may just have interrupted.
        os.write(2, b"\nfinishing this step, then saving; Ctrl-C again stops at once\n")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
