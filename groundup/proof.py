"""What the grader proves about itself: `python -m groundup.proof [STAGE …]`.

Every mistake of the catalogue is made, in every way, and in pairs; every alternative is run. The
table at the end says what was caught and named, the exit code whether that is everything.
"""

import argparse
import itertools
import os
import random
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from groundup import catalogue, isolation, naming, sessions, snapshots
from groundup.catalogue import Slip
from groundup.sessions import Job, Session
from groundup.stages import ROOT, STAGES, Stage

PAIRS = 320
SEED = 1
MATRIX = ROOT / "tests" / "mistakes" / "MATRIX.md"
ALONE = {isolation.VARIABLE: "1"}


@dataclass
class Findings:
    slips: int = 0
    caught: int = 0
    caught_in_own_stage: int = 0
    named: int = 0
    pairs: int = 0
    misnamed: int = 0
    alternatives: int = 0
    failed: int = 0
    naming_share: float = 0.0
    complaints: list[str] = field(default_factory=list)
    failing: dict[str, list[int]] = field(default_factory=dict)
    """By slip, the stages whose tests saw it."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m groundup.proof")
    parser.add_argument("stages", nargs="*", type=int, help="numbers of stages; all if none")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many, in all stages")
    options = parser.parse_args()
    stages = [s for s in STAGES if not options.stages or s.number in options.stages]
    started = time.perf_counter()
    findings = prove(stages, pairs=options.pairs)
    print("\n".join([*findings.complaints, "", *table(findings)]))
    print(f"{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores")
    if not options.stages:
        MATRIX.write_text(matrix(findings.failing), encoding="utf-8")
        print(f"what each stage sees of each mistake: {MATRIX.relative_to(ROOT).as_posix()}")
    return 1 if findings.complaints else 0


def prove(stages: Sequence[Stage], *, pairs: int) -> Findings:
    found = Findings()
    slips = {slip.name: slip for stage in stages for slip in catalogue.slips(stage)}
    two = {f"{a.name},{b.name}": (a, b) for a, b in _pairs(list(slips.values()), pairs)}
    others = {f"{s.package}/{name}": s for s in stages for name in catalogue.alternatives(s)}
    later = len(stages) > 1  # one stage is what somebody works on, who need not wait for the rest
    jobs = [
        _mistaken(name, STAGES[slip.stage.number - 1 :] if later else [slip.stage])
        for name, slip in slips.items()
    ]
    jobs += [_mistaken(name, [both[0].stage]) for name, both in two.items()]
    jobs += [
        Job(name, [_path(s), "--reference=all", f"--alternative={name}"], ALONE)
        for name, s in others.items()
    ]
    jobs += [Job(s.package, [_path(s), "--reference=all"], ALONE) for s in stages]
    seconds: dict[Stage, float] = {}
    for number, session in enumerate(sessions.run(jobs), start=1):
        if sys.stdout.isatty():
            print(f"\r{number} of {len(jobs)}", end="\r", flush=True)
        name = session.job.name
        if name in slips:
            _judge_slip(slips[name], session, found)
        elif name in two:
            _judge_pair(two[name], session, found)
        elif name in others:
            found.alternatives += 1
            found.failed += session.code != 0
            if session.code:
                found.complaints.append(f"{name} is right, and failed: {_told(session)}")
        else:
            stage = next(stage for stage in stages if stage.package == name)
            seconds[stage] = session.events[-1]["seconds"]
            if session.code:
                found.complaints.append(f"the reference of {name} failed: {_told(session)}")
    found.naming_share = sum(map(_naming_seconds, stages)) / sum(seconds.values())
    if found.naming_share >= 0.05:
        found.complaints.append("naming costs a passing run 5 % or more")
    return found


def _pairs(slips: Sequence[Slip], count: int) -> Iterable[tuple[Slip, Slip]]:
    """Two different mistakes of one stage that can be made together, drawn at random."""
    possible = [
        (a, b)
        for a, b in itertools.combinations(slips, 2)
        if a.stage == b.stage and a.mistake is not b.mistake
    ]
    random.Random(SEED).shuffle(possible)
    return itertools.islice(filter(_together, possible), count)


def _together(pair: tuple[Slip, Slip]) -> bool:
    try:
        catalogue.edited(pair)
    except catalogue.UnknownMistake:
        return False
    return True


def _path(stage: Stage) -> str:
    return str(stage.tests)


def _mistaken(name: str, stages: Sequence[Stage]) -> Job:
    tests = [*map(_path, stages), "--reference=all", "--probes"]
    return Job(name, [*tests, f"--mistake={name}"], ALONE, warm_up=tests)


def _judge_slip(slip: Slip, session: Session, found: Findings) -> None:
    told = _last(session)["tests"] if session.events else []
    stages = sorted({stage.number for test, *_ in told if (stage := isolation.stage_of(test))})
    names = [ids for _, _, ids in told if ids]
    own = slip.stage.number in stages
    is_named = bool(names) and all(ids == [slip.mistake.id] for ids in names)
    found.slips += 1
    found.caught += bool(stages)
    found.caught_in_own_stage += own
    found.named += is_named
    found.failing[slip.name] = stages
    if not own:
        seen = f"; seen in stages {stages}" if stages else ""
        found.complaints.append(f"{slip.name} is not caught in its own stage{seen}")
    elif not is_named:
        found.complaints.append(f"{slip.name} is called {names or 'nothing'}: {_told(session)}")


def _judge_pair(pair: tuple[Slip, Slip], session: Session, found: Findings) -> None:
    mine = {slip.mistake.id for slip in pair}
    wrong = [ids for _, _, ids in _last(session)["tests"] if ids and not mine & set(ids)]
    found.pairs += 1
    found.misnamed += bool(wrong)
    if wrong:
        found.complaints.append(f"{session.job.name} is called {wrong}")


def _last(session: Session) -> Mapping[str, list[tuple[str, str, list[str]]]]:
    """The event of what was told at the end."""
    return next((e for e in reversed(session.events) if e["event"] == "told"), {"tests": []})


def _told(session: Session) -> str:
    tests = _last(session)["tests"]
    return (
        " | ".join(f"{t.rpartition('::')[2]}: {text[:300]}" for t, text, _ in tests[:3])
        or (session.output[-500:])
    )


def _naming_seconds(stage: Stage) -> float:
    """What the stage's passing tests spend on looking up which mistakes they would have seen."""
    started = time.perf_counter()
    for path in snapshots.folder(stage).glob("*.npz"):
        naming.probe_of(path.name, True, snapshots.read(path, mistakes=False), None)
    return time.perf_counter() - started


