"""Evaluation in NumPy's words: windows by indices, and a sum in Python's floats."""

import contextlib

import numpy as np
import torch

from s02_layers import cross_entropy


@contextlib.contextmanager
def measuring(model):
    before = model.training
    model.train(False)
    try:
        with torch.set_grad_enabled(False):
            yield next(iter(model.state_dict().values())).device
    finally:
        model.train(before)


def mean_loss(model, tokens, batch_size, context_length, max_windows):
    targets = np.arange(1, len(tokens))
    if not targets.size:
        raise ValueError("at least 2 tokens are needed, one of them to predict")
    if max_windows is not None:
        targets = targets[: max_windows * context_length]
    whole = len(targets) // context_length * context_length
    rows = targets[:whole].reshape(-1, context_length)
    batches = np.split(rows, range(batch_size, len(rows), batch_size)) if whole else []
    if whole < len(targets):
        batches.append(targets[None, whole:])
    total = 0.0
    with measuring(model) as device:
        for places in batches:
            inputs = torch.tensor(tokens[places - 1].tolist(), device=device)
            wanted = torch.tensor(tokens[places].tolist(), device=device)
            logits = model(inputs).to(torch.float32)
            total += float(cross_entropy(logits, wanted)) * places.size
    return total / len(targets)
