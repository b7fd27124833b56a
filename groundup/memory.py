"""Freed memory kept for what comes next, and how an error says that there is none left."""

import contextlib
import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of glibc's malloc.h
OUT_OF_MEMORY = ("out of memory", "allocate memory", "not enough memory", "size calculation over")
"""What torch says on CUDA and MPS, on Linux, on Windows, and of sizes beyond all memories."""


def is_out_of_memory(error: BaseException) -> bool:
    words = str(error).lower()
    return isinstance(error, MemoryError) or any(each in words for each in OUT_OF_MEMORY)


def keep_freed_memory() -> None:
    """From now on, for as long as the process lives; does nothing without glibc.

    A training step frees and takes the same large tensors again and again. By default glibc takes
    those over 32 MB from the system each time, and returns what is free at the end of the heap;
    and each page that is fetched anew costs more than to fill it.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
