import dataclasses
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from groundup.testing import check, outcome
from s04_transformer import ModelConfig
from s06_training import TrainConfig
from s08_benchmarking import sweep


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
    seed: int = 0
    name: str = ""
    steps: int = 1000
    warmup_steps: int = 100
    run_dir: Path = Path("runs")


def values(configs, *names):
    return [tuple(getattr(config, name) for name in names) for config in configs]


def test_every_combination_once_and_the_last_name_fastest():
    found = values(sweep(Run(), {"max_lr": [3e-4, 1e-3], "seed": [7, 8, 9]}), "max_lr", "seed")
    expected = [(3e-4, 7), (3e-4, 8), (3e-4, 9), (1e-3, 7), (1e-3, 8), (1e-3, 9)]
    assert found == expected


def described(configs):
    """What the runs differ in, in one string."""
    runs = [f"lr {each.max_lr:g} seed {each.seed} width {each.model.width}" for each in configs]
    return "; ".join(runs)


@pytest.mark.points(2)
def test_the_runs_of_different_grids():
    base = Run(model=Model(width=24, heads=2), seed=5, steps=900, warmup_steps=75)
    grids = {
        "two names": {"max_lr": [3e-4, 1e-3, 3e-3], "seed": [7, 8, 9]},
        "three names": {"seed": [3, 1], "max_lr": [0.01], "model.width": [6, 8, 4]},
        "one name": {"max_lr": [2e-3, 7e-4]},
        "whole model": {"model": [Model(width=4, heads=1), Model(width=6, heads=2)]},
    }
    check(
        {
            name: outcome(lambda grid=grid: described(sweep(base, grid)))
            for name, grid in grids.items()
        }
    )


def test_nested_fields_of_different_grids():
    base = Run(model=Model(width=24, heads=2, depth=7))
    grids = {
        "width": {"model.width": [6, 8, 10]},
        "depth": {"model.depth": [1, 2]},
        "width and heads": {"model.width": [10, 15], "model.heads": [5]},
        "heads and width": {"model.heads": [7], "model.width": [21, 14], "model.depth": [3]},
        "heads that do not fit": {"model.heads": [4, 5]},
    }

    def models(grid):
        found = [config.model for config in sweep(base, grid)]
        return [f"width {each.width} heads {each.heads} depth {each.depth}" for each in found]

    check({name: outcome(lambda grid=grid: models(grid)) for name, grid in grids.items()})


def test_fields_outside_the_grid_keep_the_values_of_the_base():
    base = Run(model=Model(width=30, heads=5), steps=77, warmup_steps=7)
    (found,) = sweep(base, {"seed": [4]})
    assert replace(found, run_dir=base.run_dir) == replace(base, seed=4)


def test_nested_fields_change_and_their_neighbours_stay():
    base = Run(model=Model(width=24, heads=2))
    found = [config.model for config in sweep(base, {"model.width": [6, 8]})]
    assert found == [Model(width=6, heads=2), Model(width=8, heads=2)]


def test_only_the_finished_combination_has_to_be_valid():
    # Neither width 10 with 3 heads nor width 12 with 5 heads would be.
    (found,) = sweep(Run(), {"model.width": [10], "model.heads": [5]})
    assert found.model == Model(width=10, heads=5)


def test_a_whole_nested_configuration_can_be_swept():
    models = [Model(width=4, heads=1), Model(width=6, heads=2)]
    assert [config.model for config in sweep(Run(), {"model": models})] == models


def test_the_base_is_left_as_it_was():
    base = Run()
    sweep(base, {"seed": [1, 2], "model.width": [6]})
    assert base == Run()


@pytest.mark.parametrize(
    ("name", "near"), [("max_rl", "max_lr"), ("model.widht", "model.width"), ("width", "width")]
)
def test_an_unknown_field_is_refused_with_close_ones(name, near):
    with pytest.raises(ValueError) as refusal:
        sweep(Run(), {name: [1]})
    said = str(refusal.value).replace(f"no field {name}", "")
    assert near in said, f"close to {name} is {near}; the message was: {refusal.value}"


@pytest.mark.parametrize("values_given", ["abc", [], [1, 2, 1]], ids=["string", "empty", "twice"])
def test_values_that_are_no_list_of_different_values_are_refused(values_given):
    with pytest.raises(ValueError, match="seed"):
        sweep(Run(), {"seed": values_given})


def test_what_different_grids_are_refused_with():
    grids = [
        *({"max_rl": [1, 2]}, {"model.widht": [6, 9]}, {"modle.width": [6]}, {"width": [6]}),
        *({"seed": "789"}, {"seed": []}, {"seed": [1, 2, 1]}),
    ]
    check({str(grid): outcome(lambda grid=grid: described(sweep(Run(), grid))) for grid in grids})


def test_a_combination_that_the_configuration_refuses_is_named():
    with pytest.raises(ValueError, match=r"(?s)10.*divisible by heads"):
        sweep(Run(), {"model.width": [12, 10]})


def test_warm_up_keeps_its_share_of_the_steps():
    found = sweep(Run(steps=1000, warmup_steps=100), {"steps": [500, 1000, 4004]})
    assert values(found, "steps", "warmup_steps") == [(500, 50), (1000, 100), (4004, 400)]
    without = sweep(Run(steps=1000, warmup_steps=0), {"steps": [10, 4000]})
    assert values(without, "steps", "warmup_steps") == [(10, 0), (4000, 0)]


