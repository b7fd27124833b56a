"""One row after the other, in plain loops over Python numbers."""

import math
from collections.abc import Collection, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from s04_transformer import TransformerLM

from .decoder import check_request, inference
from .filters import check_settings


def token_probabilities(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "... vocab"]:
    """Row by row, on Python's floats."""
    check_settings(temperature, top_k, top_p)
    rows = logits.reshape(-1, logits.shape[-1]).tolist()
    found = [_probabilities(row, temperature, top_k, top_p) for row in rows]
    return torch.tensor(found, dtype=torch.float32, device=logits.device).reshape(logits.shape)


def _probabilities(
    row: list[float], temperature: float, top_k: int | None, top_p: float | None
) -> list[float]:
    likeliest_first = sorted(range(len(row)), key=lambda token: -row[token])
    largest = row[likeliest_first[0]]
    if temperature == 0:
        temperature, top_k = 1.0, 1
    weights = [math.exp((logit - largest) / temperature) for logit in row]
    kept = likeliest_first[:top_k]
    if top_p is not None:
        wanted, mass = top_p * math.fsum(weights[token] for token in kept), 0.0
        candidates, kept = kept, []
        for token in candidates:
            if mass < wanted or top_p == 1:
                kept.append(token)
                mass += weights[token]
    total = math.fsum(weights[token] for token in kept)
    probabilities = [0.0] * len(row)
    for token in kept:
        probabilities[token] = weights[token] / total
    return probabilities


def sample_token(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "..."]:
    """Walk along each row until a uniform number is used up."""
    probabilities = token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    if temperature == 0:
        return probabilities.argmax(dim=-1)
    rows = probabilities.reshape(-1, logits.shape[-1]).tolist()
    device = "cpu" if generator is None else generator.device
    uniform = torch.rand(len(rows), generator=generator, device=device).tolist()
    drawn = [_walk(row, number) for row, number in zip(rows, uniform, strict=True)]
    return torch.tensor(drawn, device=logits.device).reshape(logits.shape[:-1])


def _walk(row: list[float], number: float) -> int:
    possible = [token for token, probability in enumerate(row) if probability > 0]
    for token in possible:
        number -= row[token]
        if number < 0:
            return token
    return possible[-1]


class KVCache:
    """Written slot by slot; what it returns ends at the last slot that was ever written."""

    def __init__(
        self,
        batch_size: int,
        num_heads: int,
        max_seq_len: int,
        d_head: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self.keys = torch.zeros(
            batch_size, num_heads, max_seq_len, d_head, device=device, dtype=dtype
        )
        self.values = torch.zeros_like(self.keys)
        self.used = 0

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
        """Write each key and each value by itself."""
        places = positions.expand(k.shape[0], k.shape[2]).tolist()
        self.used = max(self.used, 1 + max(max(row) for row in places))
        for row, its_places in enumerate(places):
            for step, place in enumerate(its_places):
                self.keys[row, :, place] = k[row, :, step]
                self.values[row, :, place] = v[row, :, step]
        mask = [[[[slot <= p for slot in range(self.used)] for p in row]] for row in places]
        keys, values = self.keys[:, :, : self.used], self.values[:, :, : self.used]
        return keys, values, torch.tensor(mask, device=k.device)


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
    """Stream each prompt to its end before the next one begins."""
    check_settings(temperature, top_k, top_p)
    check_request(model.config, prompt_ids, max_new_tokens)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    return [
        list(_tokens(model, prompt, max_new_tokens, stop_ids, settings, generator, use_cache))
        for prompt in prompt_ids
    ]


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
    """Check now, compute later."""
    check_settings(temperature, top_k, top_p)
    check_request(model.config, [prompt_ids], max_new_tokens)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    return _tokens(model, prompt_ids, max_new_tokens, stop_ids, settings, generator, use_cache)


def _tokens(model, prompt, max_new_tokens, stop_ids, settings, generator, use_cache):
    context, device = model.config.context_length, next(model.parameters()).device
    window, caches, fed = _first_window(prompt, context), None, 0
    for _ in range(max_new_tokens):
        with inference(model):
            if use_cache:
                caches = caches or _caches(model)
                ids = torch.tensor([window[fed:]], device=device)
                positions = torch.arange(fed, len(window), device=device)
                logits = model(ids, positions=positions, cache=caches)[0, -1]
                fed = len(window)
            else:
                logits = model(torch.tensor([window], device=device))[0, -1]
            token = int(sample_token(logits, generator=generator, **settings))
        if token in stop_ids:
            return
        yield token
        window.append(token)
        if len(window) > context:
            window, caches, fed = window[-max(1, context // 2) :], None, 0


def _first_window(prompt: list[int], context: int) -> list[int]:
    """Let the prompt in token by token, as if it had been drawn."""
    window: list[int] = []
    for token in prompt:
        window.append(token)
        if len(window) > context:
            window = window[-max(1, context // 2) :]
    return window


def _caches(model: TransformerLM) -> list[KVCache]:
    config, weight = model.config, next(model.parameters())
    size = (1, config.num_heads, config.context_length, config.d_model // config.num_heads)
    return [KVCache(*size, weight.device, weight.dtype) for _ in range(config.num_layers)]
