"""`groundup train`: from ids to a checkpoint and a loss curve."""

import difflib
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.atomic import replacing
from groundup.commands import prepared as on_disk
from groundup.commands import started
from groundup.commands.alone import alone_in
from groundup.commands.bench.this_machine import seconds_of_product
from groundup.commands.common import Reference, Refusal, begin, say, shown, speaks, table
from groundup.commands.data import TrainFile, ValidFile
from groundup.commands.ending import how_it_ended, ruined, validation_curve
from groundup.commands.ids import check_ids
from groundup.commands.moved import follow_data
from groundup.commands.overrides import read_overrides
from groundup.commands.prepared import DATA, Prepared, prepare
from groundup.commands.preset_table import preset_table
from groundup.commands.results import write_json
from groundup.commands.samples import sampler
from groundup.commands.sources import find_source
from groundup.commands.started import CHECKPOINT
from groundup.memory import keep_freed_memory
from groundup.presets import CORPORA, PRESETS, Preset
from groundup.reference import option_for
from groundup.stages import ROOT, STAGES, Stage

RUNS = ROOT / "runs"
METRICS, CURVE = "metrics.jsonl", "loss.png"
TRAINING = STAGES[:6]

Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="FIELD=VALUE",
        help="Change a field of TrainConfig, or of ModelConfig as in model.d_model=64. "
        "May be given many times.",
    ),
]


def train(
    preset: Annotated[
        str, typer.Argument(help="The name of a run. Without it, all are listed.")
    ] = "",
    data: Annotated[
        str,
        typer.Option(metavar="NAME", help="A name in data, or a folder that groundup data made."),
    ] = "",
    train_file: TrainFile = None,
    valid_file: ValidFile = None,
    changes: Changes = None,
    run_dir: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="Where the run goes. A folder in runs if not given."),
    ] = None,
    prompt: Annotated[
        str, typer.Option(help="How the text begins that is written after each evaluation.")
    ] = "",
    reference: Reference = "",
) -> None:
    """Train a model, save it, and draw its loss curve.

    After a stop, the same command goes on from the last checkpoint. Without a preset it lists
    them: what each is for, its memory, and where it was measured. Several processes share the
    work with torchrun --nproc_per_node 2 -m groundup train.
    """
    if not preset:
        return _list_presets(reference)
    settings = find_preset(preset)
    _check_own_files(train_file or valid_file, data)
    chosen = begin(reference, TRAINING[-1])
    model, loop = read_changes(changes or [])
    vocab_size = model.get("vocab_size", CORPORA[settings.data].vocab_size)
    folder, prepared = _open_data(data or settings.data, train_file, valid_file, vocab_size)
    run_dir = run_dir or RUNS / run_name(preset, settings, folder, chosen)
    with alone_in(run_dir):
        config = make_config(settings, folder, prepared, run_dir, model, loop)
        say(table(train_model(config, folder, prepared, prompt)))
    return say(f"next: groundup generate {shown(run_dir)}{option_for(chosen)}")


def train_model(
    config: Any, folder: Path, prepared: Prepared, prompt: str = ""
) -> list[tuple[str, str]]:
    """Train as a `TrainConfig` says, on what is prepared in `folder`; how it ended."""
    from groundup.plots import draw_loss_curve  # matplotlib takes long to import
    from s04_transformer import TransformerLM
    from s06_training import best_device
    from s06_training import train as train_stage

    run_dir = config.run_dir
    if speaks():
        _keep_with_run(folder, prepared, run_dir)
        files = {"train_tokens": config.train_tokens, "valid_tokens": config.valid_tokens}
        follow_data(run_dir / CHECKPOINT, **files)
        started.keep(run_dir, config.device or best_device())
    keep_freed_memory()
    say(f"training in {shown(run_dir)}, on {shown(folder)}")
    before = _written(run_dir / METRICS)
    try:
        result = train_stage(config, sampler(folder, prompt))
    except KeyboardInterrupt as error:
        raise Refusal(str(error) or "stopped; the same command goes on", code=130) from None
    if before and before == _written(run_dir / METRICS):
        say("it was complete already: nothing was trained; a new run needs a folder of its own")
    floor, curve = config.entropy_floor, run_dir / CURVE
    if speaks():
        draw_loss_curve(run_dir / METRICS, curve, title=run_dir.name, floor=floor)
    say(f"checkpoint {shown(run_dir / CHECKPOINT)}, loss curve {shown(curve)}")
    if reason := ruined(validation_curve(run_dir / METRICS), config.model.vocab_size):
        say(
            f"{reason}. Likely causes: max_lr ({config.max_lr:g}) is too high, or warmup_steps "
            f"({config.warmup_steps}) too few"
        )
    return how_it_ended(result, floor, TransformerLM(config.model))


