import itertools
from collections import Counter

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from groundup.testing import assert_close, check
from s08_benchmarking import DEVICES, measure_device, time_steps, utilisation


class FakeGPU:
    """A step takes 1 second to queue; its work is done, and takes its time, at synchronize."""

    def __init__(self, *work):
        self.work, self.now, self.queued, self.steps = work, 0.0, 0.0, 0
        self.readings = self.early_readings = 0

    def step(self):
        self.now += 1.0
        self.queued += self.work[self.steps % len(self.work)]
        self.steps += 1

    def synchronize(self):
        self.now += self.queued
        self.queued = 0.0

    def clock(self):
        self.readings += 1
        self.early_readings += self.queued > 0
        return self.now

    def times(self, warmup, repeats):
        return time_steps(
            self.step,
            warmup=warmup,
            repeats=repeats,
            synchronize=self.synchronize,
            clock=self.clock,
        )

    def percentiles(self, warmup, repeats):
        found = self.times(warmup, repeats)
        return [found.p10, found.median, found.p90] if self.readings else NOT_READ


NOT_READ = "another clock was read than the one that was given"


def test_times_include_the_work_that_was_only_queued():
    assert_close(FakeGPU(7.0).times(0, 3).median, 8.0, "1 second to queue and 7 to do")


def test_work_of_the_warm_up_is_done_before_the_clock_starts():
    found = FakeGPU(100.0, 7.0).times(1, 1)
    assert_close(found.p90, 8.0, "the warm-up's 100 seconds were still queued when it began")


def test_warm_up_steps_are_not_timed():
    gpu = FakeGPU(90.0, 60.0, 30.0, *[7.0] * 8)
    assert_close(gpu.times(3, 8).p90, 8.0, "the first three steps are slow and only warm up")


@pytest.mark.parametrize(("warmup", "repeats"), [(0, 1), (2, 5)], ids=["0-1", "2-5"])
def test_every_step_is_a_warm_up_or_timed(warmup, repeats):
    gpu = FakeGPU(1.0)
    gpu.times(warmup, repeats)
    assert_close(gpu.steps, warmup + repeats, "calls of step")


def test_percentiles_of_single_steps():
    work = [40.0, 3.0, 5.0, 4.0, 6.0, 10.0, 4.5], [2.0, 9.0, 30.0, 5.5], [8.0, 3.5, 6.0]
    check({str(each): FakeGPU(*each).percentiles(0, len(each)) for each in work}, rtol=1e-12)


def test_times_on_a_device_that_runs_behind():
    observation, gpus = {}, []
    for warmup, repeats in (0, 5), (1, 1), (2, 5), (3, 4), (2, 8):
        gpu = FakeGPU(90.0, 23.5, 47.0, 7.0, 12.5, 9.5, 31.0, 8.5, 14.0, 10.5)
        gpu.queued = 60.0  # of work from before
        name = f"{warmup} warm-ups, {repeats} repeats: p10, median, p90"
        observation[name] = gpu.percentiles(warmup, repeats)
        gpus.append(gpu)
    observation["calls of step"] = [gpu.steps for gpu in gpus]
    observation["readings before the work was done"] = [gpu.early_readings for gpu in gpus]
    check(observation, rtol=1e-12)


def test_percentiles_interpolate_between_measured_times():
    # Sorted: 2, 4, 8. A tenth of the way through the two gaps is 0.2 of the first one.
    found = FakeGPU(7.0, 1.0, 3.0).times(0, 3)
    expected = [2.4, 4.0, 7.2]
    assert_close([found.p10, found.median, found.p90], expected, "of 8, 2 and 4", rtol=1e-12)


@pytest.mark.parametrize(("warmup", "repeats"), [(0, 0), (-1, 3)], ids=["no-repeat", "negative"])
def test_time_steps_refuses_impossible_counts(warmup, repeats):
    with pytest.raises(ValueError, match=f"{repeats}|{warmup}"):
        FakeGPU(1.0).times(warmup, repeats)


def test_utilisation_is_the_share_of_the_peak():
    # 1.5e12 FLOP in 0.25 s are 6e12 FLOP/s.
    assert_close(utilisation(1.5e12, 0.25, 24e12), 0.25, "6 of 24 TFLOP/s", rtol=1e-12)


