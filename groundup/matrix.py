"""Which stages' tests see which mistake: `python -m groundup.matrix` writes it to `FILE`.

Each mistake is made in its first way, and the probes of every later stage that builds on its own
are run; what its own stage sees was recorded. It takes longer than the proof, and proves nothing
more: it shows which mistakes a later stage would let pass.
"""

import sys
from collections.abc import Collection, Mapping

from groundup import catalogue, isolation, sessions
from groundup.isolation import stage_of
from groundup.proof import recorded_probes
from groundup.sessions import Job
from groundup.stages import ROOT, STAGES, Stage

FILE = ROOT / "tests" / "mistakes" / "MATRIX.md"
SEEN = ("failed", "broken")


def main() -> int:
    seen = {name: {stage} for stage in STAGES for name in _recorded(stage)}
    jobs = [
        _job(mistake, stage, later)
        for stage in STAGES
        if (later := _later(stage))
        for mistake in catalogue.mistakes(stage)
    ]
    for number, session in enumerate(sessions.run(jobs), start=1):
        if not session.ended:
            print(f"{session.output}\n{session.job.name}: its tests did not come to an end")
            return 1
        failed = {event["test"] for event in session.events if event["event"] in SEEN}
        seen.setdefault(session.job.name, set()).update(filter(None, map(stage_of, failed)))
        print(f"{number} of {len(jobs)}", end="\r", flush=True)
    FILE.write_text(table(seen), encoding="utf-8")
    print(f"written to {FILE.relative_to(ROOT).as_posix()}")
    return 0


def _recorded(stage: Stage) -> set[str]:
    """The slips that a probe of their own stage saw when it was recorded."""
    return {slip for probe in recorded_probes(stage) for slip in probe.seen_by}


def _later(stage: Stage) -> list[Stage]:
    return [each for each in STAGES[stage.number :] if stage in isolation.used_by(each)]


def _job(mistake: str, stage: Stage, later: list[Stage]) -> Job:
    tests = [str(each.tests) for each in later]
    words = [*tests, "--reference=all", "--probes", f"--mistake={mistake}"]
    return Job(mistake, words, {isolation.VARIABLE: "1"}, warm_up=(stage, *later))


def table(seen: Mapping[str, Collection[Stage]]) -> str:
    """In Markdown: a row for each mistake, a column for each stage."""
    lines = [
        "# Which stage sees which mistake",
        "",
        "Written by `python -m groundup.matrix`. ● the mistake's own stage sees it, ○ a later one.",
        "",
        f"| mistake | {' | '.join(f'{stage.number:02d}' for stage in STAGES)} |",
        f"|---|{':-:|' * len(STAGES)}",
    ]
    for own in STAGES:
        for name in catalogue.mistakes(own):
            by = seen.get(name, ())
            marks = ["" if s not in by else "●" if s == own else "○" for s in STAGES]
            lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
