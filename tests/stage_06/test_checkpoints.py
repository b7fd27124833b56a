import errno
import io
import json

import pytest
import torch

from groundup.testing import assert_close
from s04_transformer import TransformerLM
from s05_adamw_schedule import AdamW
from s06_training import load_checkpoint, load_model, save_checkpoint


@pytest.fixture
def saved(tmp_path, configure):
    """Save a small model, after three steps of training it, and hand over what was saved."""

    def save(path=tmp_path / "checkpoint.pt", model=None, step=3, config=None):
        torch.manual_seed(1)
        model = torch.nn.Linear(3, 2) if model is None else model
        optimizer = AdamW(model.parameters(), lr=0.1)
        generator = torch.Generator().manual_seed(5)
        for _ in range(3):
            update(model, optimizer, generator)
        save_checkpoint(
            path, model=model, optimizer=optimizer, step=step, config=config or configure(),
            generator=generator,
        )  # fmt: skip
        return path, model, optimizer, generator

    return save


def update(model, optimizer, generator):
    for parameter in model.parameters():
        parameter.grad = torch.randn(parameter.shape, generator=generator)
    optimizer.step()


@pytest.mark.points(2)
def test_everything_comes_back_to_the_bit(saved):
    path, model, optimizer, generator = saved()
    torch.manual_seed(2)
    copy, other = torch.nn.Linear(3, 2), torch.Generator()
    its_optimizer = AdamW(copy.parameters(), lr=9.0)
    assert load_checkpoint(path, model=copy, optimizer=its_optimizer, generator=other) == 3
    for _ in range(2):
        update(model, optimizer, generator)
        update(copy, its_optimizer, other)
    assert_close(copy.weight.detach(), model.weight.detach(), "two more steps after loading")
    assert_close(copy.bias.detach(), model.bias.detach(), "two more steps after loading")


def test_optimizer_and_generator_need_not_be_given(saved):
    path, model, *_ = saved(step=41)
    copy = torch.nn.Linear(3, 2)
    assert load_checkpoint(path, model=copy) == 41
    assert_close(copy.weight.detach(), model.weight.detach(), "the weights that were saved")


def test_torchs_own_generator_comes_back(saved):
    path, *_ = saved()
    expected = torch.rand(4)
    torch.manual_seed(99)
    load_checkpoint(path, model=torch.nn.Linear(3, 2))
    assert_close(torch.rand(4), expected, "torch.rand goes on where it was when saving")


def test_the_file_holds_plain_values_and_tensors(saved, configure):
    path, model, *_ = saved()
    state = torch.load(path, weights_only=True)
    assert {"model", "optimizer", "step", "config", "generator", "random"} <= state.keys()
    assert state["step"] == 3
    assert_close(state["model"]["weight"], model.weight.detach(), "the model's state dict")
    config = json.loads(json.dumps(state["config"]))
    assert config["max_lr"] == 0.05 and config["model"]["d_ff"] == 12
    assert config["train_tokens"] == str(configure().train_tokens), "paths are strings"


def test_a_failed_save_leaves_the_old_checkpoint(saved, monkeypatch):
    path, *_ = saved()
    before, real_save = path.read_bytes(), torch.save

    def disk_full(state, target, *args, **kwargs):
        real_save(state, target, *args, **kwargs)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", disk_full)
    with pytest.raises(OSError, match="No space left"):
        saved(step=4)
    assert path.read_bytes() == before, "write beside it, then os.replace"


def test_no_other_file_is_left_behind(saved, tmp_path):
    folder = tmp_path / "alone"
    folder.mkdir()
    saved(folder / "checkpoint.pt")
    saved(folder / "checkpoint.pt")
    assert [path.name for path in folder.iterdir()] == ["checkpoint.pt"]


def damaged(content):
    if content == "another file":
        file = io.BytesIO()
        torch.save({"weight": torch.zeros(2)}, file)
        return lambda good: file.getvalue()
    return {"cut off": lambda good: good[: len(good) // 2], "text": lambda good: b"hello",
            "empty": lambda good: b""}[content]  # fmt: skip


@pytest.mark.parametrize("content", ["cut off", "text", "empty", "another file"])
def test_a_damaged_checkpoint_is_named(saved, content):
    path, *_ = saved()
    path.write_bytes(damaged(content)(path.read_bytes()))
    with pytest.raises(ValueError, match=r"checkpoint\.pt") as error:
        load_checkpoint(path, model=torch.nn.Linear(3, 2))
    assert "\n" not in str(error.value), "one line is enough to say what is wrong"


def test_a_missing_checkpoint_is_not_a_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_checkpoint(tmp_path / "checkpoint.pt", model=torch.nn.Linear(3, 2))


@pytest.mark.parametrize(
    "other",
    [torch.nn.Linear(3, 4), torch.nn.Linear(3, 2, bias=False), torch.nn.Sequential()],
    ids=["other shape", "one name less", "no names"],
)
def test_another_model_is_refused(saved, other):
    path, *_ = saved()
    with pytest.raises(ValueError, match="weight|bias"):
        load_checkpoint(path, model=other)


def test_a_model_with_more_names_is_refused(saved):
    path, *_ = saved(model=torch.nn.Linear(3, 2, bias=False))
    with pytest.raises(ValueError, match="bias"):
        load_checkpoint(path, model=torch.nn.Linear(3, 2))


def test_a_compiled_model_is_saved_under_its_own_names(saved):
    compiled = torch.compile(torch.nn.Linear(3, 2), backend="eager")
    path, *_ = saved(model=compiled)
    names = list(torch.load(path, weights_only=True)["model"])
    assert names == ["weight", "bias"], "torch.compile puts _orig_mod. before every name"
    copy = torch.compile(torch.nn.Linear(3, 2), backend="eager")
    load_checkpoint(path, model=copy)
    assert_close(copy.weight.detach(), compiled.weight.detach(), "into a compiled model too")


def test_loading_neither_runs_code_nor_needs_the_device_of_the_run(saved, monkeypatch):
    path, *_ = saved()
    calls, real_load = [], torch.load

    def load(file, map_location=None, *args, **kwargs):
        calls.append(kwargs | {"map_location": map_location})
        return real_load(file, map_location, *args, **kwargs)

    monkeypatch.setattr(torch, "load", load)
    load_checkpoint(path, model=torch.nn.Linear(3, 2))
    assert calls and all(each.get("weights_only") is True for each in calls)
    where = "without map_location, a checkpoint of a GPU cannot be read on a machine without one"
    assert all(each["map_location"] is not None for each in calls), where


def test_load_model_needs_nothing_but_the_file(saved, draw, configure):
    model = TransformerLM(configure().model)
    path, *_ = saved(model=model)
    loaded, ids = load_model(path), draw.integers(0, 13, 2, 6)
    assert isinstance(loaded, TransformerLM) and loaded.config == model.config
    assert_close(loaded(ids).detach(), model(ids).detach(), "the logits of the saved model")


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_load_model_is_ready_for_use_on_its_device(saved, configure):
    path, *_ = saved(model=TransformerLM(configure().model))
    model = load_model(path, device="meta")
    assert not model.training, "a loaded model is in eval mode"
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
