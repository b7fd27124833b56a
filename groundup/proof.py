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
from typing import Any

from groundup import catalogue, isolation, naming, sessions, snapshots
from groundup.catalogue import Slip
from groundup.naming import Probe
from groundup.sessions import Job, Session
from groundup.stages import ROOT, STAGES, Stage

PAIRS = 320
SEED = 1
TOGETHER = {frozenset({"mask_inverted", "causal_mask_excludes_self"}): "causal_mask_upside_down"}
"""Mistakes that together compute what another one does, and so may be called by its name."""
ALONE = {isolation.VARIABLE: "1"}


@dataclass
class Findings:
    slips: int = 0
    caught: int = 0
    named: int = 0
    pairs: int = 0
    misnamed: int = 0
    alternatives: int = 0
    failed: int = 0
    naming_share: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def complain(self, text: str) -> None:
        self.complaints.append(text)
        print(text, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m groundup.proof")
    parser.add_argument("stages", nargs="*", type=int, help="numbers of stages; all if none")
    parser.add_argument("--pairs", type=int, default=PAIRS, help="how many, in all stages")
    parser.add_argument(
        "--every-probe",
        action="store_true",
        help="run also the probes that did not see a slip when it was recorded",
    )
    options = parser.parse_args()
    stages = [s for s in STAGES if not options.stages or s.number in options.stages]
    started = time.perf_counter()
    findings = prove(stages, pairs=options.pairs, every_probe=options.every_probe)
    print("\n".join(["", *table(findings)]))
    print(f"{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores")
    return 1 if findings.complaints else 0


def prove(stages: Sequence[Stage], *, pairs: int, every_probe: bool = False) -> Findings:
    found = Findings()
    slips = {slip.name: slip for stage in stages for slip in catalogue.slips(stage)}
    two = {f"{a.name},{b.name}": (a, b) for a, b in _pairs(list(slips.values()), pairs)}
    others = {f"{s.package}/{name}": s for s in stages for name in catalogue.alternatives(s)}
    probes = {stage: recorded_probes(stage) for stage in stages}
    made = {name: (slip,) for name, slip in slips.items()} | two
    jobs = []
    for name, together in made.items():
        stage = together[0].stage
        tests = [] if every_probe else _seeing(together, probes[stage])
        jobs.append(_session(stage, name, "--probes", f"--mistake={name}", tests=tests))
    jobs += [_session(stage, name, f"--alternative={name}") for name, stage in others.items()]
    seconds: dict[Stage, float] = {}
    for number, session in enumerate(sessions.run(jobs), start=1):
        if sys.stdout.isatty():
            print(f"\r{number} of {len(jobs)}", end="\r", flush=True)
        name = session.job.name
        if name in slips:
            _judge_slip(slips[name], session, probes[slips[name].stage], found)
        elif name in two:
            _judge_pair(two[name], session, probes[two[name][0].stage], found)
        else:
            found.alternatives += 1
            found.failed += session.code != 0
            seconds[others[name]] = session.events[-1]["seconds"]
            if session.code:
                found.complain(f"{name} is right, and failed: {_told(session)}")
    found.naming_share = sum(map(_naming_seconds, stages)) / sum(seconds.values())
    if found.naming_share >= 0.05:
        found.complain("naming costs a passing run 5 % or more")
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


def recorded_probes(stage: Stage) -> list[Probe]:
    """All probes of a stage, passed, with what each would have seen."""
    folder = stage.tests.relative_to(ROOT).as_posix()
    probes = []
    for path in sorted(snapshots.folder(stage).glob("*.npz")):
        file, _, name = path.stem.partition(".")
        snapshot = snapshots.read(path, mistakes=False)
        probes.append(naming.probe_of(f"{folder}/{file}.py::{name}", True, snapshot, None))
    return probes


def _seeing(together: Sequence[Slip], probes: Sequence[Probe]) -> list[str]:
    """The tests that saw one of these slips when they were recorded; the others passed."""
    names = {slip.name for slip in together}
    return [probe.test for probe in probes if names & probe.seen_by]


def _session(stage: Stage, name: str, *options: str, tests: Sequence[str] = ()) -> Job:
    words = [*(tests or [str(stage.tests)]), "--reference=all", *options]
    return Job(name, words, ALONE, warm_up=(stage,))


def _judge_slip(slip: Slip, session: Session, others: Sequence[Probe], found: Findings) -> None:
    caught, names = _named(session, others)
    is_named = bool(names) and all(ids == [slip.mistake.id] for ids in names)
    found.slips += 1
    found.caught += caught
    found.named += is_named
    if not caught:
        found.complain(f"{slip.name} is not caught by its own stage: {_told(session)}")
    elif not is_named:
        found.complain(f"{slip.name} is called {names or 'nothing'}: {_told(session)}")


def _judge_pair(
    pair: Sequence[Slip], session: Session, others: Sequence[Probe], found: Findings
) -> None:
    mine = {slip.mistake.id for slip in pair}
    mine.add(TOGETHER.get(frozenset(mine), ""))
    _, names = _named(session, others)
    wrong = [ids for ids in names if not mine & set(ids)]
    found.pairs += 1
    found.misnamed += bool(wrong)
    if wrong:
        found.complain(f"{session.job.name} is called {wrong}")


def _named(session: Session, others: Sequence[Probe]) -> tuple[bool, list[list[str]]]:
    """Whether a probe failed, and by which names a learner would read of it.

    `others` are the stage's probes as they were recorded, for those that did not run.
    """
    ran = [Probe.from_plain(plain) for plain in _last(session).get("probes", [])]
    tests = {probe.test for probe in ran}
    names = naming.resolve([*ran, *(each for each in others if each.test not in tests)])
    return any(not probe.passed for probe in ran), list(names.values())


def _last(session: Session) -> Mapping[str, list[Any]]:
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
    recorded_probes(stage)
    return time.perf_counter() - started


def table(found: Findings) -> list[str]:
    rows = [
        ("mistakes, each in every way it is written", str(found.slips)),
        ("… caught by their own stage", str(found.caught)),
        ("… named as themselves", str(found.named)),
        ("pairs of mistakes", str(found.pairs)),
        ("… misnamed", str(found.misnamed)),
        ("right alternatives", str(found.alternatives)),
        ("… failed", str(found.failed)),
        ("share of a passing run that naming takes", f"{found.naming_share:.1%}"),
    ]
    return [f"{label:<44}{value:>6}" for label, value in rows]


if __name__ == "__main__":
    sys.exit(main())
