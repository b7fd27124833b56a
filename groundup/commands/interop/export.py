"""`groundup export` and `groundup import`: a run to a folder that transformers loads, and back."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.atomic import whole_folder
from groundup.commands import prepared as on_disk
from groundup.commands.common import Reference, Refusal, begin, say, shown
from groundup.commands.generate import find_run
from groundup.commands.interop import llama_config, llama_weights, tokenizer_files
from groundup.commands.results import write_json
from groundup.commands.started import CHECKPOINT
from groundup.commands.train import RUNS
from groundup.presets import SEPARATOR
from groundup.reference import option_for
from groundup.stages import STAGES

WEIGHTS = "model.safetensors"


def export(
    run: Annotated[str, typer.Argument(help="A name in runs, or the folder of a run.")],
    folder: Annotated[Path, typer.Argument(help="The folder to make.")],
    reference: Reference = "",
) -> None:
    """Write a trained model as transformers' LlamaForCausalLM, with its tokenizer.

    AutoModelForCausalLM and AutoTokenizer load the folder. Only models like Llama fit: not those
    of stage 04's ablations.
    """
    source = find_run(run)
    _check_new(folder)
    begin(reference, STAGES[5])
    with whole_folder(folder) as unfinished:
        write_folder(source, unfinished)
    say(f"{shown(folder)} holds the model and its tokenizer, as transformers reads them")


def import_run(
    folder: Annotated[Path, typer.Argument(help="A folder with a Llama model of transformers.")],
    run: Annotated[str, typer.Argument(help="A name for the run in runs, or a path.")],
    reference: Reference = "",
) -> None:
    """Make a run that groundup generate reads of a model that transformers saved.

    It must be like those that groundup export writes: a Llama with as many key heads as query
    heads, and a byte-level BPE like GPT-2's that knows <|endoftext|>.
    """
    target = Path(run) if len(Path(run).parts) > 1 else RUNS / run
    _check_new(target)
    chosen = begin(reference, STAGES[5])
    with whole_folder(target) as unfinished:
        read_folder(folder, unfinished)
    say(f"next: groundup generate {shown(target)}{option_for(chosen)}")


def write_folder(source: Path, folder: Path) -> None:
    from s06_training import load_model

    model = load_model(source / CHECKPOINT)
    made_with: Any = model.config
    fields = asdict(made_with)
    about = on_disk.load(source)
    config = llama_config.to_llama(fields)
    tokenizer = on_disk.load_tokenizer(source)
    if beyond := sorted(tokenizer.vocab.keys() - range(fields["vocab_size"])):
        raise Refusal(
            f"expected ids from 0 to {fields['vocab_size'] - 1}, which the model has, in "
            f"{shown(source / 'tokenizer' / 'vocab.json')}, found {beyond[0]}; put the run's own "
            "back"
        )
    end = on_disk.separator_id(tokenizer)
    # A story begins after the end of the one before; other text begins with nothing.
    bos = SEPARATOR if about.separators else None
    ids = {"bos_token_id": end if bos else None, "eos_token_id": end, "pad_token_id": end}
    write_json(folder / "config.json", config | ids)
    write_json(folder / "generation_config.json", ids)
    tokenizer_files.write(tokenizer, folder, bos)
    weights = llama_weights.to_llama(model.state_dict(), **_sizes(fields))
    save_weights(weights, folder)


def save_weights(weights: dict[str, Any], folder: Path) -> None:
    import safetensors.torch

    try:
        safetensors.torch.save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    except safetensors.SafetensorError as error:  # a full disk is no OSError there
        raise Refusal(f"could not write {WEIGHTS} ({error}); is there space left?") from None


def read_folder(folder: Path, target: Path) -> None:
    import torch

    from s05_adamw_schedule import AdamW
    from s06_training import TrainConfig, save_checkpoint

    model = _load_model(folder / WEIGHTS, _config(folder / "config.json"))
    size = model.config.vocab_size
    specials, bos = tokenizer_files.read(folder, target / "tokenizer", size)
    plan = TrainConfig(
        model=model.config,
        train_tokens=target / "train.bin",
        valid_tokens=target / "valid.bin",
        run_dir=target,
        steps=1,
        batch_size=1,
        max_lr=1e-3,
        min_lr=0.0,
        warmup_steps=0,
    )
    save_checkpoint(
        target / CHECKPOINT,
        model=model,
        optimizer=AdamW(model.parameters()),
        step=0,
        config=plan,
        generator=torch.Generator(),
    )
    vocab = json.loads((target / "tokenizer" / "vocab.json").read_text(encoding="utf-8"))
    write_json(target / on_disk.RECORD, asdict(_record(folder, len(vocab), specials, bos)))
    on_disk.load_tokenizer(target)  # says what is wrong with it


def _config(path: Path) -> Any:
    """The `ModelConfig` that a config.json of Llama's stands for."""
    from s04_transformer import ModelConfig

    found = tokenizer_files.read_json(path)
    try:
        return ModelConfig(**llama_config.from_llama(found))
    except (TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise Refusal(
            f"expected the config.json of a Llama model at {shown(path)}, found one with a value "
            f"that cannot be ({error}); save the model again"
        ) from None


def _load_model(path: Path, config: Any) -> Any:
    from s04_transformer import TransformerLM

    model = TransformerLM(config)
    shapes = {name: weight.shape for name, weight in model.state_dict().items()}
    weights = llama_weights.from_llama(_load(path), shapes=shapes, **_sizes(vars(config)))
    model.load_state_dict(weights)
    return model


def _record(folder: Path, vocab_size: int, specials: list[str], bos: str | None) -> Any:
    """What is known of a model whose training text is not."""
    return on_disk.Prepared(
        source={"kind": "imported", "from": folder.name},
        tokenizer_code="",
        tokenizer_owner="imported",
        asked_vocab_size=vocab_size,
        vocab_size=vocab_size,
        special_tokens=specials,
        train_tokens=0,
        valid_tokens=0,
        separators=int(bos == SEPARATOR),
        entropy_floor=None,
    )


def _load(path: Path) -> dict[str, Any]:
    import safetensors.torch

    if not path.is_file():
        raise Refusal(
            f"expected {path.name} in {shown(path.parent)}, found none; save the model in one "
            "piece and as safetensors"
        )
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise Refusal(f"{shown(path)} cannot be read ({error}); copy it again") from None


def _sizes(fields: dict[str, Any]) -> dict[str, Any]:
    tied = fields["tie_embeddings"]
    return {"num_layers": fields["num_layers"], "num_heads": fields["num_heads"], "tied": tied}


def _check_new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refusal(
            f"expected nothing at {shown(folder)}, found something; give another name, or "
            "delete it",
            code=2,
        )
