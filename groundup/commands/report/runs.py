"""What a run has left in its folder, read without any stage's code."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from groundup.commands import started
from groundup.commands.common import Refusal, shown
from groundup.commands.generate import find_run
from groundup.commands.prepared import RECORD
from groundup.commands.started import CHECKPOINT
from groundup.commands.train import METRICS

Line = dict[str, Any]
NUMBERS = {"steps", "entropy_floor", "max_grad_norm"}
"""Fields of config.json that are drawn or counted with."""
NEEDED = ("step", "train_loss", "lr", "grad_norm", "tokens", "seconds")


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, whole or still under way."""

    name: str
    folder: Path
    lines: list[Line]
    """Those of metrics.jsonl; at least one."""
    config: Line
    """config.json and what data.json adds, nested names as in model.d_model."""
    started: Line
    parameters: int | None
    bytes_per_token: float | None
    """Of the validation text, if its ids are still where they were."""

    @property
    def evaluated(self) -> list[Line]:
        return [line for line in self.lines if "valid_loss" in line]

    @property
    def valid_loss(self) -> float | None:
        """The last one."""
        return self.evaluated[-1]["valid_loss"] if self.evaluated else None

    @property
    def samples(self) -> list[Line]:
        return [line for line in self.evaluated if "sample" in line]

    @property
    def floor(self) -> float | None:
        return self.config.get("entropy_floor")


def read_runs(names: list[str]) -> list[Run]:
    """The runs of these names or folders, each once, with names that differ."""
    folders = list(dict.fromkeys(find_run(name, METRICS).resolve() for name in names))
    alike = Counter(folder.name for folder in folders)
    return [
        _read(folder, shown(folder) if alike[folder.name] > 1 else folder.name)
        for folder in folders
    ]


def _read(folder: Path, name: str) -> Run:
    config = _read_object(folder / "config.json")
    data, begun = (
        _read_object(folder / record) if (folder / record).is_file() else {}
        for record in (RECORD, started.RECORD)
    )
    known = {
        key: data[key] for key in ("source", "tokenizer_owner", "special_tokens") & data.keys()
    }
    return Run(
        name=name,
        folder=folder,
        lines=_read_lines(folder / METRICS),
        config=flat(config | ({"data": known} if known else {})),
        started=begun,
        parameters=_count_parameters(folder / CHECKPOINT),
        bytes_per_token=_bytes_per_token(folder, config, data),
    )


def flat(config: Line, prefix: str = "") -> Line:
    """{"model": {"d_model": 64}, "seed": 0} -> {"model.d_model": 64, "seed": 0}"""
    found: Line = {}
    for name, value in config.items():
        inside = isinstance(value, dict)
        found |= flat(value, f"{prefix}{name}.") if inside else {f"{prefix}{name}": value}
    return found


def _read_lines(path: Path) -> list[Line]:
    text = path.read_text(encoding="utf-8", errors="replace")
    # A run under way may be writing its last line just now.
    whole = text[: text.rfind("\n") + 1]
    lines: list[Line] = []
    for number, line in enumerate(whole.splitlines(), start=1):
        lines.append(_read_line(line, f"{shown(path)}, line {number}"))
    if not lines:
        raise Refusal(f"{shown(path)} has no line yet; wait for the run's first, or train anew")
    return lines


def _read_line(text: str, place: str) -> Line:
    try:
        line = json.loads(text)
        numbers = {name: line[name] for name in NEEDED} | {"valid_loss": line.get("valid_loss", 0)}
        missing = [name for name in numbers if not isinstance(numbers[name], int | float)]
    except (ValueError, TypeError, KeyError, AttributeError):
        missing = list(NEEDED)
    if missing:
        raise Refusal(
            f"{place}: expected a JSON object with the numbers {', '.join(NEEDED)}, found "
            f"{text[:40]!r}; resume the run, which cuts off what is broken, or delete the line"
        )
    return line


def _read_object(path: Path) -> Line:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refusal(f"expected {shown(path)}, found none; is this a run's folder?") from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refusal(f"{shown(path)} is no JSON object; put the run's own back, or train anew")
    for name in NUMBERS & found.keys():
        if not isinstance(found[name], int | float | None):
            raise Refusal(
                f"expected {name} in {shown(path)} to be a number, found {found[name]!r}; put the "
                "run's own back, or train anew"
            )
    return found


def _count_parameters(checkpoint: Path) -> int | None:
    """What the model of a checkpoint learned; tied matrices are one."""
    if not checkpoint.is_file():
        return None
    import torch  # takes two seconds

    try:
        weights = torch.load(checkpoint, weights_only=True, map_location="cpu")["model"]
    except Exception:  # of many kinds; it is not what the page is about
        return None
    return sum({each.data_ptr(): each.numel() for each in weights.values()}.values())


def _bytes_per_token(folder: Path, config: Line, data: Line) -> float | None:
    """A separator is a token without bytes: it is not of the text."""
    try:
        ids = Path(config["valid_tokens"])
        dtype = json.loads(Path(f"{ids}.json").read_text(encoding="utf-8"))["dtype"]
        vocabulary = (folder / "tokenizer" / "vocab.json").read_text(encoding="utf-8")
        sizes = np.zeros(data["vocab_size"])
        for token, number in json.loads(vocabulary).items():
            # GPT-2's files write each byte as one character.
            sizes[number] = 0 if token in data["special_tokens"] else len(token)
        found = sizes[np.fromfile(ids, dtype)[1:]]  # the first is not predicted
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None  # not there, or not whole; it is not what the page is about
    return float(found.mean()) if len(found) else None
