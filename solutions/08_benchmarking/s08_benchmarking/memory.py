"""Where the bytes of a training step go."""

from s04_transformer import ModelConfig

from .operations import ffn_matrices, norms, parameters, weights_of_products

BYTES = {"float32": 4, "bfloat16": 2}


def training(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    if dtype not in BYTES:
        raise ValueError(f"dtype ({dtype}) must be one of {', '.join(BYTES)}, as in TrainConfig")
    learned = parameters(config)
    copies = 2 * weights_of_products(config) if dtype == "bfloat16" else 0
    return {
        "parameters": 4 * learned + copies,
        "gradients": 4 * learned,
        "optimizer_state": 8 * learned,
        "activations": activations(config, batch, seq, BYTES[dtype]),
    }


def activations(config: ModelConfig, batch: int, seq: int, size: int) -> int:
    """Bytes kept for the backward pass, where what enters a product has `size` bytes a number."""
    stream = batch * seq * config.d_model
    scores = batch * config.num_heads * seq * seq
    # Autocast copies the input of q, k, v, o, up and perhaps gate, for each of them anew.
    inputs = 3 if size == 4 else 3 + ffn_matrices(config)
    gating = (2 * ffn_matrices(config) - 1) * batch * seq * config.d_ff
    layer = ((inputs + 3) * stream + gating + scores) * size + scores * 4
    head = stream * size + batch * seq * config.vocab_size * 4
    return config.num_layers * layer + norms(config) * 2 * stream * 4 + head
