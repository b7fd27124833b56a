"""Stub and reference promise the same: names, signatures, docstrings, given values."""

import inspect
import json
import subprocess
import sys
from functools import cache

import pytest

from groundup.stages import STAGES

# Printed by a process of its own for each side, since both sides have the same package names.
DESCRIBE = """
import dataclasses, importlib, inspect, json, sys

def describe(thing):
    if not callable(thing):
        return repr(thing)
    found = {"doc": thing.__doc__}
    if not (inspect.isclass(thing) and issubclass(thing, BaseException)):
        found["signature"] = str(inspect.signature(thing))
    if inspect.isclass(thing):
        found["bases"] = [base.__name__ for base in thing.__bases__]
        found["members"] = {
            name: describe(inspect.unwrap(getattr(member, "__func__", member)))
            for name, member in vars(thing).items()
            if inspect.isroutine(member) and (not name.startswith("_") or name == "__init__")
        }
        if dataclasses.is_dataclass(thing):
            fields = dataclasses.fields(thing)
            missing = dataclasses.MISSING  # its repr has an address in it
            found["fields"] = [
                (each.name, str(each.type), "" if each.default is missing else repr(each.default))
                for each in fields
            ]
    return found

def contract(package):
    module = importlib.import_module(package)
    return {name: describe(getattr(module, name)) for name in module.__all__}

print(json.dumps({package: contract(package) for package in sys.argv[1:]}))
"""


@cache
def contracts(side):
    """The contracts of all stages, by package, as `side` has them."""
    folders = [str(getattr(stage, side)) for stage in STAGES]
    script = f"import sys; sys.path[:0] = {folders!r}\n{DESCRIBE}"
    packages = [stage.package for stage in STAGES]
    command = [sys.executable, "-X", "utf8", "-c", script, *packages]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def contract(stage, side):
    return contracts(side)[stage.package]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_stub_and_reference_have_the_same_contract(stage):
    stub, solution = contract(stage, "assignment"), contract(stage, "solution")
    assert list(stub) == list(solution)
    for name in stub:
        assert stub[name] == solution[name], name


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_every_contract_name_has_a_docstring(stage):
    for name, found in contract(stage, "solution").items():
        assert not isinstance(found, dict) or inspect.cleandoc(found["doc"] or ""), name


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_init_reexports_the_adapter_and_nothing_else(stage):
    texts = [
        (folder / stage.package / "__init__.py").read_text(encoding="utf-8")
        for folder in (stage.assignment, stage.solution)
    ]
    assert texts[0] == texts[1]
    code = [line for line in texts[0].splitlines() if line.startswith(("from", "import"))]
    assert code == ["from .adapter import ("] or code[0].startswith("from .adapter import")
    assert len(code) == 1


def test_given_files_are_the_same_in_both():
    for name in ("devices.py", "results.py"):
        texts = [
            (folder / STAGES[7].package / name).read_text(encoding="utf-8")
            for folder in (STAGES[7].assignment, STAGES[7].solution)
        ]
        assert texts[0] == texts[1], name
