"""transformers' Llama with the shape, and the weights, of one of our models."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING, Any

from groundup.commands.common import Refusal
from groundup.commands.interop import llama_config, llama_weights

if TYPE_CHECKING:  # torch takes a second to load, for which groundup --help should not wait
    from torch import Tensor, nn

PACKAGES = ("torch", "transformers")
"""Whose versions belong beside a measurement."""


def check_installed() -> None:
    if importlib.util.find_spec("transformers") is None:
        raise Refusal(
            "expected transformers to compare with, found that it is not installed; "
            'pip install -e ".[bench]" installs it',
            code=2,
        )


def twin(model: nn.Module, fields: dict[str, Any]) -> nn.Module:
    """A LlamaForCausalLM that computes what `model` does; `fields` are those of its ModelConfig."""
    from transformers import LlamaConfig, LlamaForCausalLM  # takes seconds

    known = {**llama_config.to_llama(fields), "use_cache": False}
    llama: Any = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in known.items() if k != "dtype"}))
    weights = llama_weights.to_llama(
        model.state_dict(),
        num_layers=fields["num_layers"],
        num_heads=fields["num_heads"],
        tied=fields["tie_embeddings"],
    )
    llama.load_state_dict(weights, strict=not fields["tie_embeddings"])
    moved: nn.Module = llama.to(next(model.parameters()).device)
    return moved


def differences(model: nn.Module, llama: nn.Module, ids: Tensor) -> dict[str, float]:
    """The largest difference of a logit and the difference of the losses, in float32."""
    import torch

    from s02_layers import cross_entropy

    inputs, targets = ids[:, :-1], ids[:, 1:].contiguous()
    with torch.no_grad():
        ours, theirs = model(inputs), llama(input_ids=inputs, labels=inputs, shift_labels=targets)
        loss = cross_entropy(ours, targets)
    return {
        "logits": (ours - theirs.logits).abs().max().item(),
        "loss": abs(loss.item() - theirs.loss.item()),
    }
