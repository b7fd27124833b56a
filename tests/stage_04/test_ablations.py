import pytest
import torch

from groundup.testing import assert_close, check
from s04_transformer import ModelConfig, TransformerLM

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}
NORMS = {f"layers.{i}.{name}_norm.weight" for i in range(3) for name in ("attn", "ffn")}
GATES = {f"layers.{i}.ffn.gate.weight" for i in range(3)}
ABLATIONS = {
    "post_norm": {"norm": "post"},
    "no_norm": {"norm": "none"},
    "no_position": {"position": "none"},
    "silu": {"ffn": "silu"},
    "tied": {"tie_embeddings": True},
    "all": {"norm": "post", "position": "none", "ffn": "silu", "tie_embeddings": True},
}
LEFT_OUT = {
    "post_norm": {"norm.weight"},
    "no_norm": {"norm.weight"} | NORMS,
    "silu": GATES,
    "all": {"norm.weight"} | GATES,
}


def given(draw, ablation=None):
    model = TransformerLM(ModelConfig(**SIZES, **ABLATIONS.get(ablation, {})))
    draw.weights(model)
    return model, draw.distinct(23, 2, 7)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_logits_of_each_ablation(draw, give_weights, ablation):
    config = ModelConfig(**SIZES, **ABLATIONS[ablation])
    model = give_weights(TransformerLM(config), config)
    check(model(draw.distinct(23, 2, 7)), atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_ablation_leaves_out_its_own_weights_only(draw, ablation):
    default, ablated = set(given(draw)[0].state_dict()), set(given(draw, ablation)[0].state_dict())
    assert ablated == default - LEFT_OUT.get(ablation, set())


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_ablation_ignores_future_tokens(draw, ablation):
    model, token_ids = given(draw, ablation)
    other = token_ids.clone()
    other[:, 3:] = (other[:, 3:] + 5) % 23
    why = "changing tokens from index 3 changed earlier logits: the future leaks"
    assert_close(model(other)[:, :3], model(token_ids)[:, :3], why, atol=5e-6)


def test_no_position_means_that_positions_change_nothing(draw):
    model, token_ids = given(draw, "no_position")
    moved = model(token_ids, torch.tensor([3, 0, 7, 7, 1, 12, 15]))
    assert_close(moved, model(token_ids), "position 'none': only the causal mask tells order")


def test_post_norm_ends_with_the_norm_of_the_last_block(draw):
    model, token_ids = given(draw, "post_norm")
    x = model.embed_tokens(token_ids)
    for layer in model.layers:
        x = layer(x)
    assert_close(model(token_ids), model.lm_head(x), "no norm after the last block", atol=5e-6)


def test_tied_embeddings_are_one_parameter(draw):
    model, _ = given(draw, "tied")
    assert model.embed_tokens.weight is model.lm_head.weight
    count = sum(parameter.numel() for parameter in model.parameters())
    assert count == sum(p.numel() for p in given(draw)[0].parameters()) - 23 * 24


def test_gradients_of_tied_embeddings(draw, give_weights):
    config = ModelConfig(**SIZES, tie_embeddings=True)
    model = give_weights(TransformerLM(config), config)
    (model(draw.distinct(23, 2, 7)) * draw.normal(2, 7, 23)).sum().backward()
    observed = {
        "gradient of embed_tokens": model.embed_tokens.weight.grad,
        "gradient of lm_head": model.lm_head.weight.grad,
    }
    check({name: slope / 8 for name, slope in observed.items()}, atol=2e-5, rtol=1e-5)


def names_by_parameter(model):
    """As in `a.weight = b.weight, c.weight` if two names are one parameter."""
    names = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), []).append(name)
    return ", ".join(sorted(" = ".join(sorted(group)) for group in names.values()))


def test_names_of_the_parameters_of_each_ablation():
    observed = {}
    for ablation, changes in ABLATIONS.items():
        model = TransformerLM(ModelConfig(**SIZES, **changes))
        observed[f"{ablation}: parameters"] = names_by_parameter(model)
        observed[f"{ablation}: state dict"] = ", ".join(sorted(model.state_dict()))
    check(observed)


def test_tied_embeddings_start_as_a_linear_layer_does():
    torch.manual_seed(0)
    config = ModelConfig(**{**SIZES, "vocab_size": 5000}, tie_embeddings=True)
    expected = 0.98658 * (2 / (24 + 5000)) ** 0.5
    why = "std of the tied matrix, σ² = 2/(d_model + vocab_size): σ = 1 would make huge logits"
    assert_close(TransformerLM(config).lm_head.weight.std().item(), expected, why, rtol=0.01)


def test_embeddings_are_two_parameters_unless_tied():
    torch.manual_seed(0)
    model = TransformerLM(ModelConfig(**{**SIZES, "vocab_size": 5000}))
    assert model.embed_tokens.weight.data_ptr() != model.lm_head.weight.data_ptr()
    std = model.embed_tokens.weight.std().item()
    assert_close(std, 0.98658, "the embedding starts with σ = 1, cut at 3", rtol=0.01)