def test_utilisation_of_different_devices():
    # FLOP, seconds, peak; one step is faster than its device allows.
    steps = [(1.5e12, 0.25, 24e12), (9.1e11, 0.02, 165.2e12), (3e9, 0.7, 44e9), (5e12, 2.0, 2e12)]
    check([utilisation(*step) for step in steps], rtol=1e-12)


def test_utilisation_of_published_devices():
    observation = {}
    for name, dtype in itertools.product(("rtx4090", "a100", "h100"), ("float32", "bfloat16")):
        peak = DEVICES[name].peak_flops[dtype]
        observation[f"{name}, {dtype}"] = [utilisation(9e12, s, peak) for s in (0.5, 3.0)]
    check(observation, rtol=1e-12)


@pytest.mark.parametrize(("seconds", "peak"), [(0.0, 1e12), (1.0, 0.0)], ids=["time", "peak"])
def test_utilisation_refuses_what_it_cannot_divide_by(seconds, peak):
    with pytest.raises(ValueError, match="0"):
        utilisation(1e9, seconds, peak)


@pytest.mark.parametrize(
    ("device", "dtype", "teraflops"),
    [
        ("rtx4090", "bfloat16", 165.2),
        ("rtx4090", "float32", 82.6),
        ("rtx3090", "bfloat16", 71.0),
        ("a100", "bfloat16", 312.0),
        ("h100", "bfloat16", 989.4),
        ("h100", "tf32", 494.7),
        ("m1", "float32", 2.6),
        ("m2", "float32", 3.6),
        ("m1-pro", "float32", 5.2),
        ("m1-max", "float32", 10.4),
        ("m1-ultra", "float32", 21.0),
    ],
)
def test_full_use_of_a_published_device_is_1(device, dtype, teraflops):
    found = utilisation(teraflops * 1e12, 1.0, DEVICES[device].peak_flops[dtype])
    why = f"{teraflops} TFLOP/s is the dense peak; twice that is with sparsity"
    assert_close(found, 1.0, why, rtol=1e-12)


def measured(**settings):
    """Every reading of the clock is one second later, so every step takes one second."""
    seconds = map(float, itertools.count())
    settings = {"size": 16, "repeats": 3, "clock": lambda: next(seconds)} | settings
    return measure_device("cpu", **settings)


def test_measured_peak_counts_a_product_as_two_operations():
    found = measured(copied_bytes=64, dtypes=("float32", "float64")).peak_flops
    assert found == {"float32": 8192.0, "float64": 8192.0}, f"2 · 16³ in one second, found {found}"


class ProductsSeen(TorchDispatchMode):
    """Notes the dtype of every matrix product, and the bytes of every copy."""

    def __init__(self):
        super().__init__()
        self.dtypes, self.copied_bytes = Counter(), Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if "mm" in str(func):
            self.dtypes[args[0].dtype] += 1
        if "copy" in str(func) or "clone" in str(func):
            self.copied_bytes[args[0].nbytes] += 1
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("size", [16, 24])
def test_what_is_measured_of_this_machine(size):
    dtypes, readings = ("float32", "float64", "bfloat16"), itertools.count()
    with ProductsSeen() as seen:
        found = measured(
            size=size, dtypes=dtypes, copied_bytes=2**13 + size, clock=lambda: float(next(readings))
        )
    read = next(readings) > 0
    peaks = [found.peak_flops.get(dtype, -1.0) for dtype in dtypes]
    products = {f"products in {name}": seen.dtypes[getattr(torch, name)] for name in dtypes}
    times = {"peaks": peaks if read else NOT_READ, "bandwidth": found.bandwidth if read else ""}
    ((most_often, _),) = seen.copied_bytes.most_common(1)
    check(times | products | {"bytes of a copy": most_often}, rtol=1e-12)


def test_each_dtype_is_measured_with_products_of_its_own():
    with ProductsSeen() as products:
        measured(copied_bytes=64, dtypes=("float32", "bfloat16"))
    expected = {torch.float32, torch.bfloat16}
    assert set(products.dtypes) == expected, f"products were made in {set(products.dtypes)}"


def test_measured_bandwidth_counts_reading_and_writing():
    found = measured(copied_bytes=4096).bandwidth
    assert_close(found, 8192.0, "4,096 bytes read and 4,096 written in one second")


def test_measured_device_is_named_and_says_that_it_was_measured():
    found = measured(copied_bytes=64)
    assert found.name == "cpu"
    assert "measured" in found.source
