"""The contract of stage 02. Axes: d_in, d_out, d_model, d_ff, vocab; `...` is any leading axes."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class Linear(nn.Module):
    """A linear map without bias: y = x Wᵀ.

    The parameter `weight` has shape (d_out, d_in). It starts as a normal distribution of mean 0
    and variance σ² = 2 / (d_in + d_out), truncated at ±3σ (Glorot and Bengio 2010, eq. 16).
    """

    def __init__(
        self,
        d_in: int,
        d_out: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        raise NotImplementedError


class Embedding(nn.Module):
    """A table of vectors, one for each token id.

    The parameter `weight` has shape (vocab_size, d_model). It starts as a normal distribution of
    mean 0 and σ = 1, truncated at ±3.
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        raise NotImplementedError

    def forward(self, token_ids: Int[Tensor, "..."]) -> Float[Tensor, "... d_model"]:
        raise NotImplementedError


class RMSNorm(nn.Module):
    """Divide each vector by its root mean square, then scale it by a learned gain.

    y_i = x_i / √(mean_j x_j² + eps) · g_i (Zhang and Sennrich 2019, eq. 4). The parameter
    `weight` is the gain g, of shape (d_model,), and starts at 1. Everything is computed in
    float32; the result has the dtype of x.
    """

    def __init__(
        self,
        d_model: int,
        eps: float = 1e-5,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        raise NotImplementedError


def silu(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """x · σ(x), where σ is the logistic function (Elfwing et al. 2017).

    Finite, and with a finite gradient, for every finite x.
    """
    raise NotImplementedError


class SwiGLU(nn.Module):
    """The gated feed-forward layer: y = W_down (silu(W_gate x) ⊙ W_up x) (Shazeer 2020, eq. 6).

    The submodules `gate` and `up` map d_model to d_ff, `down` maps d_ff to d_model; all three
    are `Linear`. Llama calls them gate_proj, up_proj and down_proj.
    """

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        raise NotImplementedError


def softmax(x: Float[Tensor, "..."], dim: int) -> Float[Tensor, "..."]:
    """exp(x_i) / Σ_j exp(x_j) along `dim`, for finite x of any size; x is left as it was.

    Entries of -inf get probability 0, as long as one entry beside them is finite.
    """
    raise NotImplementedError


def cross_entropy(
    logits: Float[Tensor, "... vocab"], targets: Int[Tensor, "..."]
) -> Float[Tensor, ""]:
    """The mean over all leading axes of -log softmax(logits)[target], in nats.

    Targets are int64 or int32. Finite for finite logits of any size. It uses
    log softmax(z)_t = z_t - log Σ_j exp(z_j), so that the probabilities are never stored and none
    of them is rounded to 0 before its log.
    """
    raise NotImplementedError
