import numpy as np
import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s06_training import evaluate


class Bigrams(torch.nn.Module):
    """Logits that depend on the last token only, and a record of every call."""

    def __init__(self, draw, dtype=torch.float32):
        super().__init__()
        self.table = torch.nn.Parameter(draw.normal(11, 13, scale=2.0).to(dtype))
        self.inputs, self.modes = [], []

    def forward(self, token_ids):
        self.inputs.append(token_ids)
        self.modes.append((self.training, torch.is_grad_enabled()))
        return self.table[token_ids]

    def loss(self, tokens):
        """The mean over all pairs of neighbours, in one go."""
        logits = self.table[torch.from_numpy(tokens[:-1].astype(np.int64))]
        targets = torch.from_numpy(tokens[1:].astype(np.int64))
        return torch.nn.functional.cross_entropy(logits.float(), targets).item()


def ids(draw, count):
    return draw.integers(0, 11, count).numpy().astype(np.uint16)


@pytest.mark.points(2)
@pytest.mark.parametrize("batch_size", [1, 2])
@pytest.mark.parametrize("count", [2, 6, 19, 21])
def test_every_token_but_the_first_counts_once(draw, count, batch_size):
    model, tokens = Bigrams(draw), ids(draw, count)
    loss = evaluate(model, tokens, batch_size=batch_size, context_length=5)
    why = f"the mean over all {count - 1} targets, however they are cut into windows"
    assert_close(loss, model.loss(tokens), why, rtol=1e-5)


def test_losses_of_cut_files(draw):
    # No batch but the last is smaller than 4, so that few shapes have to be worked out by einx.
    model, tokens, others = Bigrams(draw), ids(draw, 53), ids(draw, 53)
    settings = {"batch_size": 4, "context_length": 6}
    check(
        {
            "52 targets": evaluate(model, tokens, **settings),
            "52 other targets": evaluate(model, others, **settings),
            "48 targets": evaluate(model, tokens[:49], **settings),
            "4 targets": outcome(lambda: evaluate(model, tokens[:5], **settings)),
            "4 windows": evaluate(model, tokens, max_windows=4, **settings),
            "8 windows": evaluate(model, others, max_windows=8, **settings),
        },
        rtol=1e-5,
    )


def test_how_the_model_is_called(draw):
    model, parts = Bigrams(draw), {}
    for training, mode in ((True, "train mode"), (False, "eval mode")):
        evaluate(model.train(training), ids(draw, 53), batch_size=4, context_length=6)
        parts[f"left in, given in {mode}"] = "train mode" if model.training else "eval mode"
    parts["ids"] = torch.cat([batch.flatten() for batch in model.inputs])
    parts["shapes"] = [size for batch in model.inputs for size in batch.shape]
    parts["train mode"] = [training for training, _ in model.modes]
    parts["gradients"] = [gradients for _, gradients in model.modes]
    check(parts)


def test_losses_of_bfloat16_logits(draw):
    model = Bigrams(draw, torch.bfloat16)
    losses = [
        evaluate(model, ids(draw, 25), batch_size=4, context_length=6, max_windows=4)
        for _ in range(8)
    ]
    check(losses, rtol=1e-5)


def test_windows_follow_each_other(draw):
    model, tokens = Bigrams(draw), ids(draw, 19)
    evaluate(model, tokens, batch_size=2, context_length=5)
    rows = [row for batch in model.inputs for row in batch]
    assert [len(row) for row in rows] == [5, 5, 5, 3], "whole windows, then what is left"
    expected = torch.from_numpy(tokens[:-1].astype(np.int64))
    assert_close(torch.cat(rows), expected, "every token but the last is read once, in order")


def test_batch_size_windows_are_read_at_once(draw):
    model = Bigrams(draw)
    evaluate(model, ids(draw, 36), batch_size=3, context_length=5)
    assert [len(batch) for batch in model.inputs] == [3, 3, 1], "7 windows in batches of 3"


@pytest.mark.parametrize(("windows", "targets"), [(1, 5), (2, 10), (3, 15), (4, 18), (9, 18)])
def test_max_windows_takes_the_first(draw, windows, targets):
    model, tokens = Bigrams(draw), ids(draw, 19)
    loss = evaluate(model, tokens, batch_size=2, context_length=5, max_windows=windows)
    why = f"the first {windows} windows hold {targets} targets"
    assert_close(loss, model.loss(tokens[: targets + 1]), why, rtol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_evaluation_needs_no_gradient_and_gives_the_mode_back(draw, training):
    model = Bigrams(draw).train(training)
    evaluate(model, ids(draw, 19), batch_size=2, context_length=5)
    found = set(model.modes)
    assert found == {(False, False)}, f"(training, gradients) were {found} inside the model"
    assert model.training is training, "the model must be left in the mode it was in"
    assert model.table.grad is None


def test_the_loss_is_computed_in_float32(draw):
    model, tokens = Bigrams(draw, torch.bfloat16), ids(draw, 36)
    loss = evaluate(model, tokens, batch_size=7, context_length=5)
    assert_close(loss, model.loss(tokens), "logits may be bfloat16, their loss not", rtol=1e-5)


def test_the_loss_is_a_plain_float(draw):
    assert type(evaluate(Bigrams(draw), ids(draw, 9), batch_size=2, context_length=5)) is float


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_to_predict_is_refused(draw, count):
    with pytest.raises(ValueError, match="2"):
        evaluate(Bigrams(draw), ids(draw, count), batch_size=2, context_length=5)
