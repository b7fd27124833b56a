"""The learner's first run: every graded test is red, in one line, with no traceback."""

import re
import shutil

from groundup.stages import STAGES

LINE = re.compile(
    r"^(?P<test>tests/stage_(?P<of>\d\d)/\S+(?: \S+)*)  not written yet: [\w.]+ "
    r"\(assignments/(?P<in>\d\d)_\w+/s\d\d_\w+/adapter\.py:\d+\)$"
)


def test_every_stub_is_red_with_one_line_and_no_traceback(run, course):
    shutil.rmtree(course / "solutions")  # nothing of it may be needed
    done = run("pytest", *(f"tests/{stage.tests.name}" for stage in STAGES), "-v", cwd=course)
    start = done.stdout.index("what is not right yet")
    *listing, summary = done.stdout[start:].strip().splitlines()[1:]
    lines = [line for line in listing if line]
    unlike = [line for line in lines if not LINE.match(line)]
    assert not unlike, "\n".join(unlike)
    assert f" {len(lines)} failed in" in summary
    for line in lines:
        found = LINE.match(line)
        assert found["in"] <= found["of"], line


def test_there_are_enough_graded_tests(run):
    folders = [f"tests/{stage.tests.name}" for stage in STAGES]
    done = run("pytest", *folders, "--collect-only", "-q", "--reference", "all")
    per_stage = [done.stdout.count(f"tests/{stage.tests.name}/") for stage in STAGES]
    assert min(per_stage) >= 10
    assert sum(per_stage) >= 120
