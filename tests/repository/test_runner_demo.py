"""What `groundup demo` does after the tests, in small; and the parts that training is made of."""

from dataclasses import dataclass, fields
from pathlib import Path
from textwrap import dedent
from typing import Literal

import pytest

from groundup.commands.common import Refusal
from groundup.commands.overrides import read_overrides
from groundup.commands.preset_table import preset_table
from groundup.plots import loss_curve
from groundup.presets import CORPORA, PRESETS

TINY_DEMO = """
    from dataclasses import replace
    from groundup.commands.common import begin
    from groundup.commands.demo import NAME, tell_stories
    from groundup.commands.prepared import DATA
    from groundup.commands.train import RUNS
    from groundup.presets import CORPORA, PRESETS
    from groundup.stages import STAGES

    begin("all", STAGES[-1])
    corpus = replace(CORPORA["embedded"], vocab_size=300, num_stories=50, num_valid_stories=5)
    preset = PRESETS["demo"]
    model = preset.model | {"d_model": 16, "num_heads": 2, "d_ff": 32, "context_length": 32}
    train = preset.train | {"steps": 4, "warmup_steps": 1, "batch_size": 4, "eval_every": 2}
    preset = replace(preset, model=model, train=train)
    tell_stories(corpus, preset, DATA / NAME, RUNS / NAME, max_new_tokens=20)
"""


@pytest.fixture(scope="module")
def demo(tmp_path_factory, copy_course, run):
    course = copy_course(tmp_path_factory.mktemp("demo"))
    (course / "tiny_demo.py").write_text(dedent(TINY_DEMO), encoding="utf-8")
    return course, run("tiny_demo", cwd=course, OMP_NUM_THREADS="1")


def test_the_demo_tells_three_stories_and_ends_with_one_table(demo):
    course, done = demo
    assert (done.returncode, done.stderr) == (0, "")
    stories, _, table = done.stdout.rpartition("\n\n")
    assert [f"[story {n} of 3]" in stories for n in (1, 2, 3)] == [True] * 3
    values = {line[:20].strip(): line[20:].split() for line in table.splitlines()}
    assert list(values) == [
        *("validation loss", "entropy floor", "distance"),
        *("parameters", "tokens per second", "seconds"),
    ]
    loss, floor, distance = (
        float(values[name][0]) for name in ("validation loss", "entropy floor", "distance")
    )
    assert 0 < floor < loss
    assert distance == pytest.approx(loss - floor, abs=1.1e-4)


def test_the_demo_leaves_a_checkpoint_and_a_curve_and_nothing_of_yours(demo):
    course, _ = demo
    run_dir = course / "runs" / "groundup-demo"
    assert {"checkpoint.pt", "loss.png", "metrics.jsonl"} <= {p.name for p in run_dir.iterdir()}
    assert [path.name for path in (course / "data").glob("[!.]*")] == ["groundup-demo"]
    assert [path.name for path in (course / "runs").glob("[!.]*")] == ["groundup-demo"]


def test_the_demo_stops_if_the_reference_fails(monkeypatch):
    from groundup.commands import demo

    monkeypatch.setattr(demo, "check_stages", lambda *_, **__: False)
    with pytest.raises(Refusal, match="the reference does not pass"):
        demo.demo()


def test_the_demo_evaluates_the_whole_validation_text():
    assert PRESETS["demo"].train["eval_windows"] is None


@pytest.mark.parametrize("name", PRESETS)
def test_presets_set_fields_that_exist_and_all_that_have_no_default(name, demo):
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig

    preset = PRESETS[name]
    given = {
        ModelConfig: {*preset.model, "vocab_size"},
        TrainConfig: {*preset.train, "model", "train_tokens", "valid_tokens", "run_dir"},
    }
    for config, names in given.items():
        known = {field.name: field for field in fields(config)}
        assert names <= set(known)
        left = [known[name] for name in set(known) - names]
        assert all(field.default is not field.default_factory for field in left), left
    assert preset.data in CORPORA


