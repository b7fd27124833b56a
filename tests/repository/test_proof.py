"""The proof complains where it should, and the matrix is about the catalogue as it is."""

import multiprocessing
import re

import pytest

from groundup import catalogue, matrix, proof, sessions
from groundup.naming import Probe
from groundup.sessions import Job, Session
from groundup.stages import STAGES

FIRST, SECOND, THIRD = list(catalogue.mistakes(STAGES[2]))[:3]
TEST = "tests/stage_03/test_it.py::test_it"


def session(*probes):
    events = [
        {"event": "told", "tests": [], "probes": [probe.plain() for probe in probes]},
        {"event": "end", "code": 1, "seconds": 1.0},
    ]
    return Session(Job("it", []), 1, "", events)


def failed(*fitting):
    found = frozenset(fitting)
    return Probe(
        test=TEST, passed=False, seen_by=found, fitting=found, recognised=found, unmistakable=found
    )


def findings_of(*probes, others=()):
    found = proof.Findings()
    proof._judge_slip(catalogue.find(FIRST), session(*probes), others, found)
    return found


def test_a_slip_that_is_named_is_proven():
    found = findings_of(failed(FIRST))
    assert (found.slips, found.caught, found.named, found.complaints) == (1, 1, 1, [])


def test_a_slip_that_every_probe_lets_pass_is_complained_of():
    found = findings_of(Probe(test=TEST, passed=True, seen_by=frozenset()))
    assert (found.caught, found.named) == (0, 0)
    assert "is not caught by its own stage" in found.complaints[0]


@pytest.mark.parametrize("fitting", [(SECOND,), (FIRST, SECOND), ()])
def test_a_slip_with_another_name_or_two_or_none_is_complained_of(fitting):
    found = findings_of(failed(*fitting))
    assert (found.caught, found.named) == (1, 0)
    assert f"{FIRST} is called" in found.complaints[0]


def test_what_passed_when_it_was_recorded_rules_mistakes_out():
    passed = Probe(test=f"{TEST}_too", passed=True, seen_by=frozenset({SECOND}))
    assert findings_of(failed(FIRST, SECOND), others=[passed]).named == 1


@pytest.mark.parametrize(("ids", "misnamed"), [([], 0), ([FIRST], 0), ([THIRD], 1)])
def test_two_mistakes_may_be_called_by_either_name_or_none(ids, misnamed):
    found = proof.Findings()
    pair = catalogue.find(FIRST), catalogue.find(SECOND)
    proof._judge_pair(pair, session(failed(*ids)), [], found)
    assert (found.pairs, found.misnamed, len(found.complaints)) == (1, misnamed, misnamed)


def test_two_mistakes_that_compute_what_a_third_does_may_be_called_by_its_name():
    for ids, name in proof.TOGETHER.items():
        found = proof.Findings()
        proof._judge_pair(tuple(map(catalogue.find, ids)), session(failed(name)), [], found)
        assert (found.pairs, found.misnamed) == (1, 0)


def test_the_matrix_has_a_row_for_every_mistake_and_each_is_seen_by_its_own_stage():
    text = matrix.FILE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE)
    own = {name: stage for stage in STAGES for name in catalogue.mistakes(stage)}
    assert [name for name, _ in rows] == list(own)
    for name, marks in rows:
        assert marks.split("|")[own[name].number - 1].strip() == "●", name


@pytest.mark.skipif(not sessions.CAN_FORK, reason="without fork there is nothing that serves")
def test_sessions_that_nobody_waits_for_any_more_are_ended():
    before = set(multiprocessing.active_children())
    served = sessions.run([Job(str(number), ["--version"]) for number in range(3)])
    assert next(served).code == 0
    served.close()
    assert set(multiprocessing.active_children()) <= before
