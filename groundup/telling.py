"""What a learner reads of all failures of a run: each mistake by its name, and once."""

import ast
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from groundup import catalogue, isolation, reference
from groundup.failures import ANOTHER_MATTER, MAX_LINES, place_in
from groundup.guide_pieces import section_of
from groundup.naming import Probe, resolve
from groundup.stages import ROOT, Stage

SHOWN = 3
"""How many mistakes are listed where they cannot be told apart."""


@dataclass(frozen=True)
class Failure:
    test: str
    text: str
    """What is known from the test alone."""
    contracts: Sequence[str] = ()
    """The names of the contract that the test uses."""
    crashed: bool = False
    """Whether it ended before there was something to compare."""


@dataclass(frozen=True)
class Run:
    """All that the tests of one session said."""

    chosen: tuple[Stage, ...]
    """The stages that were the reference's."""
    verbose: bool = False
    failures: list[Failure] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)


class Told(NamedTuple):
    test: str
    text: str
    """The lines to print."""
    mistakes: list[str]
    """The ids of the mistakes that it may be."""


def tell(run: Run, at_fault: Mapping[str, Sequence[Stage]]) -> list[Told]:
    """What to say of each failed test, named mistakes first.

    `at_fault` says of tests whose failure is an earlier stage's which stage that is.
    """
    names = _names(run)
    named_in = {isolation.stage_of(test) for test in names}
    first: dict[object, str] = {}
    named, others = [], []
    for failure in sorted(run.failures, key=_corners_last):
        ids, fault = tuple(names.get(failure.test, ())), tuple(at_fault.get(failure.test, ()))
        cause = fault or ids or _crash(failure)
        again = bool(cause) and first.setdefault(cause, failure.test) != failure.test
        if fault:
            others.append(Told(failure.test, _earlier(failure, fault, again), []))
        elif ids:
            text = _the_same(ids, first[cause]) if again else _named(ids, failure, run)
            named.append(Told(failure.test, _with_numbers(text, failure, run), list(ids)))
        elif again:
            others.append(Told(failure.test, _the_same(["crash"], first[cause]), []))
        else:
            brief = _again_with_other_inputs(failure, first)
            brief = (brief or isolation.stage_of(failure.test) in named_in) and not run.verbose
            others.append(Told(failure.test, _unnamed(failure, run, brief), []))
    return named + others


def _corners_last(failure: Failure) -> tuple[str, bool]:
    """By stage; tests of borders and large sizes after the others, which say more of a plain
    mistake."""
    folder, _, name = failure.test.partition("::")[0].rpartition("/")
    return folder, name.endswith(("promises.py", "real_sizes.py"))


def _crash(failure: Failure) -> str:
    """What a crash has in common with the same crash on inputs of other sizes."""
    message, _, place = failure.text.rpartition("\n")
    return re.sub(r"\d+", "#", message) + place if failure.crashed and message else ""


def _again_with_other_inputs(failure: Failure, first: dict[object, str]) -> bool:
    """Whether the same test function has already failed with other parameters, to be shown."""
    function = failure.test.partition("[")[0]
    return not failure.crashed and first.setdefault(function, failure.test) != failure.test


def _names(run: Run) -> dict[str, list[str]]:
    """By failed test, the ids of the mistakes that it may be; each stage looked at by itself."""
    names: dict[str, list[str]] = {}
    for stage in {isolation.stage_of(probe.test) for probe in run.probes}:
        names |= resolve([p for p in run.probes if isolation.stage_of(p.test) == stage])
    return names


def _the_same(ids: Sequence[str], first: str) -> str:
    return f"the same: {' or '.join(ids)} (see {first.rpartition('::')[2]})"


