"""Checkpoints by way of the standard library's temporary files."""

import json
import os
import tempfile
from dataclasses import fields, is_dataclass
from pathlib import Path

import torch
from torch._dynamo import OptimizedModule

from s04_transformer import ModelConfig, TransformerLM

PARTS = ("model", "optimizer", "step", "config", "generator", "random")


def capture(model, optimizer, step, config, generator):
    model = own(model)
    parts = (model.state_dict(), optimizer.state_dict(), step, plain(config))
    devices = {"cuda": torch.cuda.get_rng_state_all()} if torch.cuda.is_available() else {}
    random = {"cpu": torch.get_rng_state(), **devices}
    return dict(zip(PARTS, (*parts, generator.get_state(), random), strict=True))


def own(model):
    return model._orig_mod if isinstance(model, OptimizedModule) else model


def plain(config):
    if is_dataclass(config):
        return {field.name: plain(getattr(config, field.name)) for field in fields(config)}
    if isinstance(config, Path):
        return str(config)
    return list(config) if isinstance(config, tuple) else config


def as_json(config):
    return json.dumps(plain(config), indent=2)


def write(path, state):
    try:
        put(path, lambda file: torch.save(state, file))
    except RuntimeError as error:
        raise OSError(f"{path} was not written") from error


def write_text(path, text):
    put(path, lambda file: file.write(text.encode("utf-8")))


def put(path, write_to):
    number, name = tempfile.mkstemp(dir=path.parent)
    try:
        with os.fdopen(number, "wb") as file:
            write_to(file)
        os.replace(name, path)  # noqa: PTH105  mkstemp gives a string
    except BaseException:
        Path(name).unlink()
        raise


def read(path):
    try:
        state = torch.load(path, "cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(f"{path} is damaged") from error
    if not isinstance(state, dict) or not set(PARTS) <= set(state):
        raise ValueError(f"{path} is no checkpoint")
    return state


def restore(state, path, model, optimizer, generator):
    fill(model, state, path)
    for part, value in (("optimizer", optimizer), ("generator", generator)):
        if value is not None:
            put_back = value.load_state_dict if part == "optimizer" else value.set_state
            put_back(state[part])
    torch.random.set_rng_state(state["random"]["cpu"])
    if torch.cuda.is_available() and "cuda" in state["random"]:
        torch.cuda.set_rng_state_all(state["random"]["cuda"])
    return int(state["step"])


def load(path, device):
    state = read(path)
    model = TransformerLM(ModelConfig(**state["config"]["model"]), device=device)
    fill(model, state, path)
    return model.eval()


def fill(model, state, path):
    target = dict(own(model).state_dict())
    wrong = set(target) ^ set(state["model"])
    wrong |= {
        name for name in set(target) - wrong if target[name].shape != state["model"][name].shape
    }
    if wrong:
        raise ValueError(f"{path} is of another model: {', '.join(sorted(wrong))}")
    own(model).load_state_dict(state["model"], strict=True)
