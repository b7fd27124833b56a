"""A step of decoding without the modules: stages 02 to 04 once more, for one token of each row.

In a small model such a step is not arithmetic but calls, and one of numpy costs a third of one of
torch. So all but the products with weights is done in numpy, on the memory of the same tensors.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Complex64, Float32, Int
from numpy import ndarray
from torch import Tensor

from s04_transformer import ModelConfig, TransformerLM

from . import few_rows

Product = Callable[[Float32[ndarray, "rows d_in"]], Float32[ndarray, "rows d_out"]]

WEIGHTS = range(2**18, 2**27)
"""With fewer, the modules are fast enough; with more, calls cost little beside the weights, most of
which this holds a second time."""
KEYS = 2**22
"""With more numbers in a layer's keys, it pays to attend with several cores, which numpy does not.
"""
SIZES = {"vocab_size", "context_length", "d_model", "num_layers", "num_heads", "d_ff"}
CHOICES = {"norm": "pre", "position": "rope", "ffn": "swiglu"}
OTHERS = {"rope_theta", "norm_eps", "tie_embeddings"}


@runtime_checkable
class Cache(Protocol):
    keys: Tensor
    values: Tensor


def pays(model: TransformerLM, rows: int) -> bool:
    """Whether this is faster, and knows every field of the model's configuration."""
    if type(model) is not TransformerLM:
        return False
    config, weights = model.config, list(model.parameters())
    return (
        {field.name for field in dataclasses.fields(config)} == SIZES | OTHERS | CHOICES.keys()
        and all(getattr(config, name) == choice for name, choice in CHOICES.items())
        and rows * config.context_length * config.d_model <= KEYS
        and all(w.device.type == "cpu" and w.dtype == torch.float32 for w in weights)
        and sum(w.numel() for w in weights) in WEIGHTS
        and not torch.is_autocast_enabled("cpu")
    )


class FlatStep:
    """The weights of a model, made ready for so many rows at a time."""

    def __init__(self, model: TransformerLM, rows: int) -> None:
        config, weights = model.config, model.state_dict()
        d_head = config.d_model // config.num_heads
        self.heads = (rows, 3, config.num_heads, d_head)
        self.eps = config.norm_eps
        self.embedding = weights["embed_tokens.weight"].numpy()
        self.layers = [_layer(weights, f"layers.{i}", rows) for i in range(config.num_layers)]
        self.norm = weights["norm.weight"].numpy()
        self.head = _product([weights["lm_head.weight"]], rows)
        self.turns = _turns(config)

    @np.errstate(over="ignore")  # exp(-gate) of a gate that is all but shut
    def logits(
        self, tokens: Int[Tensor, " rows"], filled: list[int], caches: Sequence[Cache]
    ) -> Float32[Tensor, "rows vocab"]:
        """What follows the newest token of each row, which is the filled-th of its window.

        Its keys and values are added to the caches, which hold those of the tokens before it.
        """
        newest, end = np.array(filled) - 1, max(filled)
        slot: tuple[Any, ...] = np.s_[:, :, end - 1]
        hidden = None
        if min(filled) < end:
            slot = np.s_[np.arange(len(filled)), :, newest]
            hidden = np.arange(end) > newest[:, None, None]
        x, turns = self.embedding[tokens.numpy()], self.turns[newest]
        for layer, cache in zip(self.layers, caches, strict=True):
            keys, values = cache.keys.numpy(), cache.values.numpy()
            qkv = layer.qkv(_normalise(x, layer.attn_norm, self.eps)).reshape(self.heads)
            turned = (qkv[:, :2].view(np.complex64) * turns).view(np.float32)
            keys[slot], values[slot] = turned[:, 1], qkv[:, 2]
            seen = keys[:, :, :end], values[:, :, :end]
            x = x + layer.out(_attend(turned[:, 0], *seen, hidden).reshape(x.shape))
            gate_up = layer.gate_up(_normalise(x, layer.ffn_norm, self.eps))
            gate, up = gate_up.reshape(len(x), 2, -1).swapaxes(0, 1)
            x = x + layer.down(gate / (1 + np.exp(-gate)) * up)
        return torch.from_numpy(self.head(_normalise(x, self.norm, self.eps)))


def _normalise(
    x: Float32[ndarray, "rows d_model"], gain: Float32[ndarray, " d_model"], eps: float
) -> Float32[ndarray, "rows d_model"]:
    mean_square = np.vecdot(x, x)[:, None] / x.shape[-1]
    return x * gain / np.sqrt(mean_square + eps)


def _attend(
    q: Float32[ndarray, "rows heads d_head"],
    keys: Float32[ndarray, "rows heads slots d_head"],
    values: Float32[ndarray, "rows heads slots d_head"],
    hidden: Bool[ndarray, "rows 1 slots"] | None,
) -> Float32[ndarray, "rows heads d_head"]:
    scores = np.matvec(keys, q)
    if hidden is not None:
        scores = np.where(hidden, np.float32(-np.inf), scores)
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.vecmat(weights, values) / weights.sum(axis=-1, keepdims=True)


def _turns(config: ModelConfig) -> Complex64[ndarray, "slots 2 1 pairs"]:
    """What the pairs of q and of k are multiplied by at each position; q is scaled, too."""
    d_head = config.d_model // config.num_heads
    frequencies = config.rope_theta ** (-np.arange(0, d_head, 2) / d_head)
    turns = np.exp(1j * np.outer(np.arange(config.context_length), frequencies))
    return np.stack([turns / math.sqrt(d_head), turns], axis=1)[:, :, None].astype(np.complex64)


class Layer(NamedTuple):
    attn_norm: Float32[ndarray, " d_model"]
    qkv: Product
    out: Product
    ffn_norm: Float32[ndarray, " d_model"]
    gate_up: Product
    down: Product


def _layer(weights: Mapping[str, Tensor], name: str, rows: int) -> Layer:
    qkv, gate_up = ("q_proj", "k_proj", "v_proj"), ("gate", "up")
    return Layer(
        attn_norm=weights[f"{name}.attn_norm.weight"].numpy(),
        qkv=_product([weights[f"{name}.attn.{each}.weight"] for each in qkv], rows),
        out=_product([weights[f"{name}.attn.o_proj.weight"]], rows),
        ffn_norm=weights[f"{name}.ffn_norm.weight"].numpy(),
        gate_up=_product([weights[f"{name}.ffn.{each}.weight"] for each in gate_up], rows),
        down=_product([weights[f"{name}.ffn.down.weight"]], rows),
    )


def _product(weights: list[Float32[Tensor, "_ d_in"]], rows: int) -> Product:
    """The products of these matrices with the same vectors, side by side."""
    weight = torch.cat(weights) if weights[1:] else weights[0]
    if few_rows.pays(rows, weight):
        return lambda x: few_rows.product(torch.from_numpy(x), weight).numpy()
    transposed = weight.T
    return lambda x: torch.mm(torch.from_numpy(x), transposed).numpy()
