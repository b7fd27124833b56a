"""The contract of stage 04. Axes: batch, seq, d_model, vocab; `...` is any leading axes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from s02_layers import Embedding, Linear, RMSNorm, SwiGLU
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding

from .feed_forward import SiLUFeedForward

_CHOICES = {
    "norm": ("pre", "post", "none"),
    "position": ("rope", "none"),
    "ffn": ("swiglu", "silu"),
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a TransformerLM is made of; the defaults are Llama's choices.

    Raises ValueError, naming the fields and their values, where they do not fit together: sizes
    below 1, a d_model that num_heads does not divide, an odd d_model / num_heads with RoPE, a
    rope_theta or norm_eps that is not positive, a choice that does not exist.
    """

    vocab_size: int
    """How many token ids there are."""

    context_length: int
    """The longest sequence, in tokens."""

    d_model: int
    """The width of the residual stream."""

    num_layers: int
    """How many blocks follow each other."""

    num_heads: int
    """How many attention heads share d_model; each is d_model / num_heads wide."""

    d_ff: int
    """The width inside the feed-forward layer; 8/3 d_model for SwiGLU and 4 d_model for SiLU
    give both the same number of parameters."""

    rope_theta: float = 10_000.0
    """The base of RoPE's frequencies."""

    norm_eps: float = 1e-5
    """What RMSNorm adds to the mean square."""

    norm: str = "pre"
    """Where RMSNorm stands: before each sublayer and once at the end ("pre"), after each
    residual sum and not again at the end ("post"), or nowhere ("none")."""

    position: str = "rope"
    """What tells attention where a token stands: RoPE ("rope"), or nothing but the causal mask
    ("none")."""

    ffn: str = "swiglu"
    """The feed-forward layer: SwiGLU ("swiglu"), or down(silu(up(x))), without a gate ("silu")."""

    tie_embeddings: bool = False
    """Whether the embedding and the output layer are one matrix, which then starts as a
    Linear's does."""

    def __post_init__(self) -> None:
        for name in ("vocab_size", "context_length", "d_model", "num_layers", "num_heads", "d_ff"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} ({getattr(self, name)}) must be at least 1")
        for name in ("rope_theta", "norm_eps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} ({getattr(self, name)}) must be positive")
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                allowed = ", ".join(map(repr, choices))
                raise ValueError(f"{name} ({getattr(self, name)!r}) must be one of {allowed}")
        d_model, heads = f"d_model ({self.d_model})", f"num_heads ({self.num_heads})"
        if self.d_model % self.num_heads:
            raise ValueError(f"{d_model} must be divisible by {heads}")
        if self.position == "rope" and self.d_model // self.num_heads % 2:
            raise ValueError(f"{d_model} / {heads} must be even, because RoPE turns pairs")


class TransformerBlock(nn.Module):
    """Attention, then the feed-forward layer, each added to what it read.

    y = x + attn(attn_norm(x)), then y + ffn(ffn_norm(y)) (Xiong et al. 2020, fig. 1b). The
    submodules are `attn_norm`, `attn`, `ffn_norm` and `ffn`. With `norm` "post" it is
    attn_norm(x + attn(x)), then ffn_norm(y + ffn(y)); with "none" both norms are left out and
    have no parameters.
    """

    def __init__(
        self,
        config: ModelConfig,
        rope: RotaryEmbedding | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        d_model, d_ff = config.d_model, config.d_ff
        feed_forward = SwiGLU if config.ffn == "swiglu" else SiLUFeedForward
        self.norm_is_last = config.norm == "post"
        self.attn_norm = _norm(config, device, dtype)
        self.attn = CausalSelfAttention(d_model, config.num_heads, rope, device, dtype)
        self.ffn_norm = _norm(config, device, dtype)
        self.ffn = feed_forward(d_model, d_ff, device=device, dtype=dtype)

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        """The new residual stream; `positions` and `cache` go to the attention as they are."""
        if self.norm_is_last:
            x = self.attn_norm(x + self.attn(x, positions, cache))
            return self.ffn_norm(x + self.ffn(x))
        x = x + self.attn(self.attn_norm(x), positions, cache)
        return x + self.ffn(self.ffn_norm(x))


class TransformerLM(nn.Module):
    """The language model: token ids in, a score for every possible next token out.

    Embedding, `num_layers` blocks that share one RotaryEmbedding, a final norm (only with `norm`
    "pre"), a linear layer to the vocabulary. The configuration is kept as `config`.

    Names in the state dict, Llama's but for the prefixes: `embed_tokens.weight`,
    `layers.{i}.attn_norm.weight`, `layers.{i}.attn.{q,k,v,o}_proj.weight`,
    `layers.{i}.ffn_norm.weight`, `layers.{i}.ffn.{gate,up,down}.weight`, `norm.weight`,
    `lm_head.weight`; those that the configuration leaves out are missing. Tied embeddings are
    one parameter under two names.
    """

    def __init__(
        self,
        config: ModelConfig,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        d_model, vocab_size = config.d_model, config.vocab_size
        rope = None
        if config.position == "rope":
            d_head = d_model // config.num_heads
            rope = RotaryEmbedding(d_head, config.context_length, config.rope_theta, device)
        self.embed_tokens = Embedding(vocab_size, d_model, device, dtype)
        self.layers = nn.ModuleList(
            TransformerBlock(config, rope, device, dtype) for _ in range(config.num_layers)
        )
        self.norm = _norm(config, device, dtype) if config.norm == "pre" else nn.Sequential()
        self.lm_head = Linear(d_model, vocab_size, device, dtype)
        if config.tie_embeddings:
            # Linear's small weights, not the Embedding's of σ = 1: those would make logits of
            # size √d_model, and a first loss far above ln(vocab_size).
            self.embed_tokens.weight = self.lm_head.weight

    def forward(
        self,
        token_ids: Int[Tensor, "batch seq"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Sequence[Any] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """The logits: at each position, the unnormalised log-probabilities of the next token.

        `positions` (0, 1, 2, … unless given) go to every layer, as in CausalSelfAttention;
        `cache` holds one cache for each layer. Raises ValueError, naming context_length, if
        the sequence is longer.
        """
        seq, longest = token_ids.shape[-1], self.config.context_length
        if seq > longest:
            raise ValueError(f"token_ids has seq {seq}, more than context_length ({longest})")
        caches = [None] * len(self.layers) if cache is None else cache
        x = self.embed_tokens(token_ids)
        for layer, its_cache in zip(self.layers, caches, strict=True):
            x = layer(x, positions, its_cache)
        return self.lm_head(self.norm(x))


def _norm(
    config: ModelConfig, device: torch.device | str | None, dtype: torch.dtype | None
) -> nn.Module:
    """An RMSNorm, or an empty Sequential, which hands on what it gets."""
    if config.norm == "none":
        return nn.Sequential()
    return RMSNorm(config.d_model, config.norm_eps, device, dtype)
