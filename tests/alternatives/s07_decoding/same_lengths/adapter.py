"""Prompts of the same length are decoded together, so that nothing is ever padded.

Probabilities are float64 inside, and a token's rank is found by comparing it with all others.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from itertools import chain, takewhile

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
    """What is likelier than a token is counted for top-k, and summed up for top-p."""
    check_settings(temperature, top_k, top_p)
    wide = logits.double()
    weights = (wide - wide.amax(dim=-1, keepdim=True)).div(temperature or 1.0).exp()
    if temperature == 0:
        top_k = 1
    if top_k is None and top_p in (None, 1):
        return _shares(weights).float()
    ids = torch.arange(logits.shape[-1], device=logits.device)
    here, there = wide[..., :, None], wide[..., None, :]
    likelier = (there > here) | ((there == here) & (ids < ids[:, None]))
    if top_k is not None:
        weights = weights * (likelier.sum(dim=-1) < top_k)
    shares = _shares(weights)
    if top_p not in (None, 1):
        mass_before = torch.einsum("...ij,...j->...i", likelier.double(), shares)
        shares = _shares(shares * (mass_before < top_p))
    return shares.float()


def _shares(weights: Tensor) -> Tensor:
    return weights / weights.sum(dim=-1, keepdim=True)


def sample_token(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "..."]:
    """The inverse of the cumulative distribution, at a uniform number for each row."""
    shares = token_probabilities(logits, temperature=temperature, top_k=top_k, top_p=top_p)
    if temperature == 0:
        return shares.argmax(dim=-1)
    device = logits.device if generator is None else generator.device
    uniform = torch.rand(logits.shape[:-1], dtype=torch.float64, generator=generator, device=device)
    sums = shares.double().cumsum(dim=-1)
    passed = uniform.to(sums.device)[..., None] * sums[..., -1:] >= sums
    return passed.sum(dim=-1)


class KVCache:
    """Keys and values are two halves of one tensor."""

    def __init__(
        self,
        batch_size: int,
        num_heads: int,
        max_seq_len: int,
        d_head: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        shape = (2, batch_size, num_heads, max_seq_len, d_head)
        self.both = torch.zeros(shape, device=device, dtype=dtype)
        self.keys, self.values = self.both

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
        """Row by row, each at its own positions."""
        new = torch.stack([k, v]).to(self.both.dtype)
        positions = positions.reshape(-1, positions.shape[-1])
        slots = torch.arange(self.both.shape[3], device=k.device)
        masks = []
        for row in range(len(k)):
            its_positions = positions[row % len(positions)]
            self.both[:, row].index_copy_(2, its_positions, new[:, row])
            masks.append(slots <= its_positions[:, None])
        return self.keys, self.values, torch.stack(masks)[:, None]


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
    """Rows of one length stay of one length, and are cut at the same step."""
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    check_settings(**settings)
    check_request(model.config, prompt_ids, max_new_tokens)
    groups: dict[int, list[int]] = defaultdict(list)
    for row, prompt in enumerate(prompt_ids):
        groups[len(prompt)].append(row)
    found: dict[int, list[int]] = {}
    for rows in groups.values():
        prompts = [prompt_ids[row] for row in rows]
        steps = _steps(model, prompts, max_new_tokens, settings, generator, use_cache)
        found |= zip(rows, _until_stopped(steps, len(rows), stop_ids), strict=True)
    return [found[row] for row in range(len(prompt_ids))]


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
    """A group of one row."""
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    check_settings(**settings)
    check_request(model.config, [prompt_ids], max_new_tokens)
    steps = _steps(model, [prompt_ids], max_new_tokens, settings, generator, use_cache)
    return takewhile(lambda token: token not in stop_ids, chain.from_iterable(steps))


def _until_stopped(steps, count: int, stop_ids: Collection[int]) -> list[list[int]]:
    texts: list[list[int]] = [[] for _ in range(count)]
    stopped: set[int] = set()
    for step in steps:
        stopped |= {row for row, token in enumerate(step) if token in stop_ids}
        for row in set(range(count)) - stopped:
            texts[row].append(step[row])
        if len(stopped) == count:
            break
    return texts


def _steps(model, prompts, max_new_tokens, settings, generator, use_cache) -> Iterator[list[int]]:
    """The tokens of all rows, a step at a time."""
    config, weight = model.config, next(model.parameters())
    context, half = config.context_length, max(1, config.context_length // 2)
    text = torch.tensor(prompts, device=weight.device)
    over = text.shape[1] - context
    length = text.shape[1] if over <= 0 else half + (over - 1) % (context - half + 1)
    shape = (len(prompts), config.num_heads, context, config.d_model // config.num_heads)
    held = 0
    for _ in range(max_new_tokens):
        window = text[:, -length:]
        with inference(model):
            if use_cache:
                if not held:
                    caches = [
                        KVCache(*shape, weight.device, weight.dtype)
                        for _ in range(config.num_layers)
                    ]
                positions = torch.arange(held, length, device=weight.device)
                logits = model(window[:, held:], positions=positions, cache=caches)
            else:
                logits = model(window)
            drawn = sample_token(logits[:, -1], generator=generator, **settings)
        yield drawn.tolist()
        text = torch.cat([text, drawn[:, None]], dim=1)
        held, length = (length, length + 1) if length < context else (0, half)
