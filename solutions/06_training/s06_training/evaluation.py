"""The mean loss over ids in their order."""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor, nn

from s02_layers import cross_entropy


def mean_loss(
    model: nn.Module,
    tokens: Integer[np.ndarray, " count"],
    batch_size: int,
    context_length: int,
    max_windows: int | None,
) -> float:
    if len(tokens) < 2:
        raise ValueError(f"tokens holds {len(tokens)} ids; evaluating needs at least 2")
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    losses, count = [], 0
    with torch.no_grad():
        for inputs, targets in consecutive_batches(tokens, batch_size, context_length, max_windows):
            logits = model(inputs.to(device)).float()
            losses.append(cross_entropy(logits, targets.to(device)) * targets.numel())
            count += targets.numel()
    model.train(was_training)
    # One transfer at the end; then float64, which MPS has not, for a sum of many numbers.
    return torch.stack(losses).cpu().double().sum().item() / count


def consecutive_batches(
    tokens: Integer[np.ndarray, " count"],
    batch_size: int,
    context_length: int,
    max_windows: int | None,
) -> Iterator[tuple[Int[Tensor, "batch seq"], Int[Tensor, "batch seq"]]]:
    """Inputs and targets of the windows in order; the last one, if shorter, is a batch alone."""
    whole = (len(tokens) - 1) // context_length
    if max_windows is not None:
        whole = min(whole, max_windows)
    end = whole * context_length
    inputs = tokens[:end].reshape(whole, context_length)
    targets = tokens[1 : end + 1].reshape(whole, context_length)
    for start in range(0, whole, batch_size):
        rows = slice(start, start + batch_size)
        yield _as_tensor(inputs[rows]), _as_tensor(targets[rows])
    rest = tokens[None, end:]
    if rest.shape[1] > 1 and (max_windows is None or whole < max_windows):
        yield _as_tensor(rest[:, :-1]), _as_tensor(rest[:, 1:])


def _as_tensor(ids: Integer[np.ndarray, "batch seq"]) -> Int[Tensor, "batch seq"]:
    return torch.from_numpy(ids.astype(np.int64))
