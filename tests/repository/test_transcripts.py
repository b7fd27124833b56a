"""Golden transcripts: the exact text that a learner reads, one for each kind of answer.

With GROUNDUP_TRANSCRIPTS=record in the environment they are written anew, to be read and kept.
"""

import os
import re
import shutil
from pathlib import Path

import pytest

from groundup import catalogue
from groundup.stages import ROOT, STAGES

LEFT_OUT = shutil.ignore_patterns("__pycache__")
TRANSCRIPTS = Path(__file__).parent / "transcripts"


@pytest.fixture(scope="module")
def copied(tmp_path_factory, copy_course):
    return copy_course(tmp_path_factory.mktemp("transcripts"))


@pytest.fixture
def course(copied):
    """One copy for all, put back as it was after each test."""
    yield copied
    for name in ("assignments", "solutions"):
        shutil.rmtree(copied / name, ignore_errors=True)
        shutil.copytree(ROOT / name, copied / name, ignore=LEFT_OUT)


@pytest.fixture
def learner(course):
    """`learner(2, old, new)` fills stage 02 with the reference, where `old` became `new`; or
    `learner(2, mistake=ID)`, with a mistake of the catalogue."""

    def fill(number: int, old: str = "", new: str = "", mistake: str = "") -> None:
        stage = STAGES[number - 1]
        files = catalogue.edited([catalogue.find(mistake)]) if mistake else catalogue.sources(stage)
        if old:
            assert files["adapter.py"].count(old) == 1
            files["adapter.py"] = files["adapter.py"].replace(old, new)
        catalogue.lay_out(stage, files, course / "assignments" / stage.folder)

    return fill


@pytest.fixture
def transcript(run, course, request):
    """Run a command in the course and compare what it prints with the file of this test."""

    def compare(*words: str) -> None:
        done = run("pytest", *words, cwd=course)
        assert done.returncode == 1, done.stdout + done.stderr
        path = TRANSCRIPTS / f"{request.node.name.removeprefix('test_')}.txt"
        text = f"$ pytest {' '.join(words)}\n{told(done.stdout)}"
        if os.environ.get("GROUNDUP_TRANSCRIPTS") == "record":
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


def told(output: str) -> str:
    """From the first finding on, without width, time, and the number of other tests."""
    start = re.search(r"^=+ (not from scratch|what is not right yet) =+$", output, re.MULTILINE)
    assert start, output
    lines = [re.sub(r"^=+ | =+$", "", line) for line in output[start.start() :].splitlines()]
    return re.sub(r"(\d+ failed).* in .*", r"\1", "\n".join(lines)) + "\n"


SCORES = "q / math.sqrt(q.shape[-1]) @ k.mT"


def test_not_written_yet(transcript):
    transcript("tests/stage_02", "-k", "silu_is")


def test_wrong_dtype(learner, transcript):
    learner(2, "return x * torch.sigmoid(x)", "return (x * torch.sigmoid(x)).double()")
    transcript("tests/stage_02", "-k", "silu_where")


def test_not_finite(learner, transcript):
    learner(
        2,
        "return x * torch.sigmoid(x)",
        "return torch.where(x > -50, x * torch.sigmoid(x), x.log())",
    )
    transcript("tests/stage_02", "-k", "silu_where")


def test_a_mistake_by_its_name(learner, transcript):
    learner(3, mistake="scores_not_scaled")
    transcript("tests/stage_03", "--reference", "1,2", "-k", "attention_with")


def test_a_mistake_by_its_name_with_numbers(learner, transcript):
    learner(3, mistake="scores_not_scaled")
    transcript("tests/stage_03", "--reference", "1,2", "-v", "-k", "attention_with_a_mask")


def test_a_clue_from_the_numbers(learner, transcript):
    learner(3, "return self.o_proj(attended", "return 1.7 * self.o_proj(attended")
    transcript("tests/stage_03", "--reference", "1,2", "-k", "self_attention_of")


def test_a_plain_difference(learner, transcript):
    learner(3, SCORES, "(q / math.sqrt(q.shape[-1]) @ k.mT).tanh()")
    transcript("tests/stage_03", "--reference", "1,2", "-k", "attention_without")


def test_the_fault_of_an_earlier_stage(learner, transcript):
    learner(2, "exponentials.sum(dim=dim, keepdim=True)", "exponentials.sum()")
    learner(3)
    transcript("tests/stage_03", "-k", "attention_without")


def test_without_solutions_no_fault_is_given_to_a_stage(learner, transcript, course):
    learner(2, "exponentials.sum(dim=dim, keepdim=True)", "exponentials.sum()")
    learner(3)
    shutil.rmtree(course / "solutions")
    transcript("tests/stage_03", "-k", "attention_without")


def test_a_crash(learner, transcript):
    learner(2, "shifted.exp().sum(dim=-1)", "shifted.exp().sum(dim=logits)")
    transcript("tests/stage_02", "-k", "cross_entropy_of")


def test_not_from_scratch(learner, transcript):
    learner(2, "return x * torch.sigmoid(x)", "return nn.functional.silu(x) * 2")
    transcript("tests/stage_02", "-k", "silu_is")


def test_the_readme_shows_what_is_printed():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"^\$ pytest tests/stage_03.*\n((?:.+\n)+?)```", readme, re.MULTILINE)
    printed = (TRANSCRIPTS / "a_mistake_by_its_name.txt").read_text(encoding="utf-8")
    assert shown in printed
