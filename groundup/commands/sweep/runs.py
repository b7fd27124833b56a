"""One run after another, none of them twice."""

import math
from collections.abc import Sequence
from pathlib import Path

from groundup.commands import started
from groundup.commands.alone import alone_in
from groundup.commands.common import Refusal, console, say, shown
from groundup.commands.ending import ruined, validation_curve
from groundup.commands.sweep.grid import Trial
from groundup.commands.sweep.results import FILE, Result, load, save, settings_of
from groundup.commands.train import METRICS
from groundup.memory import keep_freed_memory


def run_all(trials: Sequence[Trial], folder: Path) -> list[Result]:
    """The results of all `trials`, in order. What is in the results file is not run again, and a
    run that was stopped goes on from its checkpoint, which is stage 06's doing."""
    path = folder / FILE
    known = load(path)
    found = []
    for number, trial in enumerate(trials, 1):
        result = _find(trial, known)
        place = f"[{number} of {len(trials)}] {trial.label}, seed {trial.config.seed}"
        if result is None:
            try:
                with console.status(f"{place} …"):
                    result = run_one(trial)
            except KeyboardInterrupt:
                raise Refusal(
                    f"stopped in run {number} of {len(trials)}; the same command goes on", code=130
                ) from None
            known.append(result)
            save(path, known)
            say(f"{place}: {ending(result)}")
        else:
            say(f"{place}: {ending(result)} (before)")
        found.append(result)
    say(f"results {shown(path)}")
    return found


def _find(trial: Trial, known: Sequence[Result]) -> Result | None:
    wanted = settings_of(trial.config)
    return next((each for each in known if each.settings == wanted), None)


def ending(result: Result) -> str:
    return f"diverged, {result.diverged}" if result.diverged else f"{result.valid_loss:.4f}"


def run_one(trial: Trial) -> Result:
    """Train. That a run diverges is something to know, not a failure of the sweep."""
    from s06_training import Diverged, best_device, train
    from s08_benchmarking import count_parameters

    config, loss, seconds = trial.config, None, 0.0
    metrics = config.run_dir / METRICS
    keep_freed_memory()
    try:
        with alone_in(config.run_dir):
            started.keep(config.run_dir, config.device or best_device())
            ended = train(config)
        loss, seconds = ended.valid_loss, ended.seconds
        diverged = ruined(validation_curve(metrics), config.model.vocab_size)
    except Diverged as error:
        # The rest of the message is advice, and a path that is true here alone.
        diverged = str(error).partition(". ")[0]
    return Result(
        label=trial.label,
        values=trial.values,
        settings=settings_of(config),
        parameters=count_parameters(config.model),
        valid_loss=loss if loss is not None and math.isfinite(loss) else None,
        diverged=diverged,
        curve=validation_curve(metrics),
        seconds=round(seconds, 1),
    )
