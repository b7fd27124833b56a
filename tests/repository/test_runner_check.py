"""`groundup check` and `groundup status`, on a copy of the course in every state a stage can be."""

import json
import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

STUB, DONE, EMPTY, CRASHING, BROKEN = 1, 2, 3, 4, 5


def write_tests(course: Path, stage: int, text: str) -> None:
    """Make `text` the only graded tests of a stage."""
    folder = course / "tests" / f"stage_{stage:02d}"
    shutil.rmtree(folder)
    folder.mkdir()
    if text:
        (folder / "test_it.py").write_text(dedent(text), encoding="utf-8")


STUB_TESTS = """
import pytest
from s01_bpe import train_bpe

def test_that_needs_no_code():
    assert 1 + 1 == 2

@pytest.mark.points(3)
@pytest.mark.parametrize("size", [300, 400])
def test_bpe_learns(size, tmp_path):
    train_bpe(tmp_path / "text", size, [])
"""

DONE_TESTS = """
import torch
from groundup.testing import assert_close
from s02_layers import silu

def test_silu_of_zero(draw):
    assert_close(silu(torch.zeros(2)), torch.zeros(2), "0 times 1/2")
"""

CRASHING_TESTS = """
import os

def test_before_the_crash():
    pass

def test_that_takes_python_down():
    os._exit(7)
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course):
    """Stage 1 a stub, 2 done, 3 without tests, 4 crashing, 5 with a syntax error."""
    course = copy_course(tmp_path_factory.mktemp("check"))
    write_tests(course, STUB, STUB_TESTS)
    done = Path("02_layers", "s02_layers")
    shutil.copytree(course / "solutions" / done, course / "assignments" / done, dirs_exist_ok=True)
    write_tests(course, DONE, DONE_TESTS)
    write_tests(course, EMPTY, "")
    write_tests(course, CRASHING, CRASHING_TESTS)
    broken = course / "assignments" / "05_adamw_schedule" / "s05_adamw_schedule" / "adapter.py"
    broken.write_text("class AdamW(\n", encoding="utf-8")
    write_tests(course, BROKEN, "from s05_adamw_schedule import AdamW\n")
    return course


@pytest.fixture(scope="module")
def checked(course, run):
    """All five, one after the other, with additions to pytest's options that must not count."""
    words = ["check", "1", "2", "3", "04", "05_adamw_schedule", "--all"]
    return run("groundup", *words, cwd=course, PYTEST_ADDOPTS="-k nothing_at_all")


HEADER = (
    "code under test: 01_bpe yours, 02_layers yours, 03_attention_rope yours, "
    "04_transformer yours, 05_adamw_schedule yours"
)


def test_check_prints_stage_by_stage(checked):
    timeless = re.sub(r" +\d+\.\d s", " TIME", checked.stdout)
    where = re.search(r"adapter\.py:\d+", timeless)
    assert where, timeless
    expected = f"""\
        {HEADER}
        01_bpe                 1/3 tests     1/7 points TIME  yours
          tests/stage_01/test_it.py::test_bpe_learns[300]
            not written yet: train_bpe (assignments/01_bpe/s01_bpe/{where.group()})
          next: read guides/01_bpe.md, then run pytest tests/stage_01 -k test_bpe_learns
        02_layers              1/1 tests     1/1 points TIME  yours
        03_attention_rope      0/0 tests     0/0 points TIME  yours
          tests/stage_03
            no test was found in tests/stage_03
          next: read guides/03_attention_rope.md, then run pytest tests/stage_03
        04_transformer         1/2 tests     1/2 points TIME  yours
          tests/stage_04/test_it.py::test_that_takes_python_down
            pytest crashed (exit code 7)
          next: read guides/04_transformer.md, then run \
pytest tests/stage_04 -k test_that_takes_python_down
        05_adamw_schedule      0/0 tests     0/0 points TIME  yours
          tests/stage_05/test_it.py
            assignments/05_adamw_schedule/s05_adamw_schedule/adapter.py:1: '(' was never closed
          next: read guides/05_adamw_schedule.md, then run pytest tests/stage_05
        1 of 5 stages done.
        """
    assert timeless == dedent(expected)


