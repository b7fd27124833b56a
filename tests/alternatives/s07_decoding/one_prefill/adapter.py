"""All rows in one batch: a prefill gives logits at once, and rows that have stopped are left out.

The filters work on the sorted row, and a token is drawn by an exponential race.
"""

from collections.abc import Collection, Iterator, Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from s04_transformer import TransformerLM

from .decoder import check_request, inference, window_length
from .filters import check_settings


def token_probabilities(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "... vocab"]:
    """Both filters on the sorted row, which goes back to the ids once."""
    check_settings(temperature, top_k, top_p)
    ranked, ids = logits.float().sort(dim=-1, descending=True, stable=True)
    stay = 1 if temperature == 0 else top_k or ranked.shape[-1]
    divisor = 1.0 if temperature == 0 else max(1e-37, min(temperature, 1e37))
    weights = ((ranked - ranked[..., :1]) / divisor).exp()
    weights[..., stay:] = 0
    weights = weights / weights.sum(dim=-1, keepdim=True)
    if top_p is not None and top_p < 1:
        before = torch.zeros_like(weights)
        before[..., 1:] = weights.cumsum(dim=-1)[..., :-1]
        weights = torch.where(before < top_p, weights, 0)
        weights = weights / weights.sum(dim=-1, keepdim=True)
    return torch.zeros_like(weights).scatter(-1, ids, weights)


def sample_token(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "..."]:
    """Every token waits for a time with its probability as the rate; the first one wins."""
    rates = token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    if temperature == 0:
        return rates.argmax(dim=-1)
    device = logits.device if generator is None else generator.device
    waits = torch.empty(rates.shape, device=device).exponential_(generator=generator)
    return (rates / waits.to(rates.device)).argmax(dim=-1)


class KVCache:
    """Written by an indexed assignment."""

    def __init__(
        self,
        batch_size: int,
        num_heads: int,
        max_seq_len: int,
        d_head: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = (batch_size, num_heads, max_seq_len, d_head)
        self.keys = torch.full(shape, 0.0, device=device, dtype=dtype)
        self.values = self.keys.clone()

    def update(
        self,
        k: Float[Tensor, "batch heads seq d_head"],
        v: Float[Tensor, "batch heads seq d_head"],
        positions: Int[Tensor, "... seq"],
    ) -> tuple[
        Float[Tensor, "batch heads slots d_head"],
        Float[Tensor, "batch heads slots d_head"],
        Bool[Tensor, "batch 1 seq slots"],
    ]:
        """All rows are some rows, too."""
        return SomeRows(self, torch.arange(k.shape[0], device=k.device)).update(k, v, positions)


class SomeRows:
    """A cache for a part of the rows of another cache."""

    def __init__(self, whole: KVCache, rows: Tensor) -> None:
        self.whole, self.rows = whole, rows

    def update(self, k: Tensor, v: Tensor, positions: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        keys, values = self.whole.keys, self.whole.values
        positions = positions.expand(k.shape[0], k.shape[2])
        keys[self.rows[:, None], :, positions] = k.transpose(1, 2).to(keys.dtype)
        values[self.rows[:, None], :, positions] = v.transpose(1, 2).to(values.dtype)
        mask = positions[:, None, :, None] >= torch.arange(keys.shape[2], device=k.device)
        if len(self.rows) == len(keys):
            return keys, values, mask
        return keys[self.rows], values[self.rows], mask


def generate(
    model: TransformerLM,
    prompt_ids: list[list[int]],
    max_new_tokens: int,
    *,
    stop_ids: Collection[int] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> list[list[int]]:
    """Step by step, all rows that have not stopped."""
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    check_settings(**settings)
    check_request(model.config, prompt_ids, max_new_tokens)
    batch = Batch(model, prompt_ids, use_cache)
    found: list[list[int]] = [[] for _ in prompt_ids]
    running = list(range(len(prompt_ids)))
    for _ in range(max_new_tokens):
        if not running:
            break
        drawn = batch.step(running, settings, generator)
        running = [row for row, token in zip(running, drawn, strict=True) if token not in stop_ids]
        for row in running:
            found[row].append(batch.texts[row][-1])
    return found


def stream(
    model: TransformerLM,
    prompt_ids: list[int],
    max_new_tokens: int,
    *,
    stop_ids: Collection[int] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Iterator[int]:
    """A batch of one row."""
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    check_settings(**settings)
    check_request(model.config, [prompt_ids], max_new_tokens)

    def tokens() -> Iterator[int]:
        batch = Batch(model, [prompt_ids], use_cache)
        for _ in range(max_new_tokens):
            (token,) = batch.step([0], settings, generator)
            if token in stop_ids:
                return
            yield token

    return tokens()


class Batch:
    """The whole texts so far, and how many tokens of each row's window the caches hold."""

    def __init__(self, model: TransformerLM, prompts: list[list[int]], use_cache: bool) -> None:
        config, weight = model.config, next(model.parameters())
        self.model, self.context, self.device = model, config.context_length, weight.device
        self.texts, self.held = [list(prompt) for prompt in prompts], [0] * len(prompts)
        size = (len(prompts), config.num_heads, self.context, config.d_model // config.num_heads)
        self.caches = [
            KVCache(*size, weight.device, weight.dtype) for _ in range(config.num_layers)
        ]
        self.use_cache = use_cache

    def step(self, rows: list[int], settings, generator) -> list[int]:
        lengths = {row: window_length(len(self.texts[row]), self.context) for row in rows}
        for row in rows:
            if lengths[row] <= self.held[row] or not self.use_cache:
                self.held[row] = 0
        with inference(self.model):
            # A row whose window is new needs all of it, the others their newest token.
            new = [row for row in rows if not self.held[row]]
            old = [row for row in rows if self.held[row]]
            parts = [self._logits(part, lengths) for part in (new, old) if part]
            logits = dict(zip(new + old, torch.cat(parts), strict=True))
            drawn = sample_token(
                torch.stack([logits[row] for row in rows]), generator=generator, **settings
            ).tolist()
        for row, token in zip(rows, drawn, strict=True):
            self.held[row] = lengths[row]
            self.texts[row].append(token)
        return drawn

    def _logits(self, rows: list[int], lengths: dict[int, int]) -> Tensor:
        pieces = [self.texts[row][self.held[row] - lengths[row] :] for row in rows]
        longest = max(map(len, pieces))
        ids = self._tensor([piece + [0] * (longest - len(piece)) for piece in pieces])
        last = self._tensor([len(piece) - 1 for piece in pieces])
        every = torch.arange(len(rows), device=self.device)
        if not self.use_cache:
            return self.model(ids)[every, last]
        starts = self._tensor([self.held[row] for row in rows])
        positions = starts[:, None] + torch.arange(longest, device=self.device)
        caches = [SomeRows(cache, self._tensor(rows)) for cache in self.caches]
        return self.model(ids, positions=positions, cache=caches)[every, last]

    def _tensor(self, numbers: Sequence) -> Tensor:
        return torch.tensor(numbers, device=self.device)
