"""What a model consists of before it has computed anything."""

import torch

from groundup.testing import check, outcome
from s03_attention_rope import RotaryEmbedding
from s04_transformer import ModelConfig, TransformerLM

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}


def listing(tensors):
    return ", ".join(sorted(f"{name} {tuple(value.shape)}" for name, value in tensors))


def test_names_and_shapes_of_the_parameters_of_a_model():
    config = ModelConfig(**SIZES)
    model = TransformerLM(config)
    ropes = {id(module) for module in model.modules() if isinstance(module, RotaryEmbedding)}
    observed = {
        "state dict": [
            f"{name} {tuple(value.shape)}" for name, value in model.state_dict().items()
        ],
        "parameters": [f"{name} {tuple(value.shape)}" for name, value in model.named_parameters()],
        "rotary embeddings": [len(ropes)],
        "config": [str(getattr(model, "config", "missing") == config)],
    }
    check({name: sorted(values) for name, values in observed.items()})


class Where:
    """A cache that keeps the device of the positions it is given."""

    def __init__(self):
        self.devices = []

    def update(self, k, v, positions):
        self.devices.append(positions.device.type)
        return k, v, torch.ones(k.shape[-2], k.shape[-2], dtype=torch.bool, device=k.device)


def where(tensor):
    """Without its values, which on the meta device do not exist."""
    return f"{tensor.device.type} {tensor.dtype} {tuple(tensor.shape)}"


def test_where_the_parameters_of_a_model_are():
    model = TransformerLM(ModelConfig(**SIZES), device="meta", dtype=torch.float64)
    token_ids = torch.zeros(2, 7, dtype=torch.int64, device="meta")
    caches = [Where() for _ in range(3)]
    parameters = [f"{name} {p.device.type} {p.dtype}" for name, p in model.named_parameters()]
    observed = {
        "parameters": ", ".join(sorted(parameters)),
        "logits": outcome(lambda: where(model(token_ids))),
        "logits with caches": outcome(lambda: where(model(token_ids, None, caches))),
        "positions": " ".join(where for cache in caches for where in cache.devices),
    }
    check(observed)


def test_which_weights_of_a_model_start_alike():
    torch.manual_seed(0)
    models = [TransformerLM(ModelConfig(**SIZES)) for _ in range(2)]
    layers = [layer for model in models for layer in model.layers]
    starts = [[p[0].tolist() for p in layer.parameters() if p.ndim == 2] for layer in layers]

    def alike(a, b):
        return "alike" if starts[a] == starts[b] else "on their own"

    check({"layers of one model": alike(0, 1), "first layers of two models": alike(0, 3)})


def spreads(**changes):
    """The standard deviation of each matrix to one digit, as a multiple of what it should be."""
    torch.manual_seed(0)
    config = ModelConfig(**SIZES | {"d_model": 96, "d_ff": 160, "vocab_size": 700} | changes)
    multiples = []
    for name, parameter in TransformerLM(config).named_parameters(remove_duplicate=False):
        if parameter.ndim < 2:
            multiples.append(f"{name} {parameter.unique().tolist()}")
            continue
        is_table = name == "embed_tokens.weight" and not config.tie_embeddings
        std = 1.0 if is_table else (2 / sum(parameter.shape)) ** 0.5
        # Cut at 3σ, a normal distribution has 0.98658 of its standard deviation.
        multiples.append(f"{name} {parameter.std().item() / (0.98658 * std):.1g}")
    return ", ".join(sorted(multiples))


def test_spread_of_the_initial_weights():
    check({"untied": spreads(), "tied": spreads(tie_embeddings=True)})