def _named(ids: Sequence[str], failure: Failure, run: Run) -> str:
    stage = isolation.stage_of(failure.test)
    assert stage is not None
    found = [catalogue.mistakes(stage)[each] for each in ids]
    lines = [mistake.sentence for mistake in found[:SHOWN]]
    if len(found) == 1:
        lines.append(f"Why it matters: {found[0].why}")
    else:
        lines.insert(0, "It is one of these; the whole stage may tell which:")
    lines.append(_look_at(stage, found[0].contract))
    lines.append(f"Read: {catalogue.guide_link(stage, found[0].section)}")
    if len(found) == 1:
        lines.append(f"Hint: groundup mistakes {found[0].id} --hint 1")
    return "\n".join([*lines, _again(failure.test, run)])


def _unnamed(failure: Failure, run: Run, brief: bool) -> str:
    """The text of a failure that is not in the catalogue, and where to look.

    It is `brief` beside what is to be mended first and may explain it: a named mistake, or the
    same test with other inputs.
    """
    stage = isolation.stage_of(failure.test)
    if stage is None or (failure.crashed and "\n" not in failure.text):
        return failure.text
    if brief:
        what, *more = (" ".join(line.split()) for line in failure.text.splitlines())
        if what == ANOTHER_MATTER:
            return f"and another matter. {what} {', '.join(more[:2])}"
        what = f"{what} {more[0]}" if "expected: " in what and more else what
        return f"perhaps for the same reason: {what}"
    lines = []
    for contract in failure.contracts[:1] if not failure.crashed else ():
        lines.append(_look_at(stage, contract))
        if section := section_of(stage, failure.test) or _section_about(stage, contract):
            lines.append(f"Read: {catalogue.guide_link(stage, section)}")
    if missing := isolation.missing(run.chosen, stage):
        names = " or ".join(each.folder for each in missing)
        lines.append(f"Whether your {names} is at fault cannot be told: no solutions in this copy.")
    lines.append(_again(failure.test, run))
    kept = failure.text.splitlines()[: MAX_LINES - len(lines)]
    return "\n".join([*kept, *lines])


def _section_about(stage: Stage, contract: str) -> str:
    """Where the mistakes that are made in `contract` lead; empty if not all lead there."""
    known = catalogue.mistakes(stage).values()
    about = {m.section for m in known if m.contract == contract}
    about = about or {m.section for m in known if _class_of(m.contract) == _class_of(contract)}
    return about.pop() if len(about) == 1 else ""


def _with_numbers(text: str, failure: Failure, run: Run) -> str:
    if not run.verbose:
        return text
    return "\n".join([*text.splitlines(), *failure.text.splitlines()][:MAX_LINES])


def _earlier(failure: Failure, stages: Sequence[Stage], again: bool) -> str:
    names = " and ".join(stage.folder for stage in stages)
    if again:
        return f"the fault of {names}, too"
    return "\n".join(
        [
            f"This is not this stage's fault: with the reference's {names} the test passes.",
            *failure.text.splitlines()[:SHOWN],
            f"Again: pytest {stages[0].tests.relative_to(ROOT).as_posix()}; if all of that passes, "
            "this test sees what it does not",
        ]
    )


def _again(test: str, run: Run) -> str:
    return f"Again: pytest {shlex.quote(test)}{reference.option_for(run.chosen)}"


def _look_at(stage: Stage, contract: str) -> str:
    return f"Look at: {place_of(stage, contract)} {contract}"


def _class_of(contract: str) -> str:
    return contract.partition(".")[0]


def place_of(stage: Stage, contract: str) -> str:
    """The file and line where the code under test defines `contract`; without importing it."""
    folder = reference.package_of(stage)
    files = sorted(folder.rglob("*.py"), key=lambda path: (path.name != "adapter.py", path))
    for file in files:
        line = _line_of(file, contract.split("."))
        if line:
            return place_in(file, line)
    return place_in(folder / "adapter.py", 1)


def _line_of(file: Path, path: Sequence[str]) -> int:
    try:
        body: Sequence[ast.AST] = ast.parse(file.read_text(encoding="utf-8")).body
    except (SyntaxError, UnicodeDecodeError):
        return 0
    line = 0
    for name in path:
        found = next((node for node in body if getattr(node, "name", None) == name), None)
        if found is None:
            break
        line, body = found.lineno, getattr(found, "body", [])  # type: ignore[attr-defined]
    return line
