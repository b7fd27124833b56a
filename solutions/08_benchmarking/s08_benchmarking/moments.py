"""When a training step needs most memory."""

from collections.abc import Mapping

from s04_transformer import ModelConfig

LOGITS = {False: 4 + 4, True: 2 + 4 + 4}
"""Bytes for each logit while the loss is computed, by whether they come out of autocast."""


def of(config: ModelConfig, tokens: int, kinds: Mapping[str, int]) -> dict[str, int]:
    """`kinds` are those of `training_memory`."""
    mixed = kinds["parameters"] > kinds["gradients"]
    numbers = tokens * config.vocab_size
    learned = 2 * kinds["gradients"] + kinds["optimizer_state"]
    largest_matrix = config.d_model * max(config.vocab_size, config.d_model, config.d_ff)
    return {
        "loss": sum(kinds.values()) - kinds["gradients"] + LOGITS[mixed] * numbers,
        "backward": learned + (kinds["activations"] - 4 * numbers) // config.num_layers,
        "update": learned + 4 * largest_matrix,
    }
