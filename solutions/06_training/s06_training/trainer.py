"""The state of a run and what changes it: an update, an evaluation, a checkpoint."""

import math
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from torch import Tensor, nn

from s04_transformer import TransformerLM
from s05_adamw_schedule import AdamW, clip_gradients, cosine_schedule

from . import checkpoint
from .adapter import (
    Diverged,
    Leak,
    TrainConfig,
    best_device,
    evaluate,
    sample_batch,
    save_checkpoint,
)
from .data import open_checked
from .loss import loss_in_pieces
from .processes import Processes

# What a resumed run may change, because no loss of the training depends on it.
FREE = {"run_dir", "device", "compile", "entropy_floor", "wandb", "progress"}
FREE |= {"eval_every", "eval_windows", "log_every"}
FREE |= {"checkpoint_every", "checkpoint_minutes", "keep_last", "keep_best"}


class Trainer:
    def __init__(self, config: TrainConfig, processes: Processes) -> None:
        self.config = config
        self.processes = processes
        self.device = torch.device(config.device or best_device())
        self.train_tokens = open_checked("train_tokens", config.train_tokens, config.model)
        self.valid_tokens = open_checked("valid_tokens", config.valid_tokens, config.model)
        torch.manual_seed(config.seed)
        self.model = TransformerLM(config.model, device=self.device)
        self.forward = torch.compile(self.model) if config.compile else self.model
        self.forward = processes.connect(self.forward)
        groups = parameter_groups(self.model, config.weight_decay)
        self.optimizer = AdamW(groups, lr=config.max_lr, betas=config.betas, eps=config.eps)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.path = config.run_dir / "checkpoint.pt"
        self.step = 0

    def update(self) -> tuple[Tensor, float, float]:
        """One step: the loss of its tokens, the norm of its gradient, its learning rate."""
        config = self.config
        lr = cosine_schedule(
            self.step, config.max_lr, config.min_lr, config.warmup_steps, config.steps
        )
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.zero_grad()
        loss = torch.zeros((), device=self.device)
        for batch in range(config.accumulation_steps):
            last = batch == config.accumulation_steps - 1
            with self.processes.exchange(self.forward, last):
                loss += self._add_gradients()
        loss = self.processes.mean(loss)
        self._mark_gradients(loss)
        norm = clip_gradients(self.model.parameters(), config.max_grad_norm or math.inf)
        if not math.isfinite(norm):
            raise self.diverged(loss, norm, lr)
        self.optimizer.step()
        self.step += 1
        return loss, norm, lr

    def _mark_gradients(self, loss: Tensor) -> None:
        """Make the gradient NaN if the loss is not finite: an infinite loss can have a finite one.

        The norm is a float, and looked at in every step. To look at the loss as well would wait
        for the device once more.
        """
        gradient = self.optimizer.param_groups[0]["params"][0].grad
        gradient.view(-1)[:1].add_(0 * loss)

    def _add_gradients(self) -> Tensor:
        """Draw a batch and add its share to the gradients; its share of the loss."""
        config = self.config
        rows = self.processes.rows(config.batch_size)
        inputs, targets = sample_batch(
            self.train_tokens,
            config.batch_size,
            config.model.context_length,
            device=self.device,
            generator=self.generator,
        )
        with self._precision():
            logits = self.forward(inputs[rows])
        share = 1 / config.accumulation_steps
        loss, gradient = loss_in_pieces(logits, targets[rows], share)
        logits.backward(gradient)
        return loss

    def _precision(self) -> AbstractContextManager[object]:
        wanted = self.config.dtype == "bfloat16"
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=wanted)

    def valid_loss(self) -> float:
        config = self.config
        with self._precision():
            loss = evaluate(
                self.model,
                self.valid_tokens,
                batch_size=config.batch_size,
                context_length=config.model.context_length,
                max_windows=config.eval_windows,
            )
        if not math.isfinite(loss):
            raise Diverged(
                f"step {self.step}: the validation loss is {loss}, after an update whose loss and "
                f"gradient were finite. {self._advice()}"
            )
        self._refuse_leak(loss)
        return loss

    def _refuse_leak(self, loss: float) -> None:
        floor, targets = self.config.entropy_floor, len(self.valid_tokens) - 1
        if self.config.eval_windows is not None:
            windows = self.config.eval_windows * self.config.model.context_length
            targets = min(targets, windows)
        if floor is not None and loss < floor - chance(targets):
            raise Leak(
                f"step {self.step}: the validation loss is {loss:.3f}, but no model can go under "
                f"the entropy floor of {floor:.3f}. Does attention see later tokens? Are targets "
                "shifted by one? Is validation text in the training text? Is it the floor of "
                "this text with this tokenizer?"
            )

    def save(self, name: str = "checkpoint.pt") -> None:
        save_checkpoint(
            self.config.run_dir / name,
            model=self.model,
            optimizer=self.optimizer,
            step=self.step,
            config=self.config,
            generator=self.generator,
        )

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one."""
        if self.path.exists():
            state = checkpoint.read(self.path)
            refuse_differences(state["config"], checkpoint.plain(self.config), self.path)
            self.step = checkpoint.restore(
                state, self.path, self.model, self.optimizer, self.generator
            )

    def diverged(self, loss: Tensor, norm: float, lr: float) -> Diverged:
        return Diverged(
            f"step {self.step + 1}: the loss is {loss.item():g} and the gradient norm {norm:g}, at "
            f"learning rate {lr:g}. {self._advice()}"
        )

    def _advice(self) -> str:
        config = self.config
        kept = f"the checkpoint in {self.path} is" if self.path.exists() else "no checkpoint is"
        return (
            f"Likely causes: max_lr ({config.max_lr:g}) is too high, warmup_steps "
            f"({config.warmup_steps}) too few, max_grad_norm is None, or a layer divides by 0 or "
            f"overflows. From before that step, {kept} left"
        )


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """Matrices decay; vectors do not: a gain of RMSNorm pulled to 0 only makes the signal small,
    where a smaller matrix makes a simpler function."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
    ]


def chance(targets: int) -> float:
    """How far under the floor a mean over `targets` tokens may be without a leak.

    On the whole text, a model that has not seen it is more than c nats under the text's own
    surprisal with probability under e^-c, in total (Markov's inequality on the likelihood
    ratio). A part of the text may be easier than the whole: stories of the embedded corpus vary
    by 0.33/√targets nats per token. 2/√targets is six times that, and more than 20 nats in total
    from 100 targets on.
    """
    return 2 / math.sqrt(targets)


def refuse_differences(then: object, now: dict[str, object], path: Path) -> None:
    if not isinstance(then, dict):
        raise ValueError(
            f"{path} holds no configuration by name: its config is a {type(then).__name__}; "
            "delete it to start anew, or put back a copy"
        )
    for name, old, new in _differences(then, now):
        raise ValueError(
            f"{path} was made with {name} {old!r}, not {new!r}: go on with the former, "
            "or choose another run_dir to start anew"
        )


def _differences(
    then: dict[str, object], now: dict[str, object]
) -> list[tuple[str, object, object]]:
    found = []
    for name in now.keys() - FREE:
        old, new = then.get(name), now[name]
        if isinstance(old, dict) and isinstance(new, dict):
            found += [(f"{name}.{inner}", a, b) for inner, a, b in _differences(old, new)]
        elif old != new:
            found.append((name, old, new))
    return sorted(found, key=lambda difference: difference[0])
