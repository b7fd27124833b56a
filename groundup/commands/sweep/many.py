"""What `groundup sweep` and `groundup ablate` share: from a preset to results, table and plots."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands import prepared as on_disk
from groundup.commands.common import Refusal, begin, say, shown
from groundup.commands.sweep.grid import Trial
from groundup.commands.sweep.results import claim, settings_of
from groundup.commands.sweep.runs import run_all
from groundup.commands.sweep.summary import Setting, by_setting
from groundup.commands.train import (
    RUNS,
    find_data,
    find_preset,
    make_config,
    read_changes,
    run_name,
)
from groundup.stages import STAGES

Presets = Annotated[str, typer.Argument(metavar="PRESET", help="The run that all are made from.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="FIELD=VALUE", help="Change a field in all runs, as in train."),
]
Seeds = Annotated[
    int,
    typer.Option(
        min=1, help="Runs of each setting, with seeds 0, 1, 2, … or from --set seed=N on."
    ),
]
Data = Annotated[str, typer.Option(metavar="NAME", help="A name in data, or a prepared folder.")]
Out = Annotated[Path | None, typer.Option(metavar="PATH", help="Where all of it goes.")]


@dataclass(frozen=True)
class Base:
    """The configuration that all runs are made from."""

    config: Any
    """Its run_dir is the folder of the whole sweep."""
    fixed: set[str]
    """What the user has set."""
    about: dict[str, Any]
    """What makes it this sweep and no other."""

    @property
    def folder(self) -> Path:
        return self.config.run_dir

    def seeds(self, count: int) -> range:
        return range(self.config.seed, self.config.seed + count)


def open_base(
    preset: str, changes: Sequence[str], data: str, out: Path | None, name: str, reference: str
) -> Base:
    settings = find_preset(preset)
    chosen = begin(reference, STAGES[-1])
    model, loop = read_changes(list(changes))
    folder = find_data(data or settings.data)
    prepared = on_disk.load(folder)
    fixed = {f"model.{field}" for field in model} | set(loop)
    # A run that is stopped loses no more than what is between two evaluations.
    every = loop.get("eval_every", settings.train["eval_every"])
    loop = {"progress": False, "checkpoint_every": every, **loop}
    out = out or RUNS / f"{run_name(preset, settings, folder, chosen)}-{name}"
    config = make_config(settings, folder, prepared, out, model, loop)
    about = {"base": settings_of(config), "data": asdict(prepared)}
    return Base(config, fixed, about)


def run_and_tell(base: Base, trials: Sequence[Trial]) -> list[Setting]:
    """Run what has not run yet."""
    folders = {trial.config.run_dir for trial in trials}
    if len(folders) < len(trials):
        raise Refusal(
            f"{len(trials)} runs have {len(folders)} folders; each needs its own; "
            "run pytest tests/stage_08"
        )
    claim(base.folder, base.about)
    say(f"{len(trials)} runs in {shown(base.folder)}")
    return by_setting(run_all(trials, base.folder))
