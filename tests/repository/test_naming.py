"""A mistake is named if one explains everything that was seen, and never otherwise."""

import numpy as np

from groundup.naming import Probe, probe_of, resolve
from groundup.observations import Record
from groundup.snapshots import Snapshot


def passed(test, *seen_by):
    return Probe(test=test, passed=True, seen_by=frozenset(seen_by))


def failed(test, *fitting, seen_by=(), crashed=False, rich=True):
    found = frozenset(fitting)
    return Probe(
        test=test,
        passed=False,
        seen_by=found | set(seen_by),
        fitting=found,
        recognised=frozenset() if crashed else found,
        unmistakable=found if rich and not crashed else frozenset(),
    )


def test_the_only_mistake_that_fits_is_named():
    assert resolve([failed("a", "scale")]) == {"a": ["scale"]}


def test_another_test_tells_two_mistakes_apart():
    assert resolve([failed("a", "scale", "shift"), failed("b", "shift")]) == {
        "a": ["shift"],
        "b": ["shift"],
    }


def test_a_test_that_passed_rules_out_what_it_would_have_seen():
    assert resolve([failed("a", "scale", "shift"), passed("b", "scale")]) == {"a": ["shift"]}


def test_mistakes_that_nothing_tells_apart_are_all_said():
    assert resolve([failed("a", "scale", "shift")]) == {"a": ["scale", "shift"]}


def test_two_ways_of_one_mistake_are_one_name():
    assert resolve([failed("a", "scale", "scale~2")]) == {"a": ["scale"]}


def test_a_value_that_no_mistake_gives_is_unknown():
    assert resolve([failed("a", seen_by=["scale"])]) == {}


def test_a_crash_alone_names_nothing():
    assert resolve([failed("a", "scale", crashed=True)]) == {}


def test_a_crash_goes_with_a_mistake_that_was_recognised_elsewhere():
    probes = [failed("a", "scale", crashed=True), failed("b", "scale")]
    assert resolve(probes) == {"a": ["scale"], "b": ["scale"]}


def test_of_two_mistakes_each_is_named_where_it_shows_alone():
    probes = [failed("a", "scale"), failed("b", "shift"), failed("c", seen_by=["scale", "shift"])]
    assert resolve(probes) == {"a": ["scale"], "b": ["shift"]}


def test_of_two_mistakes_none_is_named_by_a_value_that_could_be_chance():
    probes = [failed("a", "flag", rich=False), failed("b", seen_by=["flag"])]
    assert resolve(probes) == {}


def test_of_two_mistakes_none_is_named_that_another_test_would_have_seen():
    assert resolve([failed("a", "scale"), failed("b"), passed("c", "scale")]) == {}


def snapshot(**mistakes):
    parts = {"x": Record("float", np.arange(9.0)), "n": Record("int", np.array(3))}
    return Snapshot(parts, rtol=0, atol=1e-6, mistakes=mistakes)


def test_an_observation_fits_a_mistake_if_all_its_parts_do():
    doubled = Record("float", 2 * np.arange(9.0))
    recorded = snapshot(double={"x": doubled}, more={"x": doubled, "n": Record("int", np.array(4))})
    parts = {"x": doubled, "n": Record("int", np.array(3))}
    probe = probe_of("a", False, recorded, parts)
    assert probe.fitting == probe.unmistakable == {"double"}
    assert probe.seen_by == {"double", "more"}


def test_few_numbers_may_be_a_coincidence():
    four = Record("int", np.array(4))
    parts = {"x": Record("float", np.arange(9.0)), "n": four}
    probe = probe_of("a", False, snapshot(more={"n": four}), parts)
    assert probe.fitting == {"more"} and not probe.unmistakable


def test_what_crashes_in_the_same_test_may_be_the_mistake():
    probe = probe_of(
        "a", False, snapshot(broken=None, more={"n": Record("int", np.array(4))}), None
    )
    assert probe.fitting == {"broken"} and not probe.recognised
