"""Checkpoints: what they hold, how they reach the disk whole, and how they come back."""

import contextlib
import dataclasses
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from s04_transformer import ModelConfig, TransformerLM

if TYPE_CHECKING:
    from .adapter import TrainConfig

State = dict[str, Any]


def capture(
    model: nn.Module,
    optimizer: Optimizer,
    step: int,
    config: "TrainConfig",
    generator: torch.Generator,
) -> State:
    return {
        "model": _uncompiled(model).state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "config": plain(config),
        "generator": generator.get_state(),
        "random": _random_states(),
    }


def as_json(config: "TrainConfig") -> str:
    """Paths are strings there, and tuples lists."""
    return json.dumps(dataclasses.asdict(config), default=str, indent=1) + "\n"


def plain(config: "TrainConfig") -> State:
    """The configuration as reading its JSON gives it."""
    return json.loads(as_json(config))


def write(path: Path, state: State) -> None:
    """A reader finds the old file or the new one, never a part, even if power is lost."""
    try:
        _replace(path, lambda file: torch.save(state, file))
    except (OSError, RuntimeError) as error:  # torch.save reports a full disk as RuntimeError
        reason = str(error).splitlines()[0]
        raise OSError(
            f"could not write {path}: {reason}; is there space left? "
            "A checkpoint that was there before is as it was"
        ) from error


def write_text(path: Path, text: str) -> None:
    _replace(path, lambda file: file.write(text.encode("utf-8")))


def _replace(path: Path, write_to: Callable[[BinaryIO], object]) -> None:
    # Always this name: what a run that was killed while writing has left is written over.
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            write_to(file)
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def read(path: Path) -> State:
    if not path.is_file():
        raise FileNotFoundError(f"there is no checkpoint at {path}")
    try:
        with zipfile.ZipFile(path) as archive:  # torch.load does not look at the checksums
            if record := archive.testzip():
                raise zipfile.BadZipFile(record)
        state = torch.load(path, map_location="cpu", weights_only=True)
        missing = {"model", "optimizer", "step", "config", "generator", "random"} - state.keys()
    except Exception as error:  # whatever the bytes made of torch.load
        raise ValueError(
            f"{path} is no readable checkpoint, perhaps damaged or cut off "
            f"({type(error).__name__}); delete it to start anew, or put back a copy"
        ) from error
    if missing:
        raise ValueError(
            f"{path} is no checkpoint of a run: it has no {', '.join(sorted(missing))}"
        )
    return state


def restore(
    state: State,
    path: Path,
    model: nn.Module,
    optimizer: Optimizer | None,
    generator: torch.Generator | None,
) -> int:
    fill(model, state, path)
    try:
        _restore_others(state, optimizer, generator)
    except (AttributeError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} does not hold what this version saves: {error!r}; "
            "delete it to start anew, or put back a copy"
        ) from error
    return state["step"]


def _restore_others(
    state: State, optimizer: Optimizer | None, generator: torch.Generator | None
) -> None:
    if type(state["step"]) is not int or state["step"] < 0:
        raise ValueError(f"its step is {state['step']!r}")
    if optimizer is not None:
        optimizer.load_state_dict(state["optimizer"])
    if generator is not None:
        generator.set_state(state["generator"])
    _set_random_states(state["random"])
    for parameter, kept in optimizer.state.items() if optimizer else ():
        for name, value in kept.items():
            if torch.is_tensor(value) and value.numel() > 1 and value.shape != parameter.shape:
                raise ValueError(f"{name} is {_form(value)} for a weight of {_form(parameter)}")


def fill(model: nn.Module, state: State, path: Path) -> None:
    """Load the weights, or say in one line which of them does not fit."""
    target, saved = _uncompiled(model), state["model"]
    if not isinstance(saved, dict):
        raise ValueError(f"{path} holds no weights by name: its model is a {type(saved).__name__}")
    own = target.state_dict()
    for name in [*own, *(saved.keys() - own.keys())]:
        there, here = _form(saved.get(name)), _form(own.get(name))
        if there != here:
            raise ValueError(f"{path} is of another model: {name} is {there} there, {here} here")
    target.load_state_dict(saved)


def load(path: Path, device: torch.device | str) -> TransformerLM:
    state = read(path)
    try:
        config = ModelConfig(**state["config"]["model"])
    except (KeyError, TypeError) as error:  # of another version
        raise ValueError(f"{path} holds a model that ModelConfig does not describe: {error}") from (
            None
        )
    model = TransformerLM(config, device=device)
    fill(model, state, path)
    return model.eval()


def _form(value: object) -> str:
    """The shape, and what makes a tensor other than a dense one of floats."""
    if not isinstance(value, Tensor):
        return "missing" if value is None else f"a {type(value).__name__}"
    usual = value.is_floating_point() and value.layout == torch.strided
    return f"{tuple(value.shape)}{'' if usual else f' of {value.dtype}, {value.layout}'}"


def _uncompiled(model: nn.Module) -> nn.Module:
    """torch.compile wraps a module, which prefixes its names with `_orig_mod.`"""
    return getattr(model, "_orig_mod", model)


def _random_states() -> dict[str, Any]:
    states: dict[str, Any] = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state_all()
    if torch.backends.mps.is_available():
        states["mps"] = torch.mps.get_rng_state()
    return states


def _set_random_states(states: dict[str, Any]) -> None:
    """A checkpoint may go on with another kind of device, or with fewer of them."""
    torch.set_rng_state(states["cpu"])
    for index, state in enumerate(states.get("cuda", [])[: torch.cuda.device_count()]):
        torch.cuda.set_rng_state(state, index)
    if "mps" in states and torch.backends.mps.is_available():
        torch.mps.set_rng_state(states["mps"])
