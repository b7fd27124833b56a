"""Which stages' tests see which mistake: `python -m groundup.matrix` writes it to `FILE`.

Each mistake is made in its first way, and the probes of its own stage and of every later stage
that builds on it are run. It takes longer than the proof, and proves nothing more: it shows what
a stage's tests would let pass if its own did not see it.
"""

import sys
from collections.abc import Collection, Mapping

from groundup import catalogue, isolation, sessions
from groundup.sessions import Job
from groundup.stages import ROOT, STAGES, Stage

FILE = ROOT / "tests" / "mistakes" / "MATRIX.md"
SEEN = ("failed", "broken")


def main() -> int:
    jobs = [
        _job(mistake, (stage, *_later(stage)))
        for stage in STAGES
        for mistake in catalogue.mistakes(stage)
    ]
    seen: dict[str, set[Stage]] = {}
    for session in sessions.run(jobs):
        if not session.ended:
            print(f"{session.output}\n{session.job.name}: its tests did not come to an end")
            return 1
        failed = {event["test"] for event in session.events if event["event"] in SEEN}
        seen[session.job.name] = {s for s in map(isolation.stage_of, failed) if s}
        print(f"{len(seen)} of {len(jobs)}", end="\r", flush=True)
    FILE.write_text(table(seen), encoding="utf-8")
    print(f"written to {FILE.relative_to(ROOT).as_posix()}")
    return 0


def _later(stage: Stage) -> list[Stage]:
    return [each for each in STAGES[stage.number :] if stage in isolation.used_by(each)]


def _job(mistake: str, stages: tuple[Stage, ...]) -> Job:
    tests = [str(stage.tests) for stage in stages]
    words = [*tests, "--reference=all", "--probes", f"--mistake={mistake}"]
    return Job(mistake, words, {isolation.VARIABLE: "1"}, warm_up=stages)


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
            marks = ["" if s not in seen[name] else "●" if s == own else "○" for s in STAGES]
            lines.append(f"| `{name}` | {' | '.join(marks)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.exit(main())
