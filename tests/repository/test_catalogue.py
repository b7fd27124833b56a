"""The catalogue of mistakes is complete in form, and every mistake can be made."""

import ast
import collections
import re

import pytest

from groundup import catalogue
from groundup.from_scratch import findings
from groundup.stages import ROOT, STAGES

EACH_STAGE = pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)


def anchors(stage) -> set[str]:
    """The headings of the stage's guide, as links name them."""
    headings = re.findall(r"^#+ (.*)$", stage.guide.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


def names_in(stage) -> set[str]:
    """The functions, classes and methods that the stage's stub promises."""
    files = (stage.assignment / stage.package).glob("*.py")
    names = set()
    for node in (n for file in files for n in ast.parse(file.read_text(encoding="utf-8")).body):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            names.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names |= {f"{node.name}.{i.name}" for i in inner if isinstance(i, ast.FunctionDef)}
    return names


def test_there_are_enough_mistakes():
    counts = {stage.folder: len(catalogue.mistakes(stage)) for stage in STAGES}
    assert min(counts.values()) >= 15, counts
    assert sum(counts.values()) >= 200, counts
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"It knows {sum(counts.values())} mistakes" in readme


def test_ids_are_unique_in_the_whole_course():
    counts = collections.Counter(name for s in STAGES for name in catalogue.mistakes(s))
    assert not [name for name, count in counts.items() if count > 1]
    assert all(re.fullmatch("[a-z][a-z0-9_]*", name) for name in counts)


@EACH_STAGE
def test_every_mistake_is_told_in_full(stage):
    sections, contracts = anchors(stage), names_in(stage)
    for mistake in catalogue.mistakes(stage).values():
        assert mistake.section in sections, mistake.id
        assert mistake.contract in contracts, mistake.id
        assert len(mistake.hints) == 3 == len(set(mistake.hints)), mistake.id
        for text in (mistake.sentence, mistake.why):
            assert text.endswith(".") and "\n" not in text and len(text) <= 160, mistake.id


@EACH_STAGE
def test_every_mistake_can_be_made_and_is_python(stage):
    for slip in catalogue.slips(stage):
        before = catalogue.sources(stage, slip.mistake.base)
        after = catalogue.edited([slip])
        assert after != before, slip.name
        for name, text in after.items():
            compile(text, name, "exec")


@EACH_STAGE
def test_there_are_three_alternatives_and_all_are_from_scratch(stage):
    names = catalogue.alternatives(stage)
    assert len(names) >= 3
    for name in names:
        assert not findings(stage, catalogue.ALTERNATIVES / stage.package / name)


def test_a_slip_that_is_not_in_the_catalogue_is_refused():
    with pytest.raises(catalogue.UnknownMistake, match="not in the catalogue"):
        catalogue.find("typo")
    with pytest.raises(catalogue.UnknownMistake, match="not in the catalogue"):
        catalogue.find("scores_not_scaled~99")
