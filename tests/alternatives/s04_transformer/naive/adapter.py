"""A first version that works: no helper, every case written out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from s02_layers import Embedding, Linear, RMSNorm, SwiGLU, silu
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding


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
        if self.vocab_size <= 0:
            raise ValueError(f"vocab_size must be positive, found {self.vocab_size}")
        if self.context_length <= 0:
            raise ValueError(f"context_length must be positive, found {self.context_length}")
        if self.d_model <= 0:
            raise ValueError(f"d_model must be positive, found {self.d_model}")
        if self.num_layers <= 0:
            raise ValueError(f"num_layers must be positive, found {self.num_layers}")
        if self.num_heads <= 0:
            raise ValueError(f"num_heads must be positive, found {self.num_heads}")
        if self.d_ff <= 0:
            raise ValueError(f"d_ff must be positive, found {self.d_ff}")
        if not self.rope_theta > 0.0:
            raise ValueError("rope_theta must be positive")
        if not self.norm_eps > 0.0:
            raise ValueError("norm_eps must be positive")
        if self.norm not in ["pre", "post", "none"]:
            raise ValueError(f"unknown norm: {self.norm}")
        if self.position not in ["rope", "none"]:
            raise ValueError(f"unknown position: {self.position}")
        if self.ffn not in ["swiglu", "silu"]:
            raise ValueError(f"unknown ffn: {self.ffn}")
        sizes = f"d_model={self.d_model}, num_heads={self.num_heads}"
        if self.d_model / self.num_heads != self.d_model // self.num_heads:
            raise ValueError(f"the heads cannot share d_model evenly: {sizes}")
        if self.position == "rope" and (self.d_model // self.num_heads) % 2 == 1:
            raise ValueError(f"RoPE needs heads of even width: {sizes}")


class UpDown(nn.Module):
    def __init__(self, d_model: int, d_ff: int, device: Any, dtype: Any) -> None:
        super().__init__()
        self.down = Linear(d_ff, d_model, device, dtype)
        self.up = Linear(d_model, d_ff, device, dtype)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        return self.down(silu(hidden))


class TransformerBlock(nn.Module):
    """One block: attention, then the feed-forward layer."""

    def __init__(
        self,
        config: ModelConfig,
        rope: RotaryEmbedding | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.kind = config.norm
        if config.ffn == "swiglu":
            self.ffn: nn.Module = SwiGLU(config.d_model, config.d_ff, device, dtype)
        else:
            self.ffn = UpDown(config.d_model, config.d_ff, device, dtype)
        self.attn = CausalSelfAttention(config.d_model, config.num_heads, rope, device, dtype)
        if config.norm != "none":
            self.attn_norm = RMSNorm(config.d_model, config.norm_eps, device, dtype)
            self.ffn_norm = RMSNorm(config.d_model, config.norm_eps, device, dtype)

    def forward(
        self,
        x: Float[Tensor, "... seq d_model"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Any = None,
    ) -> Float[Tensor, "... seq d_model"]:
        """The new residual stream."""
        if self.kind == "pre":
            after_attention = x + self.attn(self.attn_norm(x), positions, cache)
            return after_attention + self.ffn(self.ffn_norm(after_attention))
        if self.kind == "post":
            after_attention = self.attn_norm(x + self.attn(x, positions, cache))
            return self.ffn_norm(after_attention + self.ffn(after_attention))
        after_attention = x + self.attn(x, positions, cache)
        return after_attention + self.ffn(after_attention)


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
        self.lm_head = Linear(config.d_model, config.vocab_size, device, dtype)
        self.rope = None
        if config.position == "rope":
            width = config.d_model // config.num_heads
            self.rope = RotaryEmbedding(
                width, config.context_length, theta=config.rope_theta, device=device
            )
        self.layers = nn.ModuleList([])
        for _ in range(config.num_layers):
            self.layers.append(TransformerBlock(config, self.rope, device, dtype))
        self.embed_tokens = Embedding(config.vocab_size, config.d_model, device, dtype)
        if config.norm == "pre":
            self.norm = RMSNorm(config.d_model, config.norm_eps, device, dtype)
        if config.tie_embeddings:
            std = (2 / (config.vocab_size + config.d_model)) ** 0.5
            weight = self.embed_tokens.weight
            nn.init.trunc_normal_(weight, std=std, a=-3 * std, b=3 * std)
            self.lm_head.weight = weight

    def forward(
        self,
        token_ids: Int[Tensor, "batch seq"],
        positions: Int[Tensor, "... seq"] | None = None,
        cache: Sequence[Any] | None = None,
    ) -> Float[Tensor, "batch seq vocab"]:
        """The logits at each position."""
        _, seq = token_ids.shape
        if seq > self.config.context_length:
            raise ValueError(f"{seq} tokens, but context_length is {self.config.context_length}")
        if positions is None:
            positions = torch.arange(seq, device=token_ids.device)
        x = self.embed_tokens(token_ids)
        for i in range(self.config.num_layers):
            if cache is None:
                x = self.layers[i](x, positions)
            else:
                x = self.layers[i](x, positions, cache[i])
        if self.config.norm == "pre":
            x = self.norm(x)
        return self.lm_head(x)
