"""A model whose every answer can be worked out by hand."""

import copy
from types import SimpleNamespace

import pytest
import torch

from groundup.testing import outcome


@pytest.fixture(autouse=True)
def fresh_prompts(request, monkeypatch):
    """Who changes the prompts that are handed in changes them for one test only."""
    for name in ("PROMPT", "PROMPTS"):
        if hasattr(request.module, name):
            monkeypatch.setattr(request.module, name, copy.deepcopy(getattr(request.module, name)))


@pytest.fixture
def make_clockwork():
    """`make_clockwork(context_length=8)` is a model that answers with one certain token:

    the sum over all tokens it sees of (token + 1) · (position + 2), times 66, modulo vocab_size.

    With caches it sees the new tokens only through them: layer i (from 1) hands i times the
    product in as keys and 3 i times as values, and reads keys + 7 values: 22 · (1 + 2) = 66.
    `calls` lists what it was fed, `logits` (if set) takes the place of its answers; with
    `counting` it answers with the number of tokens it sees.

    Like the model of stage 04 it refuses more tokens than fit into its context.
    """
    # Imported here because a conftest is read before it is known whose stages to import.
    from s04_transformer import ModelConfig, TransformerLM

    class Clockwork(TransformerLM):
        def __init__(self, config, logits=None, counting=False):
            torch.nn.Module.__init__(self)
            self.config, self.logits, self.calls = config, logits, []
            self.counting = counting
            self.weight = torch.nn.Parameter(torch.tensor(90.0))
            self.inner = torch.nn.Sequential(torch.nn.Sequential())

        def forward(self, token_ids, positions=None, cache=None):
            rows, seq = token_ids.shape
            if positions is None:
                positions = torch.arange(seq, device=token_ids.device)
            positions = positions.expand(rows, seq)
            self.calls.append(
                SimpleNamespace(
                    tokens=token_ids.tolist(),
                    positions=positions.tolist(),
                    cached=cache is not None,
                    cache_dtypes=set(),
                    modes={module.training for module in self.modules()},
                    gradients=torch.is_grad_enabled(),
                )
            )
            if seq > self.config.context_length:
                raise ValueError(f"fed {seq} tokens, more than the context holds")
            if self.logits is not None:
                return self.weight / 90 * self.logits.expand(rows, seq, -1)
            products = ((token_ids + 1) * (positions + 2)).float()
            if self.counting:
                products = torch.ones_like(products) / 66  # each of them counts once
            seen = sum(self.read(layer, products, positions, cache) for layer in (1, 2))
            answers = seen.round().long() % self.config.vocab_size
            return self.weight * torch.nn.functional.one_hot(answers, self.config.vocab_size)

        def read(self, layer, products, positions, cache):
            k = layer * products[:, None, :, None].expand(-1, 2, -1, 2)
            v, mask = 3 * k, torch.ones_like(products[0].expand(k.shape[2], -1)).tril().bool()
            if cache is not None:
                k, v, mask = cache[layer - 1].update(k, v, positions)
                self.calls[-1].cache_dtypes |= {str(k.dtype), str(v.dtype)}
            both = (k + 7 * v)[:, 1, :, 1]
            mask = mask.expand(both.shape[0], 1, -1, -1)[:, 0]
            return torch.where(mask, both[:, None, :], 0).sum(-1)

    def make(context_length=8, vocab_size=97, logits=None, counting=False):
        config = ModelConfig(
            vocab_size=vocab_size,
            context_length=context_length,
            d_model=4,
            num_layers=2,
            num_heads=2,
            d_ff=4,
        )
        return Clockwork(config, logits, counting)

    return make


@pytest.fixture
def by_row():
    """`by_row(function, count)` has a part for each of `count` rows of ids."""

    def parts(function, count):
        found = outcome(function)
        # Which error it is depends on how a cache was written, not on what is wrong.
        rows = ["an error"] * count if isinstance(found, str) else found
        return {f"row {row}": rows[row] if row < len(rows) else "missing" for row in range(count)}

    return parts