def test_the_table_of_presets_says_what_each_takes():
    lines = preset_table().splitlines()
    assert lines[::3] == [
        "demo               0.9 M parameters   1.02 M tokens  0.04 GB",
        "tinystories-cpu    3.4 M parameters  20.48 M tokens  1.06 GB",
        "tinystories-mps   22.7 M parameters  40.96 M tokens  3.37 GB",
        "tinystories-4090  72.0 M parameters 655.36 M tokens 10.58 GB",
        "tinystories-17m   22.7 M parameters 327.68 M tokens  9.14 GB",
    ]
    assert [line.strip() for line in lines[1::3]] == [each.purpose for each in PRESETS.values()]
    assert [line.strip() for line in lines[2::3]] == [each.measured for each in PRESETS.values()]


def test_the_table_needs_nothing_that_is_not_written_yet(monkeypatch):
    def not_written(*_, **__):
        raise NotImplementedError

    monkeypatch.setattr("s08_benchmarking.training_memory", not_written)
    table = preset_table()
    assert "\ntinystories-cpu    3.4 M parameters  20.48 M tokens     ? GB\n" in table
    assert table.endswith("\n? GB: write stage 8, or --reference 8")
    monkeypatch.setattr("s04_transformer.TransformerLM", not_written)
    assert preset_table().splitlines()[-2:] == [
        "? M parameters: write stages 2,3,4, or --reference 2,3,4",
        "? GB: write stage 8, or --reference 8",
    ]


def test_tinystories_17m_trains_on_as_many_tokens_as_it_says():
    preset = PRESETS["tinystories-17m"]
    tokens = preset.train["steps"] * preset.train["batch_size"] * preset.model["context_length"]
    assert tokens == 327_680_000


@dataclass(kw_only=True)
class Model:
    width: int = 1
    kind: Literal["a", "b"] = "a"


@dataclass(kw_only=True)
class Loop:
    rate: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    limit: int | None = None
    fast: bool = False
    run_dir: Path = Path()


def test_overrides_are_read_by_the_type_of_the_field():
    words = ["model.width=1_000", "model.kind=b", "rate=3e-3", "betas=0.8,0.9", "fast=True"]
    assert read_overrides([*words, "limit=7"], Model, Loop) == (
        {"width": 1000, "kind": "b"},
        {"rate": 3e-3, "betas": (0.8, 0.9), "fast": True, "limit": 7},
    )
    assert read_overrides(["limit=none"], Model, Loop) == ({}, {"limit": None})


WRONG = {
    "rate": "--set rate: write a field and a value, as in steps=300",
    "model.width=1.5": "--set model.width=1.5: expected a whole number under 2⁶³, found '1.5'",
    f"limit={2**63}": f"--set limit={2**63}: expected a whole number under 2⁶³ or none, found "
    f"'{2**63}'",
    "model.kind=c": "--set model.kind=c: expected a or b, found 'c'",
    "betas=1": "--set betas=1: expected 2 values with a comma between, found '1'",
    "fast=1": "--set fast=1: expected true or false, found '1'",
    "limit=x": "--set limit=x: expected a whole number under 2⁶³ or none, found 'x'",
    "width=3": "--set width=3: no field 'width'; did you mean model.width?",
    "zzz=3": "--set zzz=3: no field 'zzz'; the fields are model.width, model.kind, rate, betas, "
    "limit, fast",
    "run_dir=x": "--set run_dir=x: no field 'run_dir'; the fields are model.width, model.kind, "
    "rate, betas, limit, fast",
}


@pytest.mark.parametrize("change", WRONG)
def test_an_override_that_cannot_be_says_what_can(change):
    with pytest.raises(Refusal) as refused:
        read_overrides([change], Model, Loop)
    assert (str(refused.value), refused.value.code) == (WRONG[change], 2)


def test_the_loss_curve_has_titled_axes_and_the_floor():
    lines = [
        {"tokens": 10.0, "train_loss": 3.0},
        {"tokens": 20.0, "train_loss": 2.0, "valid_loss": 2.5},
    ]
    [axes] = loss_curve(lines, title="a run", floor=0.5).axes
    assert (axes.get_title(), axes.get_xlabel()) == ("a run", "tokens trained on")
    assert axes.get_ylabel() == "loss (nats per token)"
    train, valid, floor = axes.get_lines()
    assert [list(train.get_xdata()), list(train.get_ydata())] == [[10, 20], [3, 2]]
    assert [list(valid.get_xdata()), list(valid.get_ydata())] == [[20], [2.5]]
    assert list(floor.get_ydata()) == [0.5, 0.5]
    assert len(loss_curve(lines, title="", floor=None).axes[0].get_lines()) == 2
