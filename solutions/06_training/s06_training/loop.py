"""The training loop: update, and now and then evaluate, log and save."""

import math
from collections.abc import Callable
from time import perf_counter

from . import checkpoint
from .adapter import TrainConfig, TrainResult
from .metrics import Line, Metrics, wandb_log
from .progress import show_progress
from .surroundings import interrupts_wait, sums_in_fixed_order
from .trainer import Trainer


def run(config: TrainConfig) -> TrainResult:
    trainer = Trainer(config)
    trainer.resume()
    config.run_dir.mkdir(parents=True, exist_ok=True)
    metrics = Metrics(config, trainer.step)
    if trainer.step < config.steps:
        checkpoint.write_text(config.run_dir / "config.json", checkpoint.as_json(config))
        with (
            wandb_log(config, resumed=trainer.step > 0) as log,
            show_progress(config, trainer.step) as show,
            sums_in_fixed_order(trainer.device),
            interrupts_wait() as interrupted,
        ):
            _loop(trainer, metrics, log, show, interrupted)
    return metrics.result()


def _loop(
    trainer: Trainer,
    metrics: Metrics,
    log: Callable[[Line], None],
    show: Callable[[int, Line | None], None],
    interrupted: Callable[[], bool],
) -> None:
    config = trainer.config

    def due(every: int) -> bool:
        return trainer.step % every == 0 or trainer.step == config.steps

    while trainer.step < config.steps:
        began = perf_counter()
        loss, norm, lr = trainer.update()
        metrics.seconds += perf_counter() - began
        line: Line | None = None
        evaluating = due(config.eval_every)
        if evaluating or due(config.log_every):
            if not math.isfinite(loss.item()):
                raise trainer.diverged(loss, norm, lr)
            line = metrics.add(
                step=trainer.step,
                train_loss=loss.item(),
                lr=lr,
                grad_norm=norm,
                valid_loss=trainer.valid_loss() if evaluating else None,
            )
            log(line)
        show(trainer.step, line)
        stop = interrupted()
        if stop or due(config.checkpoint_every):
            trainer.save()
        if stop and trainer.step < config.steps:
            raise KeyboardInterrupt(
                f"stopped after step {trainer.step} of {config.steps}, which is saved in "
                f"{trainer.path}; the same command goes on from there"
            )
