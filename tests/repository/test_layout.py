"""One number, four doors; small files; nothing that cannot fail."""

import ast
import re
from pathlib import Path

import pytest

from groundup import catalogue
from groundup.stages import ROOT, STAGES

MAX_FILE, MAX_FUNCTION, MAX_LINE = 300, 40, 100
SOURCES = sorted(
    path
    for folder in ("assignments", "solutions", "groundup", "tests", "guides")
    for path in (ROOT / folder).rglob("*.py")
)


def numbered(folder: str, pattern: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob(pattern)}


def test_one_number_opens_four_doors():
    names = {stage.folder for stage in STAGES}
    assert numbered("assignments", "[0-9]*") == names
    assert numbered("solutions", "[0-9]*") == names
    assert numbered("guides", "0[1-9]_*.md") == names
    tests = {stage.tests.name for stage in STAGES}
    assert numbered("tests", "stage_*") == tests
    assert numbered("fixtures", "stage_*") == tests


def functions(path: Path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def own_lines(node: ast.FunctionDef) -> int:
    """Lines of a function without its docstring and without what is defined inside it."""
    docstring = ast.get_docstring(node, clean=False)
    inner = [each for each in node.body if isinstance(each, ast.FunctionDef | ast.ClassDef)]
    lines = node.end_lineno - node.lineno + 1 - (docstring.count("\n") + 1 if docstring else 0)
    return lines - sum(each.end_lineno - each.lineno + 1 for each in inner)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_and_functions_are_small(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    # The catalogue is a list, one entry for each mistake, and as long as there are mistakes.
    assert len(lines) <= MAX_FILE or path.parent == catalogue.FOLDER
    assert max(map(len, lines), default=0) <= MAX_LINE
    long = {
        node.name: own_lines(node) for node in functions(path) if own_lines(node) > MAX_FUNCTION
    }
    assert not long, f"functions over {MAX_FUNCTION} lines: {long}"


SKIPS = re.compile(r"pytest\.(mark\.)?(skip|xfail)|importorskip|raise .*SkipTest")


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_graded_tests_are_short_claims_that_never_skip(stage):
    for path in stage.tests.glob("*.py"):
        assert not SKIPS.search(path.read_text(encoding="utf-8")), path
        for node in functions(path):
            if node.name.startswith("test_"):
                assert own_lines(node) <= 25, f"{path.name}: {node.name}"
                assert node.name.count("_") >= 2, f"{path.name}: {node.name} is no sentence"


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.folder)
def test_graded_tests_use_only_contracts_of_stages_so_far(stage):
    allowed = {other.package for other in STAGES[: stage.number]}
    for path in stage.tests.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            modules += [name.name for name in node.names] if isinstance(node, ast.Import) else []
            ours = {
                module for module in modules if module and re.match(r"s\d\d_|solutions", module)
            }
            assert ours <= allowed, f"{path.name} imports {ours - allowed}"


FORBIDDEN = re.compile(r"torch\.nn\.functional|nn\.functional|import pickle|shell=True|os\.system")


@pytest.mark.parametrize("stage", STAGES[:7], ids=lambda stage: stage.folder)
def test_the_reference_is_from_scratch(stage):
    allowed = {"Module", "Parameter", "ModuleList", "Sequential", "init", "parallel", "Optimizer"}
    for path in stage.solution.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not FORBIDDEN.search(text), path
        used = set(re.findall(r"\bnn\.([A-Za-z]\w*)", text))
        used |= set(re.findall(r"\boptim\.([A-Z]\w*)", text))
        assert used <= allowed, f"{path}: {used - allowed}"