def _written(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def make_config(
    preset: Preset,
    folder: Path,
    prepared: Prepared,
    run_dir: Path,
    model: dict[str, Any],
    loop: dict[str, Any],
) -> Any:
    """The `TrainConfig` of `preset` on this data, but for the fields in `model` and `loop`."""
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig

    check_ids(folder, prepared)
    _refuse_device(loop.get("device"))
    config = TrainConfig(
        model=ModelConfig(**{"vocab_size": prepared.vocab_size, **preset.model, **model}),
        train_tokens=folder / "train.bin",
        valid_tokens=folder / "valid.bin",
        run_dir=run_dir,
        **{"entropy_floor": prepared.entropy_floor, **preset.train, **loop},
    )
    _advise_float32(config)
    return config


def _advise_float32(config: Any) -> None:
    """Many processors have no instructions for bfloat16, and torch is very slow without them."""
    from s06_training import best_device

    if config.dtype != "bfloat16" or (config.device or best_device()) != "cpu":
        return
    times = seconds_of_product("bfloat16") / seconds_of_product("float32")
    if times >= 2:
        say(
            f"torch multiplies matrices in bfloat16 {times:.0f} times as slowly as in float32 on "
            "this processor; leave dtype out, or --set dtype=float32"
        )


def _refuse_device(name: str | None) -> None:
    import torch

    from s06_training import best_device

    try:
        torch.zeros(1, device=name).item()
    except (RuntimeError, AssertionError):  # each kind of device has its own way to say it
        raise Refusal(
            f"expected a device that this machine has, found {name!r}; leave it out to take the "
            f"best there is, which is {best_device()}",
            code=2,
        ) from None


def _check_own_files(given: Path | None, data: str) -> None:
    if given and data:
        raise Refusal("give --data, or your own files, not both", code=2)
    if given and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise Refusal("several processes need --data; run groundup data on your files", code=2)


def _list_presets(reference: str) -> None:
    begin(reference, STAGES[-1])
    say(preset_table())


def _open_data(
    name: str, train_file: Path | None, valid_file: Path | None, vocab_size: int
) -> tuple[Path, Prepared]:
    """The user's own files, prepared with so large a vocabulary, or else what has this name."""
    if not (train_file or valid_file):
        folder = find_data(name)
        return folder, on_disk.load(folder)
    name, source = find_source("", train_file, valid_file)
    return DATA / name, prepare(DATA / name, source, vocab_size)


def find_preset(name: str) -> Preset:
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1) or PRESETS
        raise Refusal(f"{name!r} is not a preset; write {' or '.join(near)}", code=2)
    return PRESETS[name]


def read_changes(changes: list[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig

    return read_overrides(changes, ModelConfig, TrainConfig)


def find_data(name: str) -> Path:
    for folder in (DATA / name, Path(name)):
        if (folder / on_disk.RECORD).is_file():
            return folder.absolute()
    command = f"groundup data {name}" if name in CORPORA else "groundup data"
    raise Refusal(f"there is no prepared data at {shown(DATA / name)}; run {command}")


def run_name(preset_name: str, preset: Preset, folder: Path, chosen: tuple[Stage, ...]) -> str:
    """Runs on other data, or of other code, go elsewhere: they must not resume each other."""
    name = preset_name if folder == DATA / preset.data else f"{preset_name}-{folder.name}"
    return f"{name}-reference" if set(chosen) & set(TRAINING) else name


def _keep_with_run(folder: Path, prepared: Prepared, run_dir: Path) -> None:
    """Copy the tokenizer into the run, so that the run alone is enough to generate text."""
    known = all((run_dir / name).is_file() for name in (CHECKPOINT, on_disk.RECORD))
    if known and on_disk.load(run_dir) != prepared:
        raise Refusal(
            f"{shown(run_dir)} was trained on other data than {shown(folder)}; give another "
            "--run-dir, or delete it to start anew"
        )
    run_dir.mkdir(parents=True, exist_ok=True)
    for path in (folder / "tokenizer").iterdir():
        with replacing(run_dir / "tokenizer" / path.name) as unfinished:
            shutil.copyfile(path, unfinished)
    write_json(run_dir / on_disk.RECORD, asdict(prepared))
