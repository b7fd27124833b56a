"""`--set field=value`: changes to the fields of a configuration, read by the field's type."""

import difflib
import types
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from groundup.commands.common import Refusal

MODEL = "model."
WORDS = {"true": True, "false": False}
GIVEN_WITH_THE_DATA = ("model", "train_tokens", "valid_tokens", "run_dir")
"""Fields of `TrainConfig` that the command fills in itself."""


def read_overrides(
    assignments: Iterable[str], model_config: type, train_config: type, option: str = "--set"
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values for `ModelConfig` (written `model.d_model=128`) and for `TrainConfig`."""
    types_of = {
        MODEL + field.name: hint
        for field in fields(model_config)
        for hint in [get_type_hints(model_config)[field.name]]
    }
    hints = get_type_hints(train_config)
    types_of |= {
        field.name: hints[field.name]
        for field in fields(train_config)
        if field.name not in GIVEN_WITH_THE_DATA
    }
    model: dict[str, Any] = {}
    train: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise Refusal(
                f"{option} {assignment}: write a field and a value, as in steps=300", code=2
            )
        if name not in types_of:
            raise Refusal(
                f"{option} {assignment}: no field {name!r}; {_near(name, types_of)}", code=2
            )
        value = _read(text, types_of[name], f"{option} {assignment}")
        if name.startswith(MODEL):
            model[name.removeprefix(MODEL)] = value
        else:
            train[name] = value
    return model, train


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    last = {each: each.rpartition(".")[2] for each in names}
    near = [each for each in names if last[each] == name]
    near += [each for each in difflib.get_close_matches(name, names, n=2) if each not in near]
    return f"did you mean {' or '.join(near)}?" if near else f"the fields are {', '.join(names)}"


def _read(text: str, hint: Any, given: str) -> Any:
    try:
        return _parse(text, hint)
    except ValueError:
        raise Refusal(f"{given}: expected {_words(hint)}, found {text!r}", code=2) from None


def _parse(text: str, hint: Any) -> Any:
    """`text` as a value of the type `hint`; ValueError if it is none."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        if text.lower() == "none" and type(None) in arguments:
            return None
        [inner] = [each for each in arguments if each is not type(None)]
        return _parse(text, inner)
    if origin is Literal:
        return {str(choice): choice for choice in arguments}[_one_of(text, arguments)]
    if origin is tuple:
        parts = text.strip("()").split(",")
        return tuple(_parse(part.strip(), of) for part, of in zip(parts, arguments, strict=True))
    if hint is bool:
        return WORDS[_one_of(text.lower(), WORDS)]
    if hint is int and abs(int(text)) >= 2**63:  # what no tensor, and no seed, can be
        raise ValueError(text)
    if hint in (int, float, str, Path):
        return hint(text)
    raise TypeError(f"a field of type {hint} cannot be set from the command line")


def _one_of(text: str, choices: Iterable[object]) -> str:
    if text not in map(str, choices):
        raise ValueError(text)
    return text


def _words(hint: Any) -> str:
    """The type in words, for a message."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        inner = [_words(each) for each in arguments if each is not type(None)]
        return " or ".join([*inner, "none"] if type(None) in arguments else inner)
    if origin is Literal:
        return " or ".join(map(str, arguments))
    if origin is tuple:
        return f"{len(arguments)} values with a comma between"
    named = {
        int: "a whole number under 2⁶³",
        float: "a number",
        bool: "true or false",
        Path: "a path",
    }
    return named.get(hint, "text")
