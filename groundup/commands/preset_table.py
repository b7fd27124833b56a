"""The presets of `groundup train`: what each is for, what it takes, what was measured."""

from collections.abc import Callable
from typing import Any

from groundup.presets import CORPORA, PRESETS, Preset

UNKNOWN = "?"


def preset_table() -> str:
    """Stage 04 counts parameters, stage 08 memory; a question mark where it is not written."""
    blocks = [_block(name, preset) for name, preset in PRESETS.items()]
    needs = {
        f"{UNKNOWN} M parameters": "write stages 2,3,4, or --reference 2,3,4",
        f"{UNKNOWN} GB": "write stage 8, or --reference 8",
    }
    blocks += [f"{what}: {need}" for what, need in needs.items() if what in blocks[0]]
    return "\n".join(blocks)


def _block(name: str, preset: Preset) -> str:
    tokens = preset.train["steps"] * preset.train["batch_size"] * preset.model["context_length"]
    counted = (
        f"{_known(lambda: f'{parameters(preset) / 1e6:.1f}'):>5} M parameters",
        f"{tokens / 1e6:>7.2f} M tokens",
        f"{_known(lambda: f'{memory(preset) / 1e9:.2f}'):>6} GB",
    )
    return f"{name:<17}{''.join(counted)}\n  {preset.purpose}\n  {preset.measured}"


def parameters(preset: Preset) -> int:
    from s04_transformer import TransformerLM

    return sum(each.numel() for each in TransformerLM(_model(preset), device="meta").parameters())


def memory(preset: Preset) -> int:
    """Bytes of a training step: an estimate, to which the libraries' own come."""
    from s08_benchmarking import training_memory

    dtype = preset.train.get("dtype", "float32")
    size = preset.train["batch_size"], preset.model["context_length"]
    return sum(training_memory(_model(preset), *size, dtype).values())


def _model(preset: Preset) -> Any:
    from s04_transformer import ModelConfig

    return ModelConfig(vocab_size=CORPORA[preset.data].vocab_size, **preset.model)


def _known(count: Callable[[], str]) -> str:
    try:
        return count()
    except NotImplementedError:
        return UNKNOWN
