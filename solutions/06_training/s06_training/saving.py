"""Which checkpoints a run leaves: the newest, the last few, and the best."""

import math
import re
from time import monotonic

from .metrics import Line
from .trainer import Trainer


class Saving:
    """`lowest` is the best validation loss so far, those before a resume included."""

    def __init__(self, trainer: Trainer, lowest: float) -> None:
        self.trainer = trainer
        self.lowest = lowest
        self.saved_at = monotonic()

    def after_step(self, line: Line | None, *, due: bool) -> None:
        """Save what is to be saved; `due` says that it is time by the steps, or because of a stop.

        best.pt comes first: who resumes at this step does not evaluate it again.
        """
        config = self.trainer.config
        loss = (line or {}).get("valid_loss", math.inf)
        if config.keep_best and loss < self.lowest:
            self.lowest = loss
            self.trainer.save("best.pt")
        minutes = (monotonic() - self.saved_at) / 60
        if due or (config.checkpoint_minutes is not None and minutes >= config.checkpoint_minutes):
            self._save()

    def _save(self) -> None:
        step, keep_last = self.trainer.step, self.trainer.config.keep_last
        if keep_last:
            self.trainer.save(f"checkpoint-{step}.pt")
        self.trainer.save("checkpoint.pt")
        self.saved_at = monotonic()
        if keep_last:
            self._delete_all_but(keep_last)

    def _delete_all_but(self, count: int) -> None:
        """Steps after this one were left by a run that was killed, and come again."""
        found = {}
        for path in self.trainer.config.run_dir.glob("checkpoint-*.pt"):
            if match := re.fullmatch(r"checkpoint-(\d+)\.pt", path.name):
                found[int(match[1])] = path
        kept = sorted(step for step in found if step <= self.trainer.step)[-count:]
        for step in found.keys() - set(kept):
            found[step].unlink()
