"""Rows of tokens that a model makes longer: what it is fed at each step, and when anew."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from s04_transformer import ModelConfig, TransformerLM

from .flat import Cache, FlatStep, pays


class Decoder:
    """Rows decoded side by side, each with a window: the tokens that the model may see of it.

    Slot p of `tokens` is the token at position p of the window, as in the caches. `filled` says
    how many slots are in use. `newest` is the last of them, the same fact on the model's device:
    reading that would wait for the device, so decisions are made from `filled`.
    """

    def __init__(
        self,
        model: TransformerLM,
        prompts: list[list[int]],
        choose: Callable[[Tensor], Tensor],
        new_caches: Callable[[int], list[Any]] | None,
    ) -> None:
        self.model, self.choose, self.new_caches = model, choose, new_caches
        self.context = model.config.context_length
        self.device = next(model.parameters()).device
        windows = [prompt[-window_length(len(prompt), self.context) :] for prompt in prompts]
        self.filled = [len(window) for window in windows]
        padded = [window + [0] * (self.context - len(window)) for window in windows]
        self.tokens = torch.tensor(padded, device=self.device)
        self.newest = self._newest()
        self.caches: list[Cache] = []
        rows = len(prompts)
        self.flat = FlatStep(model, rows) if new_caches and pays(model, rows) else None
        self.flat_is_right = False
        self.stale = list(range(rows))

    def step(self) -> Int[Tensor, " rows"]:
        """Make every row one token longer, by what `choose` draws from its logits.

        The caller puts the model into `inference` first: for one token, or once for many.
        """
        chosen = self.choose(self._next_logits())
        self._append(chosen)
        return chosen

    def _next_logits(self) -> Float[Tensor, "rows vocab"]:
        if self.new_caches is None:
            # Padding on the right is hidden by the causal mask. It keeps the number of shapes
            # small, each of which einx works out once, and slowly.
            length = min(self.context, 2 ** (max(self.filled) - 1).bit_length())
            logits = self.model(self.tokens[:, :length])
            return logits.take_along_dim(self.newest[:, :, None], dim=1)[:, 0]
        if self.stale:
            self._fill_stale_caches(self.new_caches)
        newest_tokens = self.tokens.gather(1, self.newest)
        if self.flat is None:
            return self._logits_by_modules(newest_tokens)
        found = self.flat.logits(newest_tokens[:, 0], self.filled, self.caches)
        if self.flat_is_right:
            return found
        logits = self._logits_by_modules(newest_tokens)
        # The modules may compute something else: a learner tries an idea, or has slipped.
        self.flat_is_right = torch.allclose(found, logits, rtol=1e-3, atol=1e-3)
        self.flat = self.flat if self.flat_is_right else None
        return logits

    def _logits_by_modules(
        self, newest_tokens: Int[Tensor, "rows 1"]
    ) -> Float[Tensor, "rows vocab"]:
        return self.model(newest_tokens, positions=self.newest, cache=self.caches)[:, -1]

    def _fill_stale_caches(self, new_caches: Callable[[int], list[Any]]) -> None:
        """Feed whole windows, but for their newest token, which every step feeds."""
        fresh = new_caches(len(self.stale))
        length = max(self.filled[row] for row in self.stale) - 1
        if length:
            positions = torch.arange(length, device=self.device)
            self.model(self.tokens[self.stale, :length], positions=positions, cache=fresh)
        if len(self.stale) == len(self.filled):
            self.caches = fresh
        else:
            for whole, part in zip(self.caches, fresh, strict=True):
                whole.keys[self.stale], whole.values[self.stale] = part.keys, part.values
        self.stale = []

    def _append(self, chosen: Int[Tensor, " rows"]) -> None:
        self.stale = [row for row, filled in enumerate(self.filled) if filled == self.context]
        kept = shortest_window(self.context) - 1
        for row in self.stale:
            self.tokens[row, :kept] = self.tokens[row, self.context - kept :].clone()
            self.filled[row] = kept
        self.filled = [filled + 1 for filled in self.filled]
        self.newest = self._newest() if self.stale else self.newest + 1
        self.tokens.scatter_(1, self.newest, chosen[:, None])

    def _newest(self) -> Int[Tensor, "rows 1"]:
        return torch.tensor(self.filled, device=self.device)[:, None] - 1


def shortest_window(context_length: int) -> int:
    return max(1, context_length // 2)


def window_length(length: int, context_length: int) -> int:
    """How many of a row's last tokens the model sees when the row has `length` tokens."""
    if length <= context_length:
        return length
    shortest = shortest_window(context_length)
    return shortest + (length - context_length - 1) % (context_length - shortest + 1)


def check_request(config: ModelConfig, prompts: list[list[int]], max_new_tokens: int) -> None:
    """Raise ValueError for what no model could go on from."""
    if max_new_tokens < 0:
        raise ValueError(f"max_new_tokens ({max_new_tokens}) must be at least 0")
    for row, prompt in enumerate(prompts):
        if not prompt:
            raise ValueError(
                f"prompt {row} is empty; give at least one token, such as the id of <|endoftext|>"
            )
        strange = next((token for token in prompt if not 0 <= token < config.vocab_size), None)
        if strange is not None:
            raise ValueError(
                f"prompt {row} holds the id {strange}, but the model's vocab_size is "
                f"{config.vocab_size}; encode it with the tokenizer that the model was trained with"
            )


@contextlib.contextmanager
def inference(model: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; afterwards each module is in the mode that it was in."""
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        # Not inference_mode: a table that a module makes and keeps here must still be trainable.
        with torch.no_grad():
            yield
    finally:
        for module in training:
            module.training = True
