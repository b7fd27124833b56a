import pytest

from groundup.testing import assert_close, check
from s08_benchmarking import time_phases

NAMES = ("forward", "backward", "optimizer")


class FakeGPU:
    """Queueing a phase takes 1 second; its work is done, and takes its time, at synchronize.

    `work` has the seconds of forward, backward and optimizer for each step in turn.
    """

    def __init__(self, *work, queued=0.0):
        self.work, self.now, self.queued = work, 0.0, queued
        self.calls, self.early_readings, self.readings = [], 0, 0

    def phase(self, place):
        def run():
            done = sum(name == NAMES[place] for name in self.calls)
            self.calls.append(NAMES[place])
            self.now += 1.0
            self.queued += self.work[done % len(self.work)][place]

        return run

    def synchronize(self):
        self.now += self.queued
        self.queued = 0.0

    def clock(self):
        self.readings += 1
        self.early_readings += self.queued > 0
        return self.now

    def times(self, warmup, repeats):
        return time_phases(
            {name: self.phase(place) for place, name in enumerate(NAMES)},
            warmup=warmup,
            repeats=repeats,
            synchronize=self.synchronize,
            clock=self.clock,
        )


def test_each_phase_is_charged_with_its_own_work():
    found = FakeGPU((2.0, 5.0, 0.5)).times(1, 3).split
    expected = {"forward": 3.0, "backward": 6.0, "optimizer": 1.5}
    assert found == expected, f"1 second to queue each, and its work: {expected}, found {found}"


@pytest.mark.parametrize("repeats", [1, 2, 3, 4, 7, 8])
def test_phases_add_up_to_the_step(repeats):
    gpu = FakeGPU((90.0, 0.0, 0.0), (4.0, 9.0, 1.5), (8.0, 3.0, 2.5), (1.0, 20.0, 0.25))
    found = gpu.times(1, repeats)
    assert_close(sum(found.split.values()), found.step.median, "the parts of a step", rtol=1e-12)


def test_the_split_is_that_of_the_median_step():
    # The first is the warm-up. Totals with 3 seconds to queue: 13, 19 and 16, so the third.
    gpu = FakeGPU((50.0, 0.0, 0.0), (1.0, 7.0, 2.0), (9.0, 3.0, 4.0), (2.0, 5.0, 6.0))
    found = gpu.times(1, 3)
    assert_close(found.step.median, 16.0, "of 13, 19 and 16", rtol=1e-12)
    assert found.split == {"forward": 3.0, "backward": 6.0, "optimizer": 7.0}, found.split


def test_the_first_step_is_timed_apart():
    gpu = FakeGPU((60.0, 20.0, 7.0), (5.0, 5.0, 5.0), *[(1.0, 2.0, 1.0)] * 4, queued=500.0)
    found = gpu.times(2, 4)
    assert_close(found.first, 90.0, "87 seconds and 3 to queue; 500 were queued before")
    assert_close(found.step.p90, 7.0, "the two warm-ups are not among the timed steps")


@pytest.mark.parametrize(("warmup", "repeats"), [(1, 1), (3, 4)], ids=["1-1", "3-4"])
def test_every_step_runs_its_phases_once_and_in_order(warmup, repeats):
    gpu = FakeGPU((1.0, 2.0, 3.0))
    gpu.times(warmup, repeats)
    assert gpu.calls == list(NAMES) * (warmup + repeats), f"the calls were {gpu.calls}"


@pytest.mark.points(2)
def test_phases_of_steps_on_a_device_that_runs_behind():
    work = [
        (70.0, 31.0, 9.0),
        (4.0, 9.5, 1.5),
        (8.0, 3.0, 2.5),
        (1.0, 20.0, 0.25),
        (6.0, 5.0, 13.0),
    ]
    observation, gpus = {}, []
    for warmup, repeats in (1, 1), (1, 4), (2, 5), (3, 8):
        gpu = FakeGPU(*work, queued=40.0)
        found, name = gpu.times(warmup, repeats), f"{warmup} warm-ups, {repeats} repeats"
        times = [found.step.p10, found.step.median, found.step.p90, found.first]
        observation[f"{name}: p10, median, p90, first"] = times if gpu.readings else "not read"
        observation[f"{name}: split"] = [found.split.get(each, -1.0) for each in NAMES]
        gpus.append(gpu)
    observation["calls"] = [len(gpu.calls) for gpu in gpus]
    observation["order"] = " ".join(gpus[0].calls)
    observation["readings before the work was done"] = [gpu.early_readings for gpu in gpus]
    check(observation, rtol=1e-12)


class Pausing(FakeGPU):
    """After forward 0.5 seconds pass, and 0.25 after backward, once the clock has been read."""

    def __init__(self, *work, queued=0.0):
        super().__init__(*work, queued=queued)
        self.paused_after = 0

    def clock(self):
        reading = super().clock()
        if len(self.calls) > self.paused_after:
            self.paused_after = len(self.calls)
            self.now += {"forward": 0.5, "backward": 0.25, "optimizer": 0.0}[self.calls[-1]]
        return reading


def test_a_phase_begins_with_the_reading_that_the_one_before_ended_with():
    found = Pausing((2.0, 5.0, 0.5)).times(1, 3)
    expected = {"forward": 3.0, "backward": 6.5, "optimizer": 1.75}
    why = "what passes after a reading is the next phase's: 0.5 seconds after forward, then 0.25"
    assert found.split == expected, f"{why}: {expected}, found {found.split}"
    assert_close(found.step.median, 11.25, "the phases add up to the step", rtol=1e-12)


def test_phases_where_time_passes_between_them():
    work = [(70.0, 31.0, 9.0), (4.0, 9.5, 1.5), (8.0, 3.0, 2.5), (1.0, 20.0, 0.25)]
    observation = {}
    for warmup, repeats in (1, 1), (1, 4), (2, 3):
        gpu = Pausing(*work, queued=40.0)
        found, name = gpu.times(warmup, repeats), f"{warmup} warm-ups, {repeats} repeats"
        times = [found.step.p10, found.step.median, found.step.p90, found.first]
        observation[f"{name}: split"] = [found.split.get(each, -1.0) for each in NAMES]
        observation[f"{name}: p10, median, p90, first"] = times if gpu.readings else "not read"
    check(observation, rtol=1e-12)


@pytest.mark.parametrize(("warmup", "repeats"), [(0, 3), (1, 0), (-1, 2)])
def test_time_phases_refuses_impossible_counts(warmup, repeats):
    with pytest.raises(ValueError, match=f"{repeats}|{warmup}"):
        FakeGPU((1.0, 1.0, 1.0)).times(warmup, repeats)


def test_a_step_without_phases_is_refused():
    with pytest.raises(ValueError, match="phases"):
        time_phases({}, warmup=1, repeats=1, synchronize=lambda: None)