def table(found: Findings) -> list[str]:
    rows = [
        ("mistakes, each in every way it is written", str(found.slips)),
        ("… caught", str(found.caught)),
        ("… caught in their own stage", str(found.caught_in_own_stage)),
        ("… named as themselves", str(found.named)),
        ("pairs of mistakes", str(found.pairs)),
        ("… misnamed", str(found.misnamed)),
        ("right alternatives", str(found.alternatives)),
        ("… failed", str(found.failed)),
        ("share of a passing run that naming takes", f"{found.naming_share:.1%}"),
    ]
    return [f"{label:<44}{value:>6}" for label, value in rows]


def matrix(failing: Mapping[str, Sequence[int]]) -> str:
    """Which stages' tests see each mistake, as a table in Markdown."""
    numbers = [stage.number for stage in STAGES]
    lines = [
        "# Which stage sees which mistake",
        "",
        "Written by `python -m groundup.proof`. ● the mistake's own stage, ○ a later one.",
        "",
        f"| mistake | {' | '.join(f'{n:02d}' for n in numbers)} |",
        f"|---|{':-:|' * len(numbers)}",
    ]
    for name in sorted(failing, key=lambda name: (catalogue.find(name).stage.number, name)):
        own = catalogue.find(name).stage.number
        marks = ["" if n not in failing[name] else "●" if n == own else "○" for n in numbers]
        lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