def test_warm_up_of_different_grids():
    base = Run(steps=1100, warmup_steps=90)
    grids = {
        "steps": {"steps": [300, 506, 1100, 4004, 2200, 777]},
        "steps and warm-up": {"steps": [500, 2000], "warmup_steps": [20, 35]},
        "warm-up": {"warmup_steps": [11, 0]},
        "other": {"seed": [1, 2, 3]},
    }
    check({name: [run.warmup_steps for run in sweep(base, grid)] for name, grid in grids.items()})


def test_warm_up_that_the_grid_names_is_taken_as_it_is():
    found = sweep(Run(), {"steps": [500, 2000], "warmup_steps": [20]})
    assert values(found, "steps", "warmup_steps") == [(500, 20), (2000, 20)]


def test_every_run_has_a_folder_of_its_own_inside_the_base_folder():
    found = sweep(Run(run_dir=Path("runs/lr")), {"max_lr": [1e-3, 0.01], "model.width": [6, 9]})
    folders = {config.run_dir for config in found}
    assert len(folders) == 4, "two runs in one folder: the second resumes from the first"
    assert {folder.parent for folder in folders} == {Path("runs/lr")}
    assert Path("runs/lr/max_lr=0.001,model.width=6") in folders


@pytest.mark.parametrize(
    "texts",
    [["a/b", "a:b"], ["a", "A"], ["a/b", "c"], ["x" * 300, "x" * 301]],
    ids=["alike", "case", "slash", "long"],
)
def test_every_value_gives_a_folder_that_every_system_can_have(texts):
    @dataclass(frozen=True)
    class Data:
        text: str = "start"
        run_dir: Path = Path("runs")

    folders = [config.run_dir for config in sweep(Data(), {"text": texts})]
    assert {folder.parent for folder in folders} == {Path("runs")}, "a / makes no subfolder"
    assert len({folder.name.casefold() for folder in folders}) == 2, f"not different: {folders}"
    assert not any(set(folder.name) & set('\\:*?"<>|') for folder in folders)
    assert max(len(folder.name) for folder in folders) <= 255


def test_folders_of_different_grids():
    base = Run(run_dir=Path("runs/lr"))
    grids = {
        "two names": {"max_lr": [1e-3, 0.01], "model.width": [6, 9]},
        "text with a slash": {"name": ["a/b", "a:b", "c*d"]},
        "long text": {"name": ["x" * 300, "x" * 301]},
        "only case": {"name": ["a", "A"]},
        "named": {"run_dir": [Path("a"), Path("b/c")], "seed": [1]},
    }
    observation = {}
    for name, grid in grids.items():
        folders = [run.run_dir for run in sweep(base, grid)]
        observation[f"{name}, inside"] = " ".join(each.parent.as_posix() for each in folders)
        observation[f"{name}, different"] = len({str(each).casefold() for each in folders})
        observation[f"{name}, too long"] = sum(len(folder.name) > 255 for folder in folders)
        forbidden = set('\\:*?"<>|')
        observation[f"{name}, illegal"] = sum(
            bool(set(each.as_posix()) & forbidden) for each in folders
        )
    check(observation)


def test_folders_that_the_grid_names_are_taken_as_they_are():
    found = sweep(Run(), {"run_dir": [Path("a"), Path("b")]})
    assert values(found, "run_dir") == [(Path("a"),), (Path("b"),)]


def test_a_configuration_without_steps_or_folder_can_be_swept():
    base = ModelConfig(
        vocab_size=50, context_length=8, d_model=12, num_layers=1, num_heads=3, d_ff=16
    )
    found = sweep(base, {"norm": ["pre", "post"], "d_ff": [16, 32]})
    assert values(found, "norm", "d_ff") == [("pre", 16), ("pre", 32), ("post", 16), ("post", 32)]
    assert {type(config) for config in found} == {ModelConfig}


def test_an_empty_grid_gives_the_base():
    assert sweep(Run(), {}) == [Run()]


def test_a_training_configuration_can_be_swept():
    model = ModelConfig(
        vocab_size=50, context_length=8, d_model=12, num_layers=1, num_heads=3, d_ff=16
    )
    base = TrainConfig(
        model=model,
        train_tokens=Path("train.bin"),
        valid_tokens=Path("valid.bin"),
        run_dir=Path("runs"),
        steps=200,
        batch_size=4,
        max_lr=1e-3,
        min_lr=1e-4,
        warmup_steps=20,
    )
    found = sweep(base, {"model.d_ff": [16, 32], "steps": [100]})
    assert [config.model.d_ff for config in found] == [16, 32]
    assert values(found, "steps", "warmup_steps") == [(100, 10)] * 2


def test_folders_of_many_fields_have_names_that_fit():
    fields = [(f"field_{place}", str, dataclasses.field(default="a")) for place in range(12)]
    many = dataclasses.make_dataclass("Many", [*fields, ("run_dir", Path, Path("runs"))])
    grid = {f"field_{place}": [f"{place:<20}".replace(" ", "x")] for place in range(12)}
    found = sweep(many(), grid | {"field_0": ["left", "right"]})
    names = [config.run_dir.name for config in found]
    assert max(map(len, names)) <= 255 and len(set(names)) == 2, names
