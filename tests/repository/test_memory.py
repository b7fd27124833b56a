"""Freed memory is kept while a model is trained."""

import platform
import subprocess
import sys

import pytest

# How many pages come anew when large tensors are freed and taken again; in a process of its own.
# The first rounds settle the heap: a small object that lands in freed memory splits it, and the
# next large tensor, which then fits nowhere, takes new memory once more.
FETCHED = """
import resource, sys
import torch
from groundup.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
take = lambda: [torch.ones(12_000_000), torch.ones(1_000_000), torch.ones(5_000_000)]
for _ in range(20):
    take()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    take()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_what_is_freed_is_not_fetched_anew():
    fetched = {}
    for how in ("as always", "kept"):
        words = [sys.executable, "-c", FETCHED, how]
        fetched[how] = int(subprocess.run(words, capture_output=True, check=True).stdout)
    assert fetched["kept"] < fetched["as always"] / 10
