"""Guides can be followed alone: their sections, links, commands and code hold."""

import json
import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from groundup.guide_pieces import anchor, pieces, section_of, selects
from groundup.stages import ROOT, STAGES

SECTIONS = [
    "Goal",
    "Time and cost",
    "Idea",
    "Contract",
    "Build it",
    "If you are stuck",
    "Checkpoints",
    "Measure",
    "Go further",
]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "guides").glob("*.md")])
by_stage = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", text_of(page), flags=re.DOTALL)


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text_of(page), re.MULTILINE | re.DOTALL)


@cache
def anchors(page: Path) -> set[str]:
    """GitHub's anchors of the headings of a page."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {anchor(heading) for heading in headings}


@by_stage
def test_a_guide_has_its_sections_in_order(stage):
    assert re.findall(r"^## (.+)$", prose(stage.guide), re.MULTILINE) == SECTIONS
    assert text_of(stage.guide).startswith(f"# {stage.number:02d} ")


@by_stage
def test_a_guide_is_long_enough_to_follow_and_short_enough_to_read(stage):
    assert 1_400 <= len(text_of(stage.guide).split()) <= 2_500


@by_stage
def test_a_guide_has_a_figure_and_all_three_kinds_of_help(stage):
    assert re.search(r"!\[[^\]]+\]\(figures/\S+\.svg\)", text_of(stage.guide))
    summaries = re.findall(r"<summary>(.*?)</summary>", text_of(stage.guide))
    for kind in ("Hint", "Symptom", "Question"):
        assert any(kind in summary for summary in summaries), kind


@by_page
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        file, _, place = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.exists(), f"{page.name}: {target}"
        assert not place or place in anchors(path), f"{page.name}: {target}"


RUN_PAGES = """
import json, sys, traceback
from groundup import reference
reference.activate(reference.parse("all"))
failed = []
for name, code in json.load(sys.stdin).items():
    try:
        exec(compile(code, name, "exec"), {"__name__": name})
    except Exception:
        failed.append(name + ": " + traceback.format_exc())
sys.exit("".join(failed) or 0)
"""


def test_python_in_the_pages_runs(tmp_path):
    """Each page's blocks in order, in a namespace of their own, on the reference."""
    pages = {page.name: "\n".join(blocks(page, "python")) for page in PAGES}
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", RUN_PAGES],
        cwd=tmp_path, input=json.dumps(pages), capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def commands(page: Path) -> list[list[str]]:
    lines = "".join(blocks(page, "bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line, comments=True) for line in lines if line.strip()]


KNOWN = {
    "pytest",
    "python",
    "python3",
    "groundup",
    "make",
    "git",
    "cd",
    "source",
    "pip",
    "torchrun",
}


@by_page
def test_commands_in_a_page_are_ones_a_learner_has(page):
    for words in commands(page):
        if not words:
            continue
        assert words[0] in KNOWN or words[0].startswith((".venv", "GROUNDUP_")), words
        for word in words[1:]:
            if word.startswith(("tests/", "guides/", "assignments/", "solutions/")):
                assert (ROOT / word.partition("::")[0]).exists(), words


@cache
def collected(run) -> tuple[str, ...]:
    done = run("pytest", "tests", "--collect-only", "-q", "--reference", "all")
    return tuple(line for line in done.stdout.splitlines() if "::" in line)


@by_page
def test_every_pytest_command_selects_a_test(page, run):
    for words in commands(page):
        if words[:1] != ["pytest"]:
            continue
        folders = [word for word in words[1:] if word.startswith("tests/")] or ["tests/"]
        wanted = words[words.index("-k") + 1] if "-k" in words else ""
        names = [name for name in collected(run) if any(name.startswith(f) for f in folders)]
        assert any(not wanted or selects(wanted, name) for name in names), " ".join(words)


@by_stage
def test_a_piece_of_a_guide_is_a_section_with_tests(stage):
    assert len(pieces(stage)) >= 5
    assert {section for section, *_ in pieces(stage)} <= anchors(stage.guide)


@pytest.mark.parametrize(
    ("test", "section"),
    {
        "stage_01/test_training.py::test_a_vocabulary_too_small_is_refused": "ids-and-the-end-of-"
        "training",
        "stage_01/test_training.py::test_ties_of_bytes[é]": "ties",
        "stage_03/test_rope.py::test_rope_far_out": "precision-and-devices",
        "stage_07/test_stream.py::test_anything": "stream",
        "stage_08/test_timing.py::test_percentiles_of_single_steps": "timing",
        "stage_08/test_timing.py::test_utilisation_of_different_devices": "utilisation",
        "stage_02/test_promises.py::test_that_no_piece_names": "",
    }.items(),
)
def test_the_section_that_a_test_belongs_to(test, section):
    stage = STAGES[int(test[6:8]) - 1]
    assert section_of(stage, f"tests/{test}") == section


@by_page
def test_groundup_commands_exist(page, run):
    for words in commands(page):
        if words[:1] == ["groundup"] and len(words) > 1 and not words[1].startswith("-"):
            assert _help_exit_code(run, words[1]) == 0, " ".join(words)


@cache
def _help_exit_code(run, command: str) -> int:
    return run("groundup", command, "--help").returncode


def test_guides_and_readme_name_no_missing_file():
    pattern = r"`((?:guides|assignments|solutions|tests|fixtures|groundup)/[\w/.\-]+)`"
    for page in PAGES:
        for path in re.findall(pattern, prose(page)):
            assert (ROOT / path).exists(), f"{page.name}: {path}"
