"""Sentences of the contract that are easily kept for the usual arguments alone."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from groundup.testing import assert_close
from s04_transformer import ModelConfig
from s08_benchmarking import (
    Device,
    count_parameters,
    measure_device,
    peak_memory,
    predict_step,
    sweep,
    time_steps,
    training_flops,
    training_memory,
    utilisation,
)


@dataclass(frozen=True, kw_only=True)
class Model:
    width: int = 12
    heads: int = 3
    depth: int = 2

    def __post_init__(self):
        if self.width % self.heads:
            raise ValueError(f"width ({self.width}) must be divisible by heads ({self.heads})")


@dataclass(frozen=True, kw_only=True)
class Run:
    model: Model = Model()
    max_lr: float = 1e-3
    seed: int | None = 7
    compiled: bool = True
    name: str = "start"
    steps: int = 1000
    warmup_steps: int = 100
    run_dir: Path = Path("runs")

    def __post_init__(self):
        if self.warmup_steps > self.steps:
            raise ValueError(f"warmup_steps ({self.warmup_steps}) is beyond steps ({self.steps})")

    @property
    def cosine_steps(self):
        return self.steps - self.warmup_steps


def config():
    return ModelConfig(
        vocab_size=101, context_length=16, d_model=36, num_layers=5, num_heads=3, d_ff=52
    )


@pytest.mark.parametrize("names", [("model", "model.width"), ("model.width", "model")])
def test_a_model_of_the_grid_is_the_one_whose_field_the_grid_changes(names):
    lists = {"model": [Model(width=8, heads=2, depth=7), Model(depth=5)], "model.width": [6, 18]}
    found = [run.model for run in sweep(Run(), {name: lists[name] for name in names})]
    expected = {
        (model.heads, model.depth, width)
        for model, width in itertools.product(lists["model"], lists["model.width"])
    }
    assert {(each.heads, each.depth, each.width) for each in found} == expected, (
        "set both at once: the grid's model takes the base's place, then its width changes; "
        f"found {found}"
    )


def test_a_model_of_the_grid_has_to_fit_only_with_its_other_fields():
    # Width 10 fits to the 5 heads of the grid's model, and not to the 3 of the base's.
    grid = {"model": [Model(width=15, heads=5)], "model.width": [10]}
    (found,) = sweep(Run(), grid)
    assert found.model == Model(width=10, heads=5), f"only the result has to fit, found {found}"


@pytest.mark.parametrize(
    ("name", "values"), [("seed", [0, None]), ("compiled", [False]), ("name", [""])]
)
def test_a_value_that_counts_as_false_is_set_like_any_other(name, values):
    found = [getattr(run, name) for run in sweep(Run(), {name: values})]
    assert found == values, f"{name} should be {values} and not the base's, found {found}"


@pytest.mark.parametrize("values", [(3, 1), range(3, 5)], ids=["tuple", "range"])
def test_values_may_come_as_any_sequence(values):
    found = [run.seed for run in sweep(Run(), {"seed": values})]
    assert found == list(values), f"a {type(values).__name__} is a Sequence, found {found}"


def test_values_that_have_no_hash_can_be_swept():
    @dataclass(frozen=True)
    class Betas:
        betas: list[float]

    lists = [[0.9, 0.95], [0.8, 0.9]]
    assert [each.betas for each in sweep(Betas([0.5, 0.5]), {"betas": lists})] == lists


@pytest.mark.parametrize("name", ["cosine_steps", "seed.bit_length", "model.__post_init__"])
def test_an_attribute_that_is_no_field_is_refused(name):
    with pytest.raises(ValueError, match=name):
        sweep(Run(), {name: [1, 2]})


def test_every_name_of_the_grid_is_checked():
    with pytest.raises(ValueError, match="max_lr"):
        sweep(Run(), {"seed": [1], "max_rl": [2e-3]})
    with pytest.raises(ValueError, match="name"):
        sweep(Run(), {"seed": [1], "name": []})


def test_fewer_steps_than_the_warm_up_of_the_base_are_valid():
    (found,) = sweep(Run(steps=1000, warmup_steps=100), {"steps": [50]})
    assert found.warmup_steps == 5, "a tenth of the steps, set together with them"


def test_steps_can_be_swept_where_there_is_no_warm_up():
    @dataclass(frozen=True)
    class Short:
        steps: int = 10
        run_dir: Path = Path("runs")

    found = [each.steps for each in sweep(Short(), {"steps": [20, 30]})]
    assert found == [20, 30], "warmup_steps follows only where the base has it"


def test_values_that_differ_in_a_late_digit_have_folders_of_their_own():
    first, second = sweep(Run(), {"max_lr": [1e-3, 1.00000001e-3]})
    assert first.run_dir != second.run_dir, f"both runs write to {first.run_dir}"


def test_a_single_combination_has_a_folder_of_its_own_too():
    (found,) = sweep(Run(), {"seed": [4]})
    assert found.run_dir.parent == Path("runs"), f"a folder inside runs, found {found.run_dir}"


def test_whole_models_give_folders_inside_the_folder_of_the_base():
    folders = [run.run_dir for run in sweep(Run(), {"model": [Model(depth=1), Model(depth=3)]})]
    assert folders[0] != folders[1], "two runs in one folder"
    for folder in folders:
        assert folder.parent == Path("runs"), f"not inside runs: {folder}"
        assert not set(folder.name) & set('\\:*?"<>|'), f"not legal everywhere: {folder.name}"


def test_training_memory_knows_no_tf32():
    with pytest.raises(ValueError, match="tf32"):
        training_memory(config(), 7, 11, "tf32")


def test_tf32_activations_have_four_bytes_a_number():
    there = Device(name="test", peak_flops={"tf32": 1e40}, bandwidth=1e6, source="this test")
    found = predict_step(config(), 7, 11, there, "tf32").seconds["elementwise"]
    kept = training_memory(config(), 7, 11, "float32")["activations"]
    assert_close(found, 2 * kept / 1e6, "tf32 is stored as float32", rtol=1e-9)


def test_the_peak_of_tf32_is_not_that_of_float32():
    there = Device(name="test", peak_flops={"float32": 2e9, "tf32": 8e9}, bandwidth=1e40, source="")
    found = predict_step(config(), 7, 11, there, "tf32").total
    assert_close(found, training_flops(config(), 7, 11) / 8e9, "8 GFLOP/s in tf32", rtol=1e-9)
    without = Device(name="test", peak_flops={"float32": 2e9}, bandwidth=1e40, source="")
    with pytest.raises(ValueError, match="tf32"):
        predict_step(config(), 7, 11, without, "tf32")


def test_a_negative_number_of_repeats_is_refused():
    with pytest.raises(ValueError, match="-2"):
        time_steps(lambda: None, warmup=0, repeats=-2, synchronize=lambda: None)


@pytest.mark.parametrize(("seconds", "peak"), [(-2.0, 1e12), (2.0, -1e12), (-2.0, -1e12)])
def test_utilisation_refuses_what_is_below_zero(seconds, peak):
    with pytest.raises(ValueError, match="-"):
        utilisation(1e9, seconds, peak)


def test_a_step_without_tensors_has_a_peak_of_zero():
    assert_close(peak_memory(lambda: None, "cpu"), 0, "nothing was allocated")


@pytest.mark.parametrize("kind", [str, torch.device], ids=["name", "object"])
@pytest.mark.parametrize("device", ["cuda", "cuda:0"])
def test_peak_memory_takes_a_device_by_object_or_with_an_index(monkeypatch, kind, device):
    peaks = {"now": 800}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda *_: None)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda *_: 100)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *_: peaks["now"])
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda *_: peaks.update(now=100))
    found = peak_memory(lambda: peaks.update(now=640), kind(device))
    assert_close(found, 540, f"{device} is a CUDA device; 640 less the 100 from before")


def test_measured_peak_is_the_median_after_three_warm_ups():
    seconds, now = iter([90.0, 90.0, 90.0, 1.0, 12.0, 2.0]), [0.0]

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            if "mm" in str(func):
                now[0] += next(seconds, 0.0)
            else:
                now[0] += 1e-9  # a copy takes some time as well
            return func(*args, **(kwargs or {}))

    with Products():
        found = measure_device(
            torch.device("cpu"), size=16, copied_bytes=64, repeats=3, clock=lambda: now[0]
        )
    expected = 2 * 16**3 / 2.0
    why = "three warm-ups of 90 seconds, then 1, 12 and 2: the median is 2"
    assert_close(found.peak_flops["float32"], expected, why, rtol=1e-6)


def test_parameters_are_counted_without_making_them():
    # 262 TB of them: no machine has room for such a model.
    sizes = {"vocab_size": 10**9, "context_length": 1, "d_model": 2**16}
    huge = ModelConfig(**sizes, num_layers=1, num_heads=2, d_ff=1)
    expected = 2 * 10**9 * 2**16 + 4 * 2**32 + 6 * 2**16
    assert count_parameters(huge) == expected, "the count of a model too large to be made"
