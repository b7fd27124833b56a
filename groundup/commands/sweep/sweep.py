"""`groundup sweep`: the same run with other learning rates, batches, warm-ups, decays, widths."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated

import typer

from groundup.commands.common import Reference, Refusal, say, shown
from groundup.commands.overrides import read_overrides
from groundup.commands.sweep import wandb_file
from groundup.commands.sweep.grid import Grid, read_grid, trials
from groundup.commands.sweep.many import (
    Base,
    Changes,
    Data,
    Out,
    Presets,
    Seeds,
    open_base,
    run_and_tell,
)
from groundup.commands.sweep.results import claim
from groundup.commands.sweep.runs import ending, run_one
from groundup.commands.sweep.summary import Setting, edges, table, winner

Over = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=V,V,…",
        help="A field and its values, as in max_lr=1e-3,3e-3. Given several times: every "
        "combination.",
    ),
]


def sweep(
    preset: Presets,
    one: Annotated[
        list[str] | None,
        typer.Argument(metavar="[FIELD=VALUE]…", help="One combination, as wandb agent gives it."),
    ] = None,
    over: Over = None,
    seeds: Seeds = 3,
    changes: Changes = None,
    data: Data = "",
    wandb: Annotated[
        bool, typer.Option("--wandb", help="Run nothing; write the sweep for wandb agents.")
    ] = False,
    out: Out = None,
    reference: Reference = "",
) -> None:
    """Train with every value of a field, and say which is best and by how much.

    The runs go one after another; after a stop, the same command goes on. With max_lr, min_lr
    keeps its share of it; with batch_size, steps change so that all see as many tokens, and the
    warm-up its share of them; with model.d_model, d_ff keeps its ratio; min_lr and d_ff stay if
    given with --set. A run that diverges is a result. More values or seeds later reuse what is
    there.
    """
    if bool(over) == bool(one):
        raise Refusal("give --over a field and values, as in --over max_lr=1e-3,3e-3", code=2)
    name = "sweep-" + "+".join(each.partition("=")[0] for each in over or [])
    base = open_base(preset, changes or [], data, out, name, reference)
    if one:
        return _run_one(base, one)
    grid = read_grid(over or [], *_configs())
    found = trials(base.config, grid, base.seeds(seeds), base.fixed)
    if wandb:
        given = [("--set", each) for each in changes or []]
        given += [("--data", data), ("--reference", reference)]
        common = [word for option in given if option[1] for word in option]
        return _emit(base, grid, base.seeds(seeds), [preset, *common])
    return _tell(run_and_tell(base, found), base, next(iter(grid)))


def _configs() -> tuple[type, type]:
    from s04_transformer import ModelConfig
    from s06_training import TrainConfig

    return ModelConfig, TrainConfig


def _tell(settings: Sequence[Setting], base: Base, field: str) -> None:
    from groundup.commands.sweep.figures import draw  # matplotlib takes long to import

    say(table(settings))
    say("\n".join([winner(settings), *edges(settings)]))
    say(f"plots {', '.join(map(shown, draw(settings, base.folder, field=field)))}")


def _emit(base: Base, grid: Grid, seeds: range, words: list[str]) -> None:
    claim(base.folder, base.about)
    path = base.folder / "sweep.yaml"
    words += ["--out", shown(base.folder)]
    wandb_file.write(path, base.folder.name, grid, seeds, words)
    say(f"written {shown(path)}")
    say(wandb_file.how_to_run(shown(path)))


def _run_one(base: Base, one: Sequence[str]) -> None:
    """The run of one agent: it tells Weights & Biases, and no table."""
    config_types = _configs()
    _, given = read_overrides([each for each in one if each.startswith("seed=")], *config_types)
    grid = read_grid([each for each in one if not each.startswith("seed=")], *config_types)
    mode = base.config.wandb if "wandb" in base.fixed else "online"
    start = dataclasses.replace(base.config, wandb=mode)
    (trial,) = trials(start, grid, [given.get("seed", base.config.seed)], base.fixed)
    claim(base.folder, base.about)
    say(f"{trial.label}, seed {trial.config.seed}: {ending(run_one(trial))}")
