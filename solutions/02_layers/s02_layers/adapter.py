"""The contract of stage 02. Axes: d_in, d_out, d_model, d_ff, vocab; `...` is any leading axes."""

import einx
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from . import by_hand, emulated


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
        super().__init__()
        self.weight = nn.Parameter(torch.empty(d_out, d_in, device=device, dtype=dtype))
        std = (2 / (d_in + d_out)) ** 0.5
        nn.init.trunc_normal_(self.weight, std=std, a=-3 * std, b=3 * std)

    def forward(self, x: Float[Tensor, "... d_in"]) -> Float[Tensor, "... d_out"]:
        if emulated.pays(x):
            return emulated.Product.apply(x, self.weight)
        return x @ self.weight.T


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
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab_size, d_model, device=device, dtype=dtype))
        nn.init.trunc_normal_(self.weight, std=1.0, a=-3.0, b=3.0)

    def forward(self, token_ids: Int[Tensor, "..."]) -> Float[Tensor, "... d_model"]:
        return self.weight[token_ids]


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
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d_model, device=device, dtype=dtype))

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        if by_hand.pays(x) and x.dtype == self.weight.dtype == torch.float32:
            return by_hand.Normalise.apply(x, self.weight, self.eps)
        wide = x.float()
        # The norm goes over x once, and twice on the way back; square() and mean() take many more.
        mean_square = torch.linalg.vector_norm(wide, dim=-1, keepdim=True).square() / x.shape[-1]
        return (wide * torch.rsqrt(mean_square + self.eps) * self.weight.float()).to(x.dtype)


def silu(x: Float[Tensor, "..."]) -> Float[Tensor, "..."]:
    """x · σ(x), where σ is the logistic function (Elfwing et al. 2017).

    Finite, and with a finite gradient, for every finite x.
    """
    return x * torch.sigmoid(x)


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
        super().__init__()
        self.gate = Linear(d_model, d_ff, device=device, dtype=dtype)
        self.up = Linear(d_model, d_ff, device=device, dtype=dtype)
        self.down = Linear(d_ff, d_model, device=device, dtype=dtype)

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        gate, up = self.gate(x), self.up(x)
        if by_hand.pays(gate):
            return self.down(by_hand.Gate.apply(gate, up))
        return self.down(silu(gate) * up)


def softmax(x: Float[Tensor, "..."], dim: int) -> Float[Tensor, "..."]:
    """exp(x_i) / Σ_j exp(x_j) along `dim`, for finite x of any size; x is left as it was.

    Entries of -inf get probability 0, as long as one entry beside them is finite.
    """
    shifted = x - x.detach().amax(dim=dim, keepdim=True)
    exponentials = shifted.exp()
    # One division a row: one for every entry takes longer, and longer again going backward.
    return exponentials * exponentials.sum(dim=dim, keepdim=True).reciprocal()


def cross_entropy(
    logits: Float[Tensor, "... vocab"], targets: Int[Tensor, "..."]
) -> Float[Tensor, ""]:
    """The mean over all leading axes of -log softmax(logits)[target], in nats.

    Targets are int64 or int32. Finite for finite logits of any size. It uses
    log softmax(z)_t = z_t - log Σ_j exp(z_j), so that the probabilities are never stored and none
    of them is rounded to 0 before its log.
    """
    if by_hand.pays(logits) and logits.dtype == torch.float32:
        return by_hand.CrossEntropy.apply(logits, targets)
    # The gradients through the subtracted maximum cancel, so it can be a constant.
    shifted = logits - logits.detach().amax(dim=-1, keepdim=True)
    target_logits = einx.get_at("... [vocab], ... -> ...", shifted, targets)
    return (shifted.exp().sum(dim=-1).log() - target_logits).mean()
