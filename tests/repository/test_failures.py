"""What a learner reads when something is wrong: the exact lines."""

import sys

import pytest

from groundup.failures import ANOTHER_MATTER
from groundup.stages import STAGES
from groundup.telling import Failure, Run, tell

LAYERS = "assignments/02_layers/s02_layers/adapter.py"


def write(course, function: str, body: str) -> None:
    """Fill `function` of the layers stub with one line."""
    adapter = course / LAYERS
    head, found, tail = adapter.read_text(encoding="utf-8").partition(f"def {function}(")
    assert found, function
    tail = tail.replace("raise NotImplementedError", body, 1)
    adapter.write_text(head + found + tail, encoding="utf-8")


def listing(done) -> list[str]:
    _, _, text = done.stdout.partition("what is not right yet")
    return [line for line in text.splitlines()[1:-1] if line]


def told(done, test: str) -> list[str]:
    """The lines printed for one test, its name first."""
    lines = listing(done)
    start = next(number for number, line in enumerate(lines) if test in line)
    rest = next((n for n, line in enumerate(lines[start + 1 :]) if line[0] != " "), len(lines))
    return lines[start : start + 1 + rest]


@pytest.fixture(scope="module")
def broken(run, tmp_path_factory, copy_course):
    """One run over layers with a different fault in each function."""
    course = copy_course(tmp_path_factory.mktemp("broken"))
    write(course, "silu", "return 2 * torch.sigmoid(x)")
    write(course, "softmax", "return y")
    write(course, "cross_entropy", "return (logits[..., 0] - targets).mean(dim=-1)")
    (course / "tests/stage_02/test_skipping.py").write_text(SKIPPING, encoding="utf-8")
    return run("pytest", "tests/stage_02", "-q", cwd=course)


SKIPPING = """
import pytest
import torch

from s02_layers import softmax

def test_that_waits_for_another_exception():
    with pytest.raises(KeyError):
        softmax(torch.ones(2), dim=0)

def test_that_skips():
    pytest.skip("tired")

def test_that_is_expected_to_fail():
    pytest.xfail("hard")
"""


def test_a_stub_is_one_line_with_the_tests_that_wait_for_it(broken):
    lines = [line for line in listing(broken) if "SwiGLU" in line]
    assert lines == [f"not written yet: SwiGLU.__init__ ({LAYERS}:91)  9 tests"]
    assert listing(broken)[-1].startswith("not written yet: ")


def test_a_wrong_value_is_a_small_difference(broken):
    assert told(broken, "test_silu_and_its_gradient_stay_finite_far_from_zero")[:6] == [
        "tests/stage_02/test_activations.py::test_silu_and_its_gradient_stay_finite_far_from_zero",
        "  x · σ(x)",
        "  3 of 5 values differ",
        "    at [2]: expected 0, found 1",
        "    at [3]: expected 95, found 2",
        "    at [4]: expected 200, found 2",
    ]


def test_a_crash_names_the_learners_line(broken):
    assert told(broken, "test_softmax_along_each_axis")[1:3] == [
        "  NameError: name 'y' is not defined",
        f"  at {LAYERS}:102 in softmax",
    ]


def test_a_crash_in_an_earlier_reference_names_the_learners_line(run, course):
    write(course, "cross_entropy", "return outer(logits)")
    adapter = course / LAYERS
    text = adapter.read_text(encoding="utf-8")
    outer = "from s01_bpe import open_tokens\n\n\ndef outer(path):\n    return open_tokens(path)"
    adapter.write_text(f"{text}\n\n{outer}\n", encoding="utf-8")
    place = len(adapter.read_text(encoding="utf-8").splitlines())
    words = ["pytest", "tests/stage_02", "-q", "-k", "agrees_with_torch", "--reference", "1"]
    lines = told(run(*words, cwd=course), "test_cross_entropy_agrees_with_torch")
    assert lines[1].startswith("  TypeError: ")
    assert lines[2] == f"  at {LAYERS}:{place} in outer"


