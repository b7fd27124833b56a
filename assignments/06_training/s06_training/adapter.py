"""The contract of stage 06: batches, evaluation, checkpoints and the training loop.

All losses are in nats per token. A step is one update of the parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor, nn
from torch.optim import Optimizer

from s04_transformer import ModelConfig, TransformerLM


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that a run depends on.

    Raises ValueError, naming the field and what was found, for counts under 1, warmup_steps
    outside [0, steps], learning rates that are not 0 ≤ min_lr ≤ max_lr with max_lr above 0, betas
    outside [0, 1), a max_grad_norm or checkpoint_minutes that is not above 0, a dtype or wandb mode
    that does not exist, and a negative eps, weight_decay, keep_last, seed or entropy_floor.
    """

    model: ModelConfig
    """The model to train."""

    train_tokens: Path
    """The ids to train on, a file written by encode_file."""

    valid_tokens: Path
    """The ids to evaluate on, a file written by encode_file."""

    run_dir: Path
    """Where the run leaves its files, and from where it resumes."""

    steps: int
    """How many updates to make; the learning rate reaches min_lr there."""

    batch_size: int
    """How many windows the model reads at once."""

    accumulation_steps: int = 1
    """How many batches, one after another, share one update."""

    max_lr: float
    """The learning rate at the end of the warm-up."""

    min_lr: float
    """The learning rate at the end."""

    warmup_steps: int
    """How many steps the learning rate takes to rise from 0 to max_lr."""

    betas: tuple[float, float] = (0.9, 0.95)
    """AdamW's decay rates, of the mean gradient and of its mean square."""

    eps: float = 1e-8
    """What AdamW adds to the root of the mean square."""

    weight_decay: float = 0.1
    """AdamW's decay of the matrices; vectors are not decayed."""

    max_grad_norm: float | None = 1.0
    """Clip the gradient to this norm; None never clips."""

    eval_every: int = 250
    """Evaluate after every so many steps, and after the last."""

    eval_windows: int | None = None
    """Evaluate on the first so many windows; None takes the whole file."""

    checkpoint_every: int = 250
    """Save a checkpoint after every so many steps, and after the last."""

    checkpoint_minutes: float | None = None
    """Save one as well when the last is so many minutes old; None never looks at the clock."""

    keep_last: int = 0
    """Keep the last so many checkpoints under their step too, as in checkpoint-250.pt."""

    keep_best: bool = False
    """Keep the checkpoint with the lowest validation loss too, as best.pt."""

    log_every: int = 10
    """Log a line after every so many steps, and after the last."""

    dtype: Literal["float32", "bfloat16"] = "float32"
    """What matrix products are computed in; parameters are float32 either way."""

    compile: bool = False
    """Whether torch.compile makes the model faster, after a minute of compiling."""

    device: str | None = None
    """cuda, mps or cpu; None takes the best there is."""

    seed: int = 0
    """Decides the first weights and the order of the batches."""

    entropy_floor: float | None = None
    """The lowest validation loss there can be, if it is known, as for the embedded corpus."""

    wandb: Literal["disabled", "offline", "online"] = "disabled"
    """Whether Weights & Biases gets the metrics too: not, in local files, or over the network."""

    progress: bool = True
    """Whether to show how far the run is."""

    def __post_init__(self) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class TrainResult:
    """How a run ended: what the last line of its metrics.jsonl says."""

    step: int
    """How many updates were made, those before a resume included."""

    train_loss: float
    """The loss of the last update's tokens, before that update."""

    valid_loss: float
    """The validation loss at the end."""

    seconds: float
    """How long the updates took together, evaluations and checkpoints left out."""

    tokens_per_second: float
    """The training tokens of all updates, divided by `seconds`."""

    run_dir: Path
    """Where metrics.jsonl, config.json and checkpoint.pt are."""


class Diverged(RuntimeError):
    """A loss or a gradient that is infinite or NaN."""


class Leak(RuntimeError):
    """A validation loss under the entropy floor: the model has seen what it should predict."""


