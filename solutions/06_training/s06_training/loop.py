"""The training loop: update, and now and then evaluate, log and save."""

from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

import torch
from torch import nn

from . import checkpoint
from .adapter import TrainConfig, TrainResult
from .metrics import Line, Metrics, wandb_log
from .processes import together
from .progress import show_progress
from .saving import Saving
from .surroundings import interrupts_wait, sums_in_fixed_order
from .trainer import Trainer

Sample = Callable[[nn.Module], str]


def run(config: TrainConfig, sample: Sample | None) -> TrainResult:
    with together(config) as processes:
        trainer = Trainer(config, processes)
        trainer.resume()
        if processes.writes:
            config.run_dir.mkdir(parents=True, exist_ok=True)
        metrics = Metrics(config, trainer.step, writes=processes.writes)
        if trainer.step < config.steps:
            _go_on(trainer, metrics, sample)
    return metrics.result()


def _go_on(trainer: Trainer, metrics: Metrics, sample: Sample | None) -> None:
    told = trainer.config
    if trainer.processes.writes:
        checkpoint.write_text(told.run_dir / "config.json", checkpoint.as_json(told))
    else:
        told, sample = replace(told, wandb="disabled", progress=False), None
    with (
        wandb_log(told, resumed=trainer.step > 0) as log,
        show_progress(told, trainer.step) as show,
        sums_in_fixed_order(trainer.device),
        interrupts_wait() as interrupted,
    ):
        _loop(trainer, metrics, sample, log, show, interrupted)


def _loop(
    trainer: Trainer,
    metrics: Metrics,
    sample: Sample | None,
    log: Callable[[Line], None],
    show: Callable[[int, Line | None], None],
    interrupted: Callable[[], bool],
) -> None:
    config, saving = trainer.config, Saving(trainer, metrics.lowest)

    def due(every: int) -> bool:
        return trainer.step % every == 0 or trainer.step == config.steps

    while trainer.step < config.steps:
        began = perf_counter()
        loss, norm, lr = trainer.update()
        metrics.seconds += perf_counter() - began
        line: Line | None = None
        evaluating = due(config.eval_every)
        if evaluating or due(config.log_every):
            line = metrics.add(
                step=trainer.step,
                train_loss=loss.item(),
                lr=lr,
                grad_norm=norm,
                **(_evaluate(trainer, sample) if evaluating else {}),
            )
            log(line)
        show(trainer.step, line)
        stop = trainer.processes.any(interrupted())
        if trainer.processes.writes:
            saving.after_step(line, due=stop or due(config.checkpoint_every))
        if stop and trainer.step < config.steps:
            raise KeyboardInterrupt(
                f"stopped after step {trainer.step} of {config.steps}, which is saved in "
                f"{trainer.path}; the same command goes on from there"
            )


def _evaluate(trainer: Trainer, sample: Sample | None) -> dict[str, float | str]:
    found: dict[str, float | str] = {"valid_loss": trainer.valid_loss()}
    if sample is not None:
        trainer.model.eval()
        with torch.no_grad():
            found["sample"] = sample(trainer.model)
        trainer.model.train()
    return found
