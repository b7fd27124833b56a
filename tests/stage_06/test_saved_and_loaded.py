import errno
import json

import pytest
import torch
from torch._dynamo import OptimizedModule

from groundup.testing import check, outcome
from s04_transformer import TransformerLM
from s05_adamw_schedule import AdamW
from s06_training import load_checkpoint, load_model, save_checkpoint


def updates(draw, model, optimizer, count):
    for _ in range(count):
        for parameter in model.parameters():
            parameter.grad = draw.normal(*parameter.shape)
        optimizer.step()


@pytest.fixture
def save(tmp_path, draw, configure):
    """Save a model at step 41, after three updates; what was saved, where, and how."""

    def make(model, wrap=lambda model: model):
        draw.weights(model)
        optimizer = AdamW(model.parameters(), lr=0.1, eps=0.01)
        updates(draw, model, optimizer, 3)
        generator, path = torch.Generator().manual_seed(5), tmp_path / "saved" / "checkpoint.pt"
        path.parent.mkdir(exist_ok=True)
        save_checkpoint(
            path, model=wrap(model), optimizer=optimizer, step=41, config=configure(),
            generator=generator,
        )  # fmt: skip
        return path, generator

    return make


def test_what_loading_brings_back(save, draw):
    torch.manual_seed(11)
    path, generator = save(torch.nn.Linear(3, 2))
    expected = torch.rand(9), torch.rand(9, generator=generator)
    torch.manual_seed(12)
    model, other = torch.nn.Linear(3, 2), torch.Generator().manual_seed(6)
    optimizer = AdamW([torch.nn.init.constant_(p, 0.5) for p in model.parameters()], lr=0.7)
    step = outcome(lambda: load_checkpoint(path, model=model, optimizer=optimizer, generator=other))
    parts = {
        "step": step,
        "torch's own numbers, less those after saving": torch.rand(9) - expected[0],
        "the data's numbers, less those after saving": torch.rand(9, generator=other) - expected[1],
        "weight": model.weight.detach().clone(),
    }
    updates(draw, model, optimizer, 2)
    check(parts | {"weight after two updates": model.weight}, rtol=1e-5, atol=1e-6)


def compiled(model):
    """What torch.compile returns, without the second that it takes to load the compiler."""
    return OptimizedModule(model, lambda forward: forward)


def test_what_a_checkpoint_file_holds(save):
    path, _ = save(torch.nn.Linear(3, 2), compiled)
    state = outcome(lambda: torch.load(path, weights_only=True))
    state = state if isinstance(state, dict) else {"unreadable": state}
    wanted = {"model", "optimizer", "step", "config", "generator", "random"}
    optimizer, config = state.get("optimizer") or {}, state.get("config")

    def changed_by_json():
        plain = json.loads(json.dumps(config)) or {}
        return ", ".join(sorted(name for name in plain if plain[name] != config[name])) or "none"

    check(
        {
            "missing": ", ".join(sorted(wanted - state.keys())) or "nothing",
            "names in the model": ", ".join(sorted(state.get("model") or {})),
            "step": state.get("step", -1),
            "parameters with a state in the optimizer": len(optimizer.get("state", {})),
            "fields of the configuration": ", ".join(sorted(config or {})),
            "fields of the configuration that JSON would change": outcome(changed_by_json),
            "files": len(list(path.parent.iterdir())),
        }
    )


def disk_full(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["torch.save", "os.replace"])
def test_what_a_failed_save_leaves(save, monkeypatch, on_rename, answer, what):
    path, _ = save(torch.nn.Linear(3, 2))
    before, real_save = path.read_bytes(), torch.save

    def fail(*args, **kwargs):
        real_save(*args, **kwargs)
        disk_full()

    if what == "torch.save":
        monkeypatch.setattr(torch, "save", fail)
    else:
        on_rename(lambda target: disk_full() if target.name == path.name else None)
    found = answer(lambda: save(torch.nn.Linear(3, 4)))
    after = path.read_bytes() if path.exists() else b""
    check(
        {
            "the caller is told": found,
            "the file": "as it was" if after == before else "another",
            "files": len(list(path.parent.iterdir())),
        }
    )


def models():
    return {
        "the same": torch.nn.Linear(3, 2),
        "another shape": torch.nn.Linear(3, 4),
        "a name less": torch.nn.Linear(3, 2, bias=False),
        "a name more": torch.nn.Sequential(),
    } | {"other names": torch.nn.Sequential(torch.nn.Linear(3, 2))}


def test_which_models_a_checkpoint_fits(save, answer):
    path, _ = save(torch.nn.Linear(3, 2))
    parts = {
        name: answer(lambda model=model: load_checkpoint(path, model=model))
        for name, model in models().items()
    }
    empty = path.with_name("empty.pt")
    empty.write_bytes(b"")
    model = models()["the same"]
    parts["an empty file"] = answer(lambda: load_checkpoint(empty, model=model))
    gone = path.with_name("gone.pt")
    parts["no file"] = answer(lambda: load_checkpoint(gone, model=model))
    check(parts)


def test_how_a_checkpoint_file_is_read(save, monkeypatch):
    path, _ = save(torch.nn.Linear(3, 2))
    calls, real_load = [], torch.load

    def load(file, map_location=None, *args, **kwargs):
        calls.append((kwargs.get("weights_only", True), map_location is not None))
        return real_load(file, map_location, *args, **kwargs)

    monkeypatch.setattr(torch, "load", load)
    load_checkpoint(path, model=torch.nn.Linear(3, 2))
    safe, placed = zip(*calls, strict=True)
    check({"only weights": all(safe), "with map_location": all(placed)})


@pytest.mark.filterwarnings("ignore:for .* copying from a non-meta parameter")
def test_the_model_that_load_model_gives(save, configure):
    path, _ = save(TransformerLM(configure().model))
    torch.manual_seed(13)
    model, elsewhere = load_model(path), load_model(path, device="meta")
    check(
        {
            "train mode": model.training,
            "device": next(elsewhere.parameters()).device.type,
            "weights": torch.cat([value.flatten() for value in model.state_dict().values()]),
        },
        rtol=1e-5,
        atol=1e-6,
    )
