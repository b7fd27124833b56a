"""metrics.jsonl as a list that is written anew whenever a line is added."""

import contextlib
import json
import os

from . import checkpoint
from .adapter import TrainResult

Line = dict[str, int | float]


class Metrics:
    def __init__(self, config, step, *, writes):
        self.config, self.path, self.lines = config, config.run_dir / "metrics.jsonl", []
        self.writes = writes
        text = self.path.read_bytes().decode() if self.path.exists() else ""
        whole = [line for line in text.split("\n")[:-1] if line.endswith("}")]
        for line in map(json.loads, whole):
            if line["step"] <= step:
                self.lines.append(line)
        self.seconds = self.lines[-1]["seconds"] if self.lines else 0.0
        losses = [line["valid_loss"] for line in self.lines if "valid_loss" in line]
        self.lowest = min(losses, default=float("inf"))
        if len(self.lines) < len(whole) or not text.endswith("\n"):
            self._write()

    def add(self, *, step, **numbers):
        before = self.lines[-1] if self.lines else {"tokens": 0, "seconds": 0.0}
        config = self.config
        batch = config.batch_size * config.model.context_length * config.accumulation_steps
        line = {"step": step, **numbers, "tokens": step * batch, "seconds": self.seconds}
        spent = self.seconds - before["seconds"]
        line["tokens_per_second"] = (line["tokens"] - before["tokens"]) / spent
        self.lines.append(line)
        self._write()
        return line

    def _write(self):
        if not self.writes:
            return
        unfinished = self.path.with_suffix(".new")
        unfinished.write_text("".join(json.dumps(line) + "\n" for line in self.lines), "utf-8")
        os.replace(unfinished, self.path)  # noqa: PTH105  as checkpoints are

    def result(self):
        last = self.lines[-1]
        names = ("step", "train_loss", "valid_loss", "seconds")
        rate = last["tokens"] / last["seconds"]
        return TrainResult(*(last[name] for name in names), rate, self.config.run_dir)


@contextlib.contextmanager
def wandb_log(config, *, resumed):
    if config.wandb == "disabled":
        yield lambda line: None
        return
    import wandb

    wandb.init(project="groundup", mode=config.wandb, config=checkpoint.plain(config))

    def log(line):
        numbers = {name: value for name, value in line.items() if name != "step"}
        wandb.log(numbers, step=line["step"])

    try:
        yield log
    finally:
        wandb.finish()
