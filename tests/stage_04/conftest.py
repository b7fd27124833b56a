"""Weights under the names of the contract, so that other names are told before other numbers."""

import pytest

from groundup.testing import load_weights


def shapes_of_block(config):
    d_model, d_ff = config.d_model, config.d_ff
    shapes = {f"attn.{name}_proj.weight": (d_model, d_model) for name in "qkvo"}
    shapes |= {"ffn.up.weight": (d_ff, d_model), "ffn.down.weight": (d_model, d_ff)}
    if config.ffn == "swiglu":
        shapes["ffn.gate.weight"] = (d_ff, d_model)
    if config.norm != "none":
        shapes |= {"attn_norm.weight": (d_model,), "ffn_norm.weight": (d_model,)}
    return shapes


def shapes_of_model(config):
    table = (config.vocab_size, config.d_model)
    shapes = {"embed_tokens.weight": table, "lm_head.weight": table}
    for i in range(config.num_layers):
        block = shapes_of_block(config)
        shapes |= {f"layers.{i}.{name}": shape for name, shape in block.items()}
    if config.norm == "pre":
        shapes["norm.weight"] = (config.d_model,)
    return shapes


@pytest.fixture
def give_weights(draw):
    """Give a block or a whole model of `config` weights of its own in every layer, and gains
    around 1 but not 1."""

    def give(module, config):
        whole = hasattr(module, "embed_tokens")
        shapes = shapes_of_model(config) if whole else shapes_of_block(config)
        weights = {
            name: draw.normal(*shape, scale=shape[-1] ** -0.5)
            if len(shape) > 1
            else 1 + draw.normal(*shape, scale=0.3)
            for name, shape in shapes.items()
        }
        if whole and config.tie_embeddings:
            weights["lm_head.weight"] = weights["embed_tokens.weight"]
        load_weights(module, weights)
        return module

    return give
