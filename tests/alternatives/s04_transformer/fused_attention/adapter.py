"""Attention of its own, with one product for queries, keys and values, einsum, and float64
inside. The configuration checks itself by a table of rules."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from s02_layers import Embedding, Linear, RMSNorm, SwiGLU, softmax
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding

from .feed_forward import SiLUFeedForward


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a TransformerLM is made of."""

    vocab_size: int
    context_length: int
    d_model: int
    num_layers: int
    num_heads: int
    d_ff: int
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-5
    norm: str = "pre"
    position: str = "rope"
    ffn: str = "swiglu"
    tie_embeddings: bool = False

    def __post_init__(self) -> None:
        choices = {"norm": {"pre", "post", "none"}, "position": {"rope", "none"}}
        choices["ffn"] = {"swiglu", "silu"}
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name in choices:
                self._require(value in choices[field.name], field.name)
            elif field.type is int:
                self._require(value >= 1, field.name)
            elif field.type is float:
                self._require(value > 0, field.name)
        d_head, rest = divmod(self.d_model, self.num_heads)
        self._require(rest == 0, "d_model", "num_heads")
        self._require(self.position == "none" or d_head % 2 == 0, "d_model", "num_heads")

    def _require(self, fine: bool, *names: str) -> None:
        if not fine:
            found = " and ".join(f"{name} = {getattr(self, name)!r}" for name in names)
            raise ValueError(f"no model has {found}")


class FusedAttention(CausalSelfAttention):
    """The parameters of stage 03, used in another order."""

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        seq = x.shape[-2]
        if positions is None:
            positions = torch.arange(seq, device=x.device)
        weight = torch.cat([self.q_proj.weight, self.k_proj.weight, self.v_proj.weight])
        split = (x @ weight.T).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = split.movedim(-3, 0).transpose(-2, -3)  # each (..., heads, seq, d_head)
        if self.rope is not None:
            q, k = (self.rope(each, positions.unsqueeze(-2)) for each in (q, k))
        allowed = torch.ones(seq, seq, dtype=torch.bool, device=x.device).tril()
        if cache is not None:
            k, v, allowed = cache.update(k, v, positions)
        scores = torch.einsum("...qd,...kd->...qk", q.double(), k.double()) * q.shape[-1] ** -0.5
        shares = softmax(scores.masked_fill(~allowed, -torch.inf), dim=-1)
        mixed = torch.einsum("...hqk,...hkd->...qhd", shares, v.double()).flatten(-2)
        return self.o_proj(mixed.to(x.dtype))


class TransformerBlock(nn.Module):
    """Attention and the feed-forward layer, each added to what it read."""

    def __init__(
        self,
        config: ModelConfig,
        rope: RotaryEmbedding | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        layer = SwiGLU if config.ffn == "swiglu" else SiLUFeedForward
        self.attn = FusedAttention(config.d_model, config.num_heads, rope, device, dtype)
        self.ffn = layer(config.d_model, config.d_ff, device, dtype)
        for name in ("attn_norm", "ffn_norm") if config.norm != "none" else ():
            setattr(self, name, RMSNorm(config.d_model, config.norm_eps, device, dtype))
        self.norm_of = {"pre": (self._normed, self._same), "post": (self._same, self._normed)}
        self.before, self.after = self.norm_of.get(config.norm, (self._same, self._same))

    def _normed(self, name: str, x: Tensor) -> Tensor:
        return getattr(self, f"{name}_norm")(x)

    def _same(self, name: str, x: Tensor) -> Tensor:
        return x

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        """The new residual stream."""
        x = self.after("attn", x + self.attn(self.before("attn", x), positions, cache))
        return self.after("ffn", x + self.ffn(self.before("ffn", x)))


class TransformerLM(nn.Module):
    """The language model: token ids in, logits out."""

    def __init__(
        self,
        config: ModelConfig,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.config = config
        d_head = config.d_model // config.num_heads
        rope = (
            RotaryEmbedding(d_head, config.context_length, config.rope_theta, device)
            if config.position == "rope"
            else None
        )
        blocks = [TransformerBlock(config, rope, device, dtype) for _ in range(config.num_layers)]
        self.layers = nn.Sequential(*blocks)
        self.lm_head = Linear(config.d_model, config.vocab_size, device, dtype)
        self.embed_tokens = Embedding(config.vocab_size, config.d_model, device, dtype)
        if config.tie_embeddings:
            del self.embed_tokens.weight
            self.embed_tokens.register_parameter("weight", self.lm_head.weight)
        if config.norm == "pre":
            self.norm = RMSNorm(config.d_model, config.norm_eps, device, dtype)

    def forward(
        self,
        token_ids: Int[Tensor, "batch seq"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Sequence[Any] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """The logits at each position."""
        if token_ids.size(1) > self.config.context_length:
            limit = f"context_length is {self.config.context_length}"
            raise ValueError(f"a sequence of {token_ids.size(1)} tokens is too long: {limit}")
        x = self.embed_tokens(token_ids)
        for number, layer in enumerate(self.layers):
            x = layer(x, positions, cache[number] if cache is not None else None)
        if self.config.norm == "pre":
            x = self.norm(x)
        return torch.einsum("bsd,vd->bsv", x, self.lm_head.weight)
