"""Whether a failure is the fault of an earlier stage: the same test on the reference's."""

from collections.abc import Iterable, Sequence

from groundup import reference, sessions
from groundup.stages import STAGES, Stage

VARIABLE = "GROUNDUP_NO_ISOLATION"
"""Set for the sessions that are started from here, which need no isolation themselves."""


def stage_of(test: str) -> Stage | None:
    """The stage whose folder a test's node id names."""
    return next((stage for stage in STAGES if f"/{stage.tests.name}/" in f"/{test}"), None)


def stages_at_fault(
    tests: Sequence[str], chosen: tuple[Stage, ...], options: Sequence[str] = ()
) -> dict[str, tuple[Stage, ...]]:
    """By failed test, the earlier stages whose reference makes it pass; `chosen` are the
    reference's already. A test that is not a key fails on the reference's earlier stages too."""
    found: dict[str, tuple[Stage, ...]] = {}
    for stage in STAGES:
        mine = [test for test in tests if stage_of(test) == stage]
        earlier = [each for each in used_by(stage) if each not in chosen]
        if not mine or not earlier:
            continue
        innocent = _passing(mine, (*chosen, *earlier), options)
        for test in innocent:
            found[test] = tuple(earlier)
        for suspect in earlier if innocent else ():
            for test in _passing(sorted(innocent), (*chosen, suspect), options):
                found[test] = (suspect,)
    return found


def missing(chosen: tuple[Stage, ...], stage: Stage) -> list[Stage]:
    """The stages before `stage` that are the learner's and have no reference in this copy."""
    return [
        each
        for each in used_by(stage)
        if each not in chosen and not (each.solution / each.package).is_dir()
    ]


def used_by(stage: Stage) -> list[Stage]:
    """The earlier stages that the code or the tests of `stage` name, and those that they use."""
    folders = (reference.package_of(stage), stage.solution, stage.tests)
    files = [file for folder in folders for file in folder.rglob("*.py")]
    text = "\n".join(file.read_text(encoding="utf-8", errors="replace") for file in files)
    named = {each for each in STAGES if each.number < stage.number and each.package in text}
    every = named.union(*map(used_by, named))
    return sorted(every, key=lambda each: each.number)


def _passing(tests: Sequence[str], stages: Iterable[Stage], options: Sequence[str]) -> set[str]:
    environment = {VARIABLE: "1", reference.VARIABLE: reference.numbers(stages)}
    session = sessions.alone(sessions.Job("isolation", [*tests, *options], environment))
    passed = {event["test"] for event in session.events if event["event"] == "passed"}
    failed = {event["test"] for event in session.events if event["event"] == "failed"}
    return (passed - failed) & set(tests)
