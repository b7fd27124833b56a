import itertools

import pytest

from groundup.testing import assert_close, check, keys, outcome
from s04_transformer import ModelConfig
from s08_benchmarking import (
    DEVICES,
    Device,
    count_parameters,
    predict_step,
    training_flops,
    training_memory,
)

BATCH, SEQ = 7, 11


def config():
    return ModelConfig(
        vocab_size=101, context_length=16, d_model=36, num_layers=5, num_heads=3, d_ff=52
    )


def worked_example():
    return ModelConfig(
        vocab_size=10_000, context_length=256, d_model=512, num_layers=4, num_heads=16, d_ff=1344
    )


def device(*, peak=1e40, bandwidth=1e40, dtype="float32"):
    return Device(name="test", peak_flops={dtype: peak}, bandwidth=bandwidth, source="this test")


def test_with_endless_bandwidth_a_step_takes_its_flops():
    found = predict_step(config(), BATCH, SEQ, device(peak=1e9), "float32")
    expected = training_flops(config(), BATCH, SEQ) / 1e9
    assert_close(found.total, expected, "FLOP of the step / peak", rtol=1e-9)
    products = {name for name, bound in found.bound.items() if bound == "compute"}
    assert products == set(found.seconds) - {"elementwise", "optimizer"}


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("tf32", 4), ("bfloat16", 2)])
def test_with_endless_compute_a_product_takes_its_bytes(dtype, size):
    found = predict_step(config(), BATCH, SEQ, device(bandwidth=1e6, dtype=dtype), dtype)
    # (77, 36) times (36, 101) gives (77, 101); once forward, twice backward.
    numbers = 3 * (77 * 36 + 36 * 101 + 77 * 101)
    assert_close(found.seconds["lm_head"], numbers * size / 1e6, "bytes / bandwidth", rtol=1e-9)
    assert set(found.bound.values()) == {"memory"}


def test_operands_of_each_head_cross_the_bus():
    found = predict_step(config(), BATCH, SEQ, device(bandwidth=1e6), "float32")
    # For each of 5 · 7 · 3 heads (11, 12) times (12, 11); once forward, twice backward.
    numbers = 3 * 5 * 7 * 3 * (2 * 11 * 12 + 11 * 11)
    assert_close(found.seconds["scores"], numbers * 4 / 1e6, "bytes / bandwidth", rtol=1e-9)


OPERATIONS = (
    *("q_proj", "k_proj", "v_proj", "scores", "weighted_values", "o_proj", "ffn", "lm_head"),
    *("elementwise", "optimizer"),
)


@pytest.mark.points(2)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_seconds_by_operation_under_both_roofs(dtype):
    peaks = {"float32": 20e9, "tf32": 33e9, "bfloat16": 57e9}
    observation, totals = {}, []
    for name, bandwidth in ("balanced", 1e9), ("slow memory", 1e5), ("fast memory", 1e14):
        there = Device(name=name, peak_flops=peaks, bandwidth=bandwidth, source="this test")
        found = predict_step(config(), BATCH, SEQ, there, dtype)
        observation[f"{name}, seconds"] = [found.seconds.get(each, -1.0) for each in OPERATIONS]
        for bound in "compute", "memory":
            bound_by = [each for each in OPERATIONS if found.bound.get(each) == bound]
            observation[f"{name}, bound by {bound}"] = " ".join(bound_by)
        totals.append(found.total)
    check(keys(found.seconds, OPERATIONS) | observation | {"totals": totals}, rtol=1e-9)


def test_a_missing_peak_is_not_made_up():
    peaks = {"bfloat16": 57e9}, {"float32": 20e9, "tf32": 33e9}, {}, {"float64": 5e9}
    observation = {}
    for known, dtype in itertools.product(peaks, ("float32", "tf32", "bfloat16", "float64")):
        if known.keys() & {dtype} - {"float64"}:
            continue
        there = Device(name="test", peak_flops=known, bandwidth=1e9, source="this test")
        observation[f"{dtype} with {', '.join(known) or 'none'}"] = outcome(
            lambda there=there, dtype=dtype: predict_step(config(), BATCH, SEQ, there, dtype).total
        )
    check(observation, rtol=1e-9)


def test_what_bounds_each_operation_of_the_worked_example():
    found = predict_step(worked_example(), 32, 256, DEVICES["rtx4090"], "bfloat16").bound
    check({name: found.get(name, "-") for name in OPERATIONS})


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_elementwise_work_writes_and_reads_the_activations(dtype):
    found = predict_step(config(), BATCH, SEQ, device(bandwidth=1e6, dtype=dtype), dtype)
    kept = training_memory(config(), BATCH, SEQ, dtype)["activations"]
    assert_close(found.seconds["elementwise"], 2 * kept / 1e6, "written, read later", rtol=1e-9)


def test_the_optimizer_moves_28_bytes_for_each_parameter():
    found = predict_step(config(), BATCH, SEQ, device(bandwidth=1e6), "float32")
    expected = 28 * count_parameters(config()) / 1e6
    assert_close(found.seconds["optimizer"], expected, "7 numbers of 4 bytes", rtol=1e-9)


def test_the_total_is_the_sum_of_the_operations():
    found = predict_step(config(), BATCH, SEQ, device(peak=20e9, bandwidth=1e9), "float32")
    assert_close(found.total, sum(found.seconds.values()), "one after the other", rtol=1e-9)


@pytest.mark.parametrize(("name", "dtype"), [("m4", "float32"), ("m1", "bfloat16")])
def test_a_device_without_a_published_peak_is_refused(name, dtype):
    with pytest.raises(ValueError, match=DEVICES[name].name):
        predict_step(config(), BATCH, SEQ, DEVICES[name], dtype)
