"""An update that asks torch.autograd.grad for gradients, and adds them up in float64."""

import math

import torch

from s02_layers import cross_entropy
from s05_adamw_schedule import AdamW, clip_gradients, cosine_schedule

from . import checkpoint
from .adapter import Diverged, Leak, best_device, evaluate, sample_batch, save_checkpoint
from .data import open_checked
from .models import make_model

LOGGING = {"eval_every", "eval_windows", "checkpoint_every", "log_every", "wandb", "progress"}
LOGGING |= {"checkpoint_minutes", "keep_last", "keep_best"}


class Trainer:
    def __init__(self, config, processes):
        self.config, self.step, self.processes = config, 0, processes
        self.device = torch.device(config.device or best_device())
        self.train_tokens, self.valid_tokens = (
            open_checked(field, getattr(config, field), config.model)
            for field in ("train_tokens", "valid_tokens")
        )
        self.model = make_model(config.model, self.device, config.seed)
        self.parameters = list(self.model.parameters())
        self.called = torch.compile(self.model) if config.compile else self.model
        vectors = {id(p) for p in self.parameters if p.ndim == 1}
        self.optimizer = AdamW(
            [
                {"params": [p], "weight_decay": 0.0 if id(p) in vectors else config.weight_decay}
                for p in reversed(self.parameters)
            ],
            max(config.max_lr, 1.0),
            config.betas,
            config.eps,
        )
        self.generator = torch.Generator().manual_seed(config.seed)
        self.path = config.run_dir / "checkpoint.pt"

    def update(self):
        config, steps = self.config, self.config.accumulation_steps
        lr = cosine_schedule(
            self.step, config.max_lr, config.min_lr, config.warmup_steps, config.steps
        )
        sums, losses = [torch.zeros_like(p, dtype=torch.float64) for p in self.parameters], []
        for inputs, targets in [self.draw() for _ in range(steps)]:
            with self.precision():
                logits = self.called(inputs)
            losses.append(cross_entropy(logits.float(), targets))
            gradients = torch.autograd.grad(losses[-1], self.parameters)
            sums = [total + gradient for total, gradient in zip(sums, gradients, strict=True)]
        for parameter, total in zip(self.parameters, sums, strict=True):
            parameter.grad = self.processes.mean(total / steps).to(parameter.dtype)
        loss = self.processes.mean(torch.stack(losses).mean().detach())
        norm = clip_gradients(iter(self.parameters), config.max_grad_norm or math.inf)
        if not (math.isfinite(norm) and loss.isfinite()):
            raise self.diverged(loss, norm, lr)
        for group in self.optimizer.param_groups:
            group.update(lr=lr)
        self.optimizer.step()
        self.step += 1
        return loss, norm, lr

    def draw(self):
        batch = sample_batch(
            self.train_tokens, self.config.batch_size, self.config.model.context_length,
            device=self.device, generator=self.generator,
        )  # fmt: skip
        return [each.chunk(self.processes.count)[self.processes.rank] for each in batch]

    def precision(self):
        wanted = self.config.dtype == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted)

    def valid_loss(self):
        config, count = self.config, len(self.valid_tokens) - 1
        if config.eval_windows is not None:
            count = min(count, config.eval_windows * config.model.context_length)
        with self.precision():
            loss = evaluate(
                self.model, self.valid_tokens, batch_size=config.batch_size,
                context_length=config.model.context_length, max_windows=config.eval_windows,
            )  # fmt: skip
        if not math.isfinite(loss):
            raise Diverged(
                f"step {self.step}: the validation loss is {loss}; "
                f"max_lr ({self.config.max_lr}) may be too high"
            )
        if config.entropy_floor is not None and loss + 2 / count**0.5 < config.entropy_floor:
            raise Leak(f"step {self.step}: {loss} is under the floor, {config.entropy_floor}")
        return loss

    def save(self, name="checkpoint.pt"):
        save_checkpoint(
            self.path.with_name(name), model=self.called, optimizer=self.optimizer, step=self.step,
            config=self.config, generator=self.generator,
        )  # fmt: skip

    def resume(self):
        if not self.path.exists():
            return
        state = checkpoint.read(self.path)
        then, now = flat(state["config"]), flat(checkpoint.plain(self.config))
        free = LOGGING | {"run_dir", "device", "compile", "entropy_floor"}
        for name in sorted(now.keys() - free):
            if then.get(name) != now[name]:
                raise ValueError(f"{name} was {then.get(name)!r}, and is {now[name]!r} now")
        self.step = checkpoint.restore(
            state, self.path, self.called, self.optimizer, self.generator
        )

    def diverged(self, loss, norm, lr):
        return Diverged(
            f"step {self.step + 1}: loss {loss.item():g}, gradient norm {norm:g}, lr {lr:g}; "
            f"max_lr ({self.config.max_lr}) may be too high"
        )


def flat(config):
    """Fields of the model beside those of the run, as in model.d_ff."""
    model = {f"model.{name}": value for name, value in config["model"].items()}
    return {name: value for name, value in config.items() if name != "model"} | model
