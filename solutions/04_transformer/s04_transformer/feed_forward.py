"""An ablation: the feed-forward layer without a gate."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from s02_layers import Linear, silu


class SiLUFeedForward(nn.Module):
    """y = W_down silu(W_up x): SwiGLU without its gate, and with two matrices instead of three."""

    def __init__(
        self,
        d_model: int,
        d_ff: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.up = Linear(d_model, d_ff, device=device, dtype=dtype)
        self.down = Linear(d_ff, d_model, device=device, dtype=dtype)

    def forward(self, x: Float[Tensor, "... d_model"]) -> Float[Tensor, "... d_model"]:
        return self.down(silu(self.up(x)))
