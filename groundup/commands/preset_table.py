"""The presets of `groundup train`: what each is for, what it takes, what was measured."""

from collections.abc import Callable
from typing import Any

from groundup.presets import CORPORA, PRESETS, Preset

UNKNOWN = "?"


def preset_table() -> str:
    """Parameters and memory are counted by stage 08; a question mark where it is not written."""
    blocks = [_block(name, preset) for name, preset in PRESETS.items()]
    if any(UNKNOWN in block.splitlines()[0] for block in blocks):
        blocks.append(f"{UNKNOWN} is counted by stages 04 and 08: write them, or --reference 4,8")
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
    from s08_benchmarking import count_parameters

    return count_parameters(_model(preset))


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
