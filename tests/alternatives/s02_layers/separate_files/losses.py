from torch import Tensor


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    largest = logits.max(dim=-1, keepdim=True).values
    log_sum = largest.squeeze(-1) + (logits - largest).exp().sum(-1).log()
    picked = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    return (log_sum - picked).mean()
