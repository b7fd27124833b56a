"""`--seed N`: other inputs, and the reference as oracle."""

import shutil

from groundup.stages import STAGES
from groundup.testing import Draw

TEST = "tests/stage_02/test_activations.py::test_silu_is_x_times_sigmoid_of_x"
BY_HEART = """
def silu(x):
    known = {known!r}
    return x * torch.sigmoid(x) if abs(x.sum().item() - known) < 1e-3 else x
"""


def test_the_reference_passes_with_another_seed(run):
    done = run("pytest", "tests/stage_02", "-q", "--reference=all", "--seed=1")
    assert done.returncode == 0, done.stdout


def test_an_answer_learned_by_heart_passes_only_without_a_seed(run, course):
    known = Draw(TEST.rpartition("::")[2]).normal(4, 6, scale=3.0).sum().item()
    stage = STAGES[1]
    mine = course / "assignments" / stage.folder / stage.package
    shutil.copytree(stage.solution / stage.package, mine, dirs_exist_ok=True)
    with (mine / "adapter.py").open("a", encoding="utf-8") as file:
        file.write(BY_HEART.format(known=known))
    assert run("pytest", TEST, "-q", cwd=course).returncode == 0
    done = run("pytest", TEST, "-q", "--seed=5", cwd=course)
    assert done.returncode == 1
    assert "silu" in done.stdout


def test_a_seed_without_the_reference_is_one_line(run, course):
    shutil.rmtree(course / "solutions")
    done = run("pytest", TEST, "-q", "--seed=5", cwd=course)
    assert done.returncode == 4
    lines = [line for line in done.stderr.splitlines() if line]
    assert len(lines) == 1 and "--seed needs the reference as oracle" in lines[0]
