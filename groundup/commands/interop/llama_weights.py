"""The weights of our model under the names, and in the order, of transformers' Llama.

RoPE turns pairs of coordinates of a head: here (2i, 2i+1), there (i, i + d_head/2). So the rows of
q_proj and k_proj change places, those of v_proj do not: a product of queries and keys is the same
whatever the order of their coordinates, as long as both have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from groundup.commands.common import Refusal

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AROUND = {
    "embed_tokens.weight": "model.embed_tokens.weight",
    "norm.weight": "model.norm.weight",
    "lm_head.weight": "lm_head.weight",
}
IN_BLOCK = {
    "attn_norm": "input_layernorm",
    **{f"attn.{each}_proj": f"self_attn.{each}_proj" for each in "qkvo"},
    "ffn_norm": "post_attention_layernorm",
    **{f"ffn.{each}": f"mlp.{each}_proj" for each in ("gate", "up", "down")},
}
# What older versions of transformers saved, though it follows from config.json.
COMPUTED = "rotary_emb.inv_freq"
TURNED = ("q_proj.weight", "k_proj.weight")


def names(num_layers: int) -> dict[str, str]:
    """Llama's name of each weight by ours."""
    return AROUND | {
        f"layers.{i}.{ours}.weight": f"model.layers.{i}.{theirs}.weight"
        for i in range(num_layers)
        for ours, theirs in IN_BLOCK.items()
    }


def to_llama(
    weights: Mapping[str, Tensor], *, num_layers: int, num_heads: int, tied: bool
) -> dict[str, Tensor]:
    """Every tensor has memory of its own, as safetensors asks."""
    found = {}
    for ours, theirs in names(num_layers).items():
        if tied and ours == "lm_head.weight":
            continue
        weight = weights[ours].detach().cpu()
        if ours.endswith(TURNED):
            weight = weight.unflatten(0, (num_heads, -1, 2)).transpose(1, 2).flatten(0, 2)
        found[theirs] = weight.contiguous().clone()
    return found


def from_llama(
    weights: Mapping[str, Tensor],
    *,
    shapes: Mapping[str, torch.Size],
    num_layers: int,
    num_heads: int,
    tied: bool,
) -> dict[str, Tensor]:
    """Our state dict, in float32; `shapes` are those of its weights."""
    found, left = {}, {name for name in weights if not name.endswith(COMPUTED)}
    for ours, theirs in names(num_layers).items():
        source = AROUND["embed_tokens.weight"] if tied and ours == "lm_head.weight" else theirs
        if source not in weights:
            raise Refusal(f"expected {source} in model.safetensors, found no weight of that name")
        weight = weights[source].float()
        if weight.shape != shapes[ours]:
            raise Refusal(
                f"expected {tuple(shapes[ours])} as config.json says for {source}, found "
                f"{tuple(weight.shape)} in model.safetensors"
            )
        if not weight.isfinite().all():
            raise Refusal(
                f"expected finite weights in model.safetensors, found infinity or NaN in {source}; "
                "save the model again, or an earlier state of it"
            )
        if ours.endswith(TURNED):
            weight = weight.unflatten(0, (num_heads, 2, -1)).transpose(1, 2).flatten(0, 2)
        found[ours] = weight
        left.discard(source)
    head = "lm_head.weight"
    if tied and head in left and weights[head].float().equal(found[head]):
        left.remove(head)
    if left:
        raise Refusal(
            "expected in model.safetensors only what config.json asks for, found "
            f"{min(left)} too; save the model again"
        )
    return found
