"""The norm from each gradient's product with itself."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor


@torch.no_grad()
def clip_gradients(parameters: Iterable[Tensor], max_norm: float) -> float:
    having = [parameter for parameter in parameters if parameter.grad is not None]
    norm = math.sqrt(sum(torch.vdot(p.grad.flatten(), p.grad.flatten()).item() for p in having))
    factor = max_norm / norm if max_norm < norm < math.inf else None
    for parameter in having if factor is not None else []:
        torch.mul(parameter.grad, factor, out=parameter.grad)
    return norm
