"""`python warm.py` loads the libraries once, then runs each module it is told in a fork.

Most of a short command is its start: torch alone takes longer than one test. A request is a line
of JSON, a list of arguments of `become` for processes that run at the same time, and the answer a
line with their exit codes. Nothing of the course is loaded before the fork, so each run has the
code of its folder.
"""

import gc
import importlib
import json
import os
import runpy
import sys

LOADED = ("numpy", "sympy", "torch", "einx", "regex", "tiktoken", "beartype", "pytest")
LOADED += ("matplotlib.figure",)


def main() -> None:
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    for name in LOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    for line in requests:
        children = []
        for each in json.loads(line):
            child = os.fork()
            if not child:
                become(*each)
                return
            children.append(child)
        codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
        print(json.dumps(codes), file=answers, flush=True)


def become(words: list[str], folder: str, environment: dict[str, str], out: str, err: str) -> None:
    """Do what `python -m WORDS` does in `folder`."""
    for stream, path in ((0, os.devnull), (1, out), (2, err)):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    if threads := environment.get("OMP_NUM_THREADS"):
        sys.modules["torch"].set_num_threads(int(threads))  # it has read this when it was loaded
    sys.path[0] = folder
    sys.argv = list(words)
    runpy.run_module(words[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
