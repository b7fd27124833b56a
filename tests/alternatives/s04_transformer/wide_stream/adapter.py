"""The residual stream is summed in float64 within a block, and blocks of different norms are
different classes."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from s02_layers import Embedding, Linear, RMSNorm, SwiGLU, silu
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding

KNOWN = {"norm": "pre post none", "position": "rope none", "ffn": "swiglu silu"}


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
        problems = []
        for name, value in asdict(self).items():
            if name in KNOWN and value not in KNOWN[name].split():
                problems.append(f"{name} is {value!r}, not one of: {KNOWN[name]}")
            elif isinstance(value, int | float) and name != "tie_embeddings" and not value > 0:
                problems.append(f"{name} is {value}, not above 0")
        if not problems and self.d_model % self.num_heads:
            problems.append(f"num_heads {self.num_heads} does not divide d_model {self.d_model}")
        if not problems and self.position == "rope" and self.d_model % (2 * self.num_heads):
            problems.append(f"d_model {self.d_model} / num_heads {self.num_heads} is odd")
        if problems:
            raise ValueError("; ".join(problems))


class Ungated(SwiGLU):
    """SwiGLU whose gate is taken out again."""

    def __init__(self, d_model: int, d_ff: int, **where: Any) -> None:
        super().__init__(d_model, d_ff, **where)
        del self.gate

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        return self.down(silu(self.up(x)))


class TransformerBlock(nn.Module):
    """Attention and the feed-forward layer, each added to what it read."""

    def __new__(cls, config: ModelConfig, *_: Any, **__: Any) -> "TransformerBlock":
        return super().__new__({"pre": PreNorm, "post": PostNorm, "none": NoNorm}[config.norm])

    def __init__(
        self,
        config: ModelConfig,
        rope: RotaryEmbedding | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        where: Any = {"device": device, "dtype": dtype}
        self.attn = CausalSelfAttention(config.d_model, config.num_heads, rope, **where)
        feed_forward = {"swiglu": SwiGLU, "silu": Ungated}[config.ffn]
        self.ffn = feed_forward(config.d_model, config.d_ff, **where)
        if config.norm != "none":
            self.attn_norm = RMSNorm(config.d_model, config.norm_eps, **where)
            self.ffn_norm = RMSNorm(config.d_model, config.norm_eps, **where)

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        """The new residual stream."""

        def attention(x: Tensor) -> Tensor:
            return self.attn(x, positions, cache)

        return self.sublayer(self.sublayer(x, attention, "attn_norm"), self.ffn, "ffn_norm")

    def sublayer(self, x: Tensor, apply: Callable[[Tensor], Tensor], norm: str) -> Tensor:
        raise AssertionError("each kind of block has its own")


class PreNorm(TransformerBlock):
    def sublayer(self, x: Tensor, apply: Callable[[Tensor], Tensor], norm: str) -> Tensor:
        return (x.double() + apply(getattr(self, norm)(x)).double()).to(x.dtype)


class PostNorm(TransformerBlock):
    def sublayer(self, x: Tensor, apply: Callable[[Tensor], Tensor], norm: str) -> Tensor:
        total = x.double() + apply(x).double()
        return getattr(self, norm)(total.to(x.dtype))


class NoNorm(TransformerBlock):
    def sublayer(self, x: Tensor, apply: Callable[[Tensor], Tensor], norm: str) -> Tensor:
        return (x.double() + apply(x).double()).to(x.dtype)


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
        rope = None
        if config.position == "rope":
            rope = RotaryEmbedding(
                config.d_model // config.num_heads,
                max_seq_len=config.context_length,
                theta=config.rope_theta,
                device=device,
            )
        blocks = (TransformerBlock(config, rope, device, dtype) for _ in range(config.num_layers))
        self.layers = nn.ModuleList(blocks)
        if config.norm == "pre":
            self.norm = RMSNorm(config.d_model, config.norm_eps, device, dtype)
        self.embed_tokens = Embedding(config.vocab_size, config.d_model, device, dtype)
        self.lm_head = Linear(config.d_model, config.vocab_size, device, dtype)
        if config.tie_embeddings:
            self.embed_tokens.weight.data = self.lm_head.weight.data
            self.lm_head.weight = self.embed_tokens.weight

    def forward(
        self,
        token_ids: Int[Tensor, "batch seq"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Sequence[Any] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """The logits at each position."""
        batch, seq = token_ids.shape
        if seq > self.config.context_length:
            raise ValueError(f"seq is {seq}, context_length only {self.config.context_length}")
        if positions is None:
            positions = torch.arange(seq, device=token_ids.device).expand(batch, seq)
        x = self.embed_tokens(token_ids)
        for layer, its_cache in zip(self.layers, cache or [None] * len(self.layers), strict=True):
            x = layer(x, positions, its_cache)
        return self.lm_head(self.norm(x) if self.config.norm == "pre" else x)
