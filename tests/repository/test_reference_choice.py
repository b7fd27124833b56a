"""Whose code runs: asked for stage by stage, said in the header, never silently swapped."""

import shutil
import sys

import pytest

from groundup import reference
from groundup.stages import STAGES

LAYERS = "tests/stage_02/test_rmsnorm.py"


def test_the_header_says_whose_code_runs_and_the_option_wins(run):
    words = ("pytest", LAYERS, "--collect-only", "--reference", "2")
    done = run(*words, GROUNDUP_REFERENCE="1,3")
    assert "code under test: 01_bpe yours, 02_layers reference\n" in done.stdout


def test_the_environment_variable_chooses_too(run):
    done = run("pytest", LAYERS, "-q", GROUNDUP_REFERENCE="all")
    assert done.returncode == 0, done.stdout


def test_a_choice_that_cannot_be_is_one_line(run):
    done = run("pytest", LAYERS, "--reference=9")
    assert done.returncode == 4
    assert [line for line in done.stderr.splitlines() if line] == [
        "ERROR: reference: '9' is not a stage; write numbers from 1 to 8, as in 1,2, or all"
    ]


@pytest.mark.parametrize("choice", ["9", "0", "two", "1,all", "1;2", "-1", "²"])
def test_a_choice_that_cannot_be_is_refused(choice):
    with pytest.raises(reference.UnknownChoice, match="write numbers from 1 to 8"):
        reference.parse(choice)


def test_a_choice_is_numbers_or_all():
    assert reference.parse("") == ()
    assert reference.parse("2, 01") == STAGES[:2]
    assert reference.parse("all") == STAGES


def test_there_is_no_fall_back_where_the_solutions_are_missing(run, course):
    shutil.rmtree(course / "solutions")
    asked = run("pytest", LAYERS, "--reference", "2", cwd=course)
    assert asked.returncode == 4
    assert "solutions/02_layers is not in this copy of the course" in asked.stderr


def test_a_finished_learner_needs_no_solutions(run, course):
    for stage in STAGES:
        mine = course / "assignments" / stage.folder
        shutil.copytree(stage.solution, mine, dirs_exist_ok=True)
    shutil.rmtree(course / "solutions")
    done = run("pytest", "tests/stage_05", "-q", cwd=course)
    assert done.returncode == 0, done.stdout


def test_a_learners_stage_runs_on_the_references_earlier_ones(run, course):
    three = STAGES[2]
    shutil.copytree(
        three.solution / three.package,
        course / "assignments" / three.folder / three.package,
        dirs_exist_ok=True,
    )
    done = run("pytest", "tests/stage_03", "--reference", "1,2", cwd=course)
    assert done.returncode == 0, done.stdout
    header = "01_bpe reference, 02_layers reference, 03_attention_rope yours\n"
    assert f"code under test: {header}" in done.stdout


def test_a_learners_early_stage_serves_the_references_later_one(run, course):
    learners = course / "assignments/02_layers/s02_layers"
    shutil.copytree(STAGES[1].solution / "s02_layers", learners, dirs_exist_ok=True)
    done = run("pytest", "tests/stage_03", "-q", "--reference", "3", cwd=course)
    assert done.returncode == 0, done.stdout


SPAWN = """
import multiprocessing, sys
from groundup import reference

def where(_):
    import s02_layers
    return s02_layers.__file__

if __name__ == "__main__":
    reference.activate(reference.parse(sys.argv[1]))
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(where, [0])[0])
"""


@pytest.mark.parametrize(("choice", "folder"), [("2", "solutions"), ("", "assignments")])
def test_spawned_workers_see_the_same_choice(run, tmp_path, choice, folder):
    (tmp_path / "spawning.py").write_text(SPAWN, encoding="utf-8")
    done = run("spawning", choice, cwd=tmp_path)
    assert f"/{folder}/02_layers/" in done.stdout.replace("\\", "/"), done.stderr


def test_activate_replaces_an_earlier_choice(monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv(reference.VARIABLE, "")
    reference.activate(reference.parse("2"))
    reference.activate(reference.parse("3"))
    assert str(STAGES[1].solution) not in sys.path
    assert sys.path.count(str(STAGES[2].solution)) == 1
