"""Models whose first weights a seed decides."""

import torch

from s04_transformer import TransformerLM


def make_model(config, device, seed):
    torch.manual_seed(seed)
    return TransformerLM(config, device).train()