def best_device() -> str:
    """cuda if there is one, else mps (Apple), else cpu."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def sample_batch(
    tokens: Integer[np.ndarray, " count"],
    batch_size: int,
    context_length: int,
    *,
    device: torch.device | str,
    generator: torch.Generator,
) -> tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]:
    """Random windows of `tokens`, and the same windows one token later: inputs and targets.

    Every start that leaves room for context_length + 1 ids is as likely as every other. All are
    drawn by one call, torch.randint(count - context_length, (batch_size,), generator=generator),
    so that a seed means the same batches to everyone. Only the windows are read from `tokens`,
    which may be a memory map larger than memory. Both tensors are int64, on `device`.

    tokens [10, 11, 12, 13, 14], context_length 3, start 1: [11, 12, 13] and [12, 13, 14].

    Raises:
        ValueError: fewer than context_length + 1 ids; it says how many are needed.
    """
    raise NotImplementedError


def evaluate(
    model: nn.Module,
    tokens: Integer[np.ndarray, " count"],
    *,
    batch_size: int,
    context_length: int,
    max_windows: int | None = None,
) -> float:
    """The mean loss per token over consecutive windows of `tokens`.

    Window i reads the context_length ids from i · context_length on, and each id is to predict
    the next one, so every id but the first is a target exactly once. The last window is as short
    as what is left. `max_windows` takes the first so many windows. The model reads batch_size
    windows at once, in eval mode without gradients, and gets its mode back. The loss is float32.

    Raises:
        ValueError: fewer than 2 ids, which leave nothing to predict; it says that 2 are needed.
    """
    raise NotImplementedError


def save_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer,
    step: int,
    config: TrainConfig,
    generator: torch.Generator,
) -> None:
    """Write everything that a run needs to go on: all of the file, or nothing.

    It is written beside `path` under another name, then takes its place with os.replace; if that
    fails, the checkpoint that was there stays. The file is torch.save's, of plain values and
    tensors, so that torch.load(weights_only=True) reads it: a dict of

    - `model`, `optimizer`: their state dicts; a compiled model's names lose `_orig_mod.`;
    - `step`, an int; `config`, a dict as JSON gives it back: paths are strings, tuples lists;
    - `generator`: the state of the data's generator; `random`: those of torch's own generators.

    Raises:
        OSError: it could not be written; the message says why.
    """
    raise NotImplementedError


def load_checkpoint(
    path: Path,
    *,
    model: nn.Module,
    optimizer: Optimizer | None = None,
    generator: torch.Generator | None = None,
) -> int:
    """Put a checkpoint back into `model`, and `optimizer` and `generator` if given; its step.

    torch's own generators are set too. Tensors go to the device where the model is.

    Raises:
        ValueError: `path` is no readable checkpoint (in one line that names it), or one of a model
            of other names or shapes (it names one of them).
        FileNotFoundError: there is no such file.
    """
    raise NotImplementedError


def load_model(path: Path, device: torch.device | str = "cpu") -> TransformerLM:
    """The model of a checkpoint, in eval mode on `device`; needs nothing but the file."""
    raise NotImplementedError


def train(config: TrainConfig, sample: Callable[[nn.Module], str] | None = None) -> TrainResult:
    """Train a model, or go on with the run that `config.run_dir` holds.

    Seeds: torch.manual_seed(seed), then the model is made; the data has a CPU generator of its
    own, torch.Generator().manual_seed(seed).

    Update number n, counted from 1:
    - sets the learning rate of every parameter group to cosine_schedule(n - 1, …, steps);
    - draws accumulation_steps batches with sample_batch, and adds up the gradients of their
      losses, each divided by accumulation_steps: the gradient of one batch of them all;
    - clips that, all parameters together, and takes one step of AdamW; only matrices decay.

    With bfloat16, the forward pass runs under torch.autocast, and parameters, optimizer state
    and the loss stay float32. Evaluation uses the model as it is, uncompiled.

    It leaves in run_dir:
    - `metrics.jsonl`, one JSON object a line, whenever log_every or eval_every divides n and
      at the end: step (n), train_loss (of this update's tokens, before it), lr, grad_norm (before
      clipping), tokens (trained on so far), seconds, tokens_per_second (since the last line), and
      where evaluated valid_loss and `sample`, the text that sample(model) then returns, called in
      eval mode without gradients. wandb gets the same in one log call, with step=n;
    - `config.json`, and `checkpoint.pt` whenever checkpoint_every divides n, checkpoint_minutes
      have passed since the last one or the start, and at the end;
    - with keep_last, each of them as checkpoint-{n}.pt first; older ones go when all is written;
    - with keep_best, `best.pt`, the checkpoint of the lowest valid_loss in metrics.jsonl.

    A run stopped at any moment resumes from its checkpoint and has the same losses, to the bit on
    the same machine; lines of metrics.jsonl after it are cut off. A complete run stays as it is.

    If WORLD_SIZE in the environment is above 1, torchrun started so many processes: each draws the
    same batches and trains on part RANK of WORLD_SIZE equal parts of their rows, gradients and
    train_loss are means over all, and only rank 0 writes. Until then, raise ValueError as below.

    Raises:
        ValueError: tokens that cannot be read, hold an id that model.vocab_size does not allow, or
            are fewer than context_length + 1 (in one line with that id and `vocab_size`, or with
            the count needed and `context_length`); a batch_size that WORLD_SIZE does not divide
            (in one line that names WORLD_SIZE); a checkpoint of another configuration (in one line
            that names the field and both values), where device, compile, entropy_floor, run_dir
            and what is about evaluating, saving and logging may differ.
        FileNotFoundError: a token file is missing.
        Diverged: a loss or gradient norm is not finite, in whatever step; one line names step, loss
            and what may be the cause, such as max_lr. The last checkpoint is as it was.
        Leak: the validation loss is under entropy_floor by more than chance allows, that is 2/√n
            for n evaluated tokens; one line names the step and the floor.
        KeyboardInterrupt: Ctrl-C; the update was finished and saved; the message says how to go on.
    """
    raise NotImplementedError
