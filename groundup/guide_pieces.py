"""The pieces of a guide: sections, each with the tests that are to pass once it is written."""

import functools
import re
import shlex

from _pytest.mark.expression import Expression  # what -k means

from groundup.stages import ROOT, Stage


def anchor(heading: str) -> str:
    """GitHub's, of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@functools.cache
def pieces(stage: Stage) -> list[tuple[str, list[str], str]]:
    """Of every pytest command in the guide but that of the whole stage: the anchor of its section,
    the tests that it names, and its -k."""
    section, found = "", []
    text = stage.guide.read_text(encoding="utf-8").replace("\\\n", "")
    for line in text.splitlines():
        if heading := re.match("##+ (.+)", line):
            section = anchor(heading[1])
        elif line.startswith("pytest tests/"):
            words, _, wanted = line.removeprefix("pytest ").partition(" -k ")
            found.append((section, words.split(), "".join(shlex.split(wanted))))
    whole = [stage.tests.relative_to(ROOT).as_posix()]
    return [piece for piece in found if piece[1:] != (whole, "")]


def section_of(stage: Stage, test: str) -> str:
    """The anchor of the first section whose command selects `test`; empty if none does."""
    for section, paths, wanted in pieces(stage):
        if any(test.startswith(path) for path in paths) and (not wanted or selects(wanted, test)):
            return section
    return ""


def selects(expression: str, test: str) -> bool:
    """Whether -k selects a test: pytest looks for each word in the names of file and function."""
    file, _, function = test.partition("::")
    names = f"{file.rpartition('/')[2]}::{function}".lower()

    def is_in_names(word: str, /, **_: object) -> bool:
        return word.lower() in names

    return Expression.compile(expression).evaluate(is_in_names)