def test_check_is_plain_text_when_piped(checked):
    assert "\x1b" not in checked.stdout
    assert checked.stderr == ""


def test_check_exits_1_unless_all_asked_for_is_done(checked):
    assert checked.returncode == 1


def test_check_stops_at_the_first_stage_that_is_not_done(course, checked, run):
    stopped = run("groundup", "check", "1", "2", "3", cwd=course)
    assert stopped.returncode == 1
    assert "02_layers  " not in stopped.stdout
    assert stopped.stdout.endswith(
        "2 stages after it not run; --all goes on.\n0 of 3 stages done.\n"
    )


def test_check_of_a_done_stage_exits_0_and_says_what_is_next(course, checked, run):
    done = run("groundup", "check", "2", cwd=course)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-2:] == [
        "1 of 1 stage done.",
        "next: read guides/01_bpe.md, then run pytest tests/stage_01 -k test_bpe_learns",
    ]


def test_the_reference_leaves_the_own_result_alone(course, checked, run):
    own = saved(course)["02_layers yours"]
    variable = run("groundup", "check", "2", cwd=course, GROUNDUP_REFERENCE="1,2")
    assert variable.returncode == 0
    assert variable.stdout.startswith("code under test: 01_bpe reference, 02_layers reference\n")
    results = saved(course)
    assert results["02_layers reference"]["owner"] == "reference"
    assert {**results["02_layers yours"], "when": 0, "seconds": 0} == {
        **own,
        "when": 0,
        "seconds": 0,
    }


def saved(course: Path) -> dict[str, dict[str, object]]:
    return json.loads((course / ".groundup" / "results.json").read_text(encoding="utf-8"))


def test_status_shows_the_last_results_without_running_a_test(course, checked, run):
    (course / "tests" / "stage_02" / "conftest.py").write_text("1 / 0\n", encoding="utf-8")
    try:
        shown = run("groundup", "status", cwd=course)
    finally:
        (course / "tests" / "stage_02" / "conftest.py").unlink()
    dateless = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "DATE", shown.stdout).splitlines()
    assert shown.returncode == 0
    assert dateless[0] == "01_bpe                 1/3 tests     1/7 points  DATE"
    assert (
        dateless[1] == "02_layers              1/1 tests     1/1 points  DATE  files changed since"
    )
    assert dateless[5:8] == [
        "06_training         not checked yet",
        "07_decoding         not checked yet",
        "08_benchmarking     not checked yet",
    ]
    assert dateless[-1].startswith("next: read guides/01_bpe.md, then run pytest tests/stage_01 -k")


def test_status_sends_back_to_a_stage_whose_code_changed(course, checked, run):
    contract = course / "assignments" / "01_bpe" / "s01_bpe" / "adapter.py"
    text = contract.read_text(encoding="utf-8")
    contract.write_text(text + "# a change\n", encoding="utf-8")
    try:
        lines = run("groundup", "status", cwd=course).stdout.splitlines()
    finally:
        contract.write_text(text, encoding="utf-8")
    assert lines[0].endswith("files changed since")
    assert lines[1].endswith("files changed since"), "stage 2 was checked on another stage 1"
    assert lines[-1] == "next: run groundup check 1"


def test_results_of_another_version_are_refused_in_one_line(course, checked, run):
    file = course / ".groundup" / "results.json"
    text = file.read_text(encoding="utf-8")
    file.write_text('{"02_layers yours": {"passed": 1}}', encoding="utf-8")
    try:
        refused = run("groundup", "status", cwd=course)
    finally:
        file.write_text(text, encoding="utf-8")
    assert refused.returncode == 1
    assert refused.stderr == (
        "groundup: .groundup/results.json does not hold results of this version of groundup; "
        "delete it and run groundup check\n"
    )


def test_groundup_alone_says_what_to_do_first(course_before_any_check, run):
    alone = run("groundup", cwd=course_before_any_check)
    assert alone.returncode == 0
    assert alone.stdout.splitlines()[-1] == (
        "next: read guides/01_bpe.md, write assignments/01_bpe/s01_bpe/adapter.py, "
        "then run groundup check 1"
    )


@pytest.fixture
def course_before_any_check(tmp_path, copy_course):
    return copy_course(tmp_path)
