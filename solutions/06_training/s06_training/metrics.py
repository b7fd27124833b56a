"""The numbers of a run: lines of JSON in its folder, and the same to Weights & Biases."""

import contextlib
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import checkpoint
from .adapter import TrainConfig, TrainResult

Line = dict[str, Any]
NUMBERS = ("step", "train_loss", "lr", "grad_norm", "tokens", "seconds", "tokens_per_second")
RUN_ID = r"(?! )[^:;,#?/'\x00-\x1f\ufffd]+(?<! )"  # as wandb takes it


class Metrics:
    """metrics.jsonl, opened after `step`: lines of later steps are cut off.

    One of the processes of a run writes; the others only know what it would have written.
    """

    def __init__(self, config: TrainConfig, step: int, *, writes: bool) -> None:
        self.config = config
        self.writes = writes
        self.path = config.run_dir / "metrics.jsonl"
        found = self.path.read_text("utf-8", errors="replace") if self.path.exists() else ""
        kept = [line for line in _whole_lines(found) if line["step"] <= step]
        if writes and (text := "".join(map(_as_json, kept))) != found:
            checkpoint.write_text(self.path, text)
        self.last = kept[-1] if kept else {}
        self.lowest = min((line.get("valid_loss", math.inf) for line in kept), default=math.inf)
        self.seconds = self._seconds_until(step)
        self._rate_from = (self._tokens(step), self.seconds)

    def _seconds_until(self, step: int) -> float:
        """Steps after the last line and up to the checkpoint are taken to be as quick as those."""
        if not self.last:
            return 0.0
        unlogged = self._tokens(step) - self.last["tokens"]
        return self.last["seconds"] + unlogged / self.last["tokens_per_second"]

    def add(
        self, *, step: int, train_loss: float, lr: float, grad_norm: float, **evaluated: float | str
    ) -> Line:
        """`evaluated` is what only some lines have."""
        tokens = self._tokens(step)
        tokens_before, seconds_before = self._rate_from
        line: Line = {
            "step": step,
            "train_loss": train_loss,
            "lr": lr,
            "grad_norm": grad_norm,
            "tokens": tokens,
            "seconds": self.seconds,
            "tokens_per_second": (tokens - tokens_before) / (self.seconds - seconds_before),
            **evaluated,
        }
        if self.writes:
            with self.path.open("a", encoding="utf-8", newline="\n") as file:
                file.write(_as_json(line))
        self.last, self._rate_from = line, (tokens, self.seconds)
        return line

    def result(self) -> TrainResult:
        """What the last line says; a run that has ended has evaluated there."""
        if self.last.get("step") != self.config.steps or "valid_loss" not in self.last:
            raise ValueError(
                f"the run in {self.config.run_dir} is complete, but the end of its metrics.jsonl "
                "is missing; put it back, or delete checkpoint.pt to train anew"
            )
        return TrainResult(
            step=self.config.steps,
            train_loss=self.last["train_loss"],
            valid_loss=self.last["valid_loss"],
            seconds=self.last["seconds"],
            tokens_per_second=self.last["tokens"] / self.last["seconds"],
            run_dir=self.config.run_dir,
        )

    def _tokens(self, step: int) -> int:
        config = self.config
        windows = step * config.accumulation_steps * config.batch_size
        return windows * config.model.context_length


def _as_json(line: Line) -> str:
    return json.dumps(line) + "\n"


def _whole_lines(text: str) -> list[Line]:
    """Without what is none: a run may have been killed, or a disk been full, while writing it."""
    lines: list[Line] = []
    for each in text.splitlines():
        with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
            line = json.loads(each)
            numbers = [line[name] for name in NUMBERS] + [line.get("valid_loss", 0.0)]
            timed = line["seconds"] > 0 and line["tokens_per_second"] > 0
            if timed and all(isinstance(number, int | float) for number in numbers):
                lines.append(line)
    return lines


@contextlib.contextmanager
def wandb_log(config: TrainConfig, *, resumed: bool) -> Iterator[Callable[[Line], None]]:
    """Send lines to Weights & Biases; a resumed run goes on with its own curve there."""
    if config.wandb == "disabled":
        yield lambda line: None
        return
    import wandb  # takes a second, and only this run wants it

    id_file = config.run_dir / "wandb_id.txt"
    run = wandb.init(
        project="groundup",
        name=config.run_dir.name,
        dir=str(config.run_dir),
        mode=config.wandb,
        config=checkpoint.plain(config),
        id=_read_id(id_file) if resumed and id_file.exists() else None,
        resume="allow",
    )
    try:  # not `with run`, which prints the traceback of what stops it
        checkpoint.write_text(id_file, run.id)
        yield lambda line: run.log(line, step=int(line["step"]))
    except BaseException:
        run.finish(exit_code=1)
        raise
    run.finish()


def _read_id(path: Path) -> str:
    found = path.read_text("utf-8", errors="replace")
    if not re.fullmatch(RUN_ID, found):
        raise ValueError(
            f"expected the id of a run of wandb in {path}, found {found[:20]!r}; delete it to "
            "begin another curve there, or leave wandb disabled"
        )
    return found