def test_an_exception_that_was_not_expected_is_told_with_the_one_that_was(broken):
    assert told(broken, "test_that_waits_for_another_exception")[1:4] == [
        "  NameError: name 'y' is not defined",
        "  expected: KeyError",
        f"  at {LAYERS}:102 in softmax",
    ]


def test_a_message_that_says_too_little_is_another_matter():
    text = f"{ANOTHER_MATTER}\n should hold: '7'\n says:        'd_head must be even'\nat x.py:3"
    test = "tests/stage_03/test_rope.py::test_rope_refuses_an_odd_d_head"
    failures = [Failure(f"{test}[{number}]", text) for number in range(2)]
    _, second = tell(Run(STAGES, failures=failures), {})
    assert second.text == (
        "and another matter. The error is right, but not what it says: should hold: '7', "
        "says: 'd_head must be even'"
    )


def test_a_wrong_shape_is_told_by_the_signature(broken):
    lines = told(broken, "test_cross_entropy_agrees_with_torch_in_value_and_gradient")
    assert lines[1].startswith("  TypeCheckError: Type-check error whilst checking the return")
    assert any("Expected type" in line for line in lines)
    assert lines[-2] == f"  at {LAYERS}:105 in cross_entropy"
    assert len(lines) <= 12


def test_a_crash_on_inputs_of_another_size_is_the_same(broken):
    lines = told(broken, "test_cross_entropy_of_equal_logits_is_log_vocab")
    assert len(lines) == 1 and "the same: crash (see test_cross_entropy_agrees" in lines[0]


def test_the_same_test_with_other_inputs_is_one_line(broken):
    lines = told(broken, "test_cross_entropy_is_the_mean_over_all_leading_axes[3x5]")
    assert len(lines) == 1 and lines[0].endswith(
        "perhaps for the same reason: loss: expected: torch.float32 tensor "
        "found: raises TypeCheckError"
    )


@pytest.mark.parametrize("test", ["test_that_skips", "test_that_is_expected_to_fail"])
def test_a_graded_test_that_skips_has_failed(broken, test):
    assert "a graded test may not skip" in told(broken, test)[1]
    assert broken.returncode == 1
    assert broken.stdout.strip().splitlines()[-1].endswith("s")
    assert "skipped" not in broken.stdout.splitlines()[-1]
    assert "xfailed" not in broken.stdout.splitlines()[-1]


def test_what_python_cannot_read_is_one_line_a_file(run, course):
    write(course, "silu", "return (")
    schedule = course / "assignments/05_adamw_schedule/s05_adamw_schedule/adapter.py"
    text = schedule.read_text(encoding="utf-8").replace("def cosine_schedule(", "def cosine(")
    schedule.write_text(text, encoding="utf-8")
    lines = listing(run("pytest", "tests/stage_02", "tests/stage_05", "-q", cwd=course))
    assert f"tests/stage_02/test_activations.py  {LAYERS}:74: '(' was never closed" in lines
    assert any("cannot import name 'cosine_schedule'" in line for line in lines)


def test_the_usual_traceback_is_there_when_asked_for(run):
    done = run("pytest", "tests/stage_02", "-q", "-k", "silu_is", "--tb=short")
    assert "raise NotImplementedError" in done.stdout
    assert "what is not right yet" not in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="no other system keeps to a limit of memory")
def test_tokens_that_grow_without_end_are_told_with_their_line(run, tmp_path, copy_course):
    course = copy_course(tmp_path)
    adapter = course / "assignments/01_bpe/s01_bpe/adapter.py"
    text = adapter.read_text(encoding="utf-8")
    body = "token = b'a'\n    while True:\n        token += token"
    adapter.write_text(text.replace("raise NotImplementedError", body, 1), encoding="utf-8")
    done = run("pytest", "tests/stage_01", "-q", "-k", "which_ids_the_vocabulary_has", cwd=course)
    (_, error, place) = told(done, "test_which_ids_the_vocabulary_has")[:3]
    assert error == "  MemoryError: there is no memory left; does something grow with every step?"
    assert place.endswith("in train_bpe")
