"""`groundup ablate`: the model with one of its parts taken away or changed."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from groundup.commands.common import Reference, Refusal, say, shown
from groundup.commands.overrides import MODEL, read_overrides
from groundup.commands.sweep.grid import Trial, trials
from groundup.commands.sweep.many import (
    Changes,
    Data,
    Out,
    Presets,
    Seeds,
    open_base,
    run_and_tell,
)
from groundup.commands.sweep.summary import Setting, difference, table

BASE = "as it is"

Own = Annotated[
    list[str] | None,
    typer.Option(
        metavar="FIELD=VALUE", help="An ablation of your own, as in model.num_heads=1, as well."
    ),
]


def ablate(
    preset: Presets,
    over: Own = None,
    seeds: Seeds = 3,
    changes: Changes = None,
    data: Data = "",
    out: Out = None,
    reference: Reference = "",
) -> None:
    """Train without norm, with post-norm, without positions, with SiLU, with tied embeddings.

    Each is compared with the model as it is; SiLU's feed-forward layer has as many parameters as
    SwiGLU's. What the base has already is left out. After a stop, the same command goes on.
    """
    base = open_base(preset, changes or [], data, out, "ablate", reference)
    varied = variants(base.config.model) | _own(base.config, over or [])
    found = [
        replace(trial, label=label)
        for label, fields in varied.items()
        for trial in trials(
            base.config, {n: [v] for n, v in fields.items()}, base.seeds(seeds), base.fixed
        )
    ]
    _tell(run_and_tell(base, _seed_by_seed(found)), base.folder)


def variants(model: Any) -> dict[str, dict[str, Any]]:
    """By name, the fields that change; none of `model` as it is."""
    # SwiGLU has three matrices of d_model · d_ff, SiLU two: 8/3 d_model and 4 d_model.
    silu = {"ffn": "silu", "d_ff": round(model.d_ff * 3 / 2)}
    known = {
        "no norm": {"norm": "none"},
        "post-norm": {"norm": "post"},
        "no position": {"position": "none"},
        "SiLU": {} if model.ffn == "silu" else silu,
        "tied embeddings": {"tie_embeddings": True},
    }
    changed = {
        label: {MODEL + name: value for name, value in fields.items()}
        for label, fields in known.items()
        if any(getattr(model, name) != value for name, value in fields.items())
    }
    return {BASE: {}} | changed


def _own(config: Any, overs: Sequence[str]) -> dict[str, dict[str, Any]]:
    own = {}
    for over in overs:
        model, loop = read_overrides([over], type(config.model), type(config), "--over")
        fields = {MODEL + name: value for name, value in model.items()} | loop
        if replace(config.model, **model) == config.model and all(
            getattr(config, name) == value for name, value in loop.items()
        ):
            raise Refusal(f"--over {over}: the base has that already", code=2)
        own[over] = fields
    return own


def _seed_by_seed(found: Sequence[Trial]) -> list[Trial]:
    """All variants once before any has its second run, so that a stop leaves the most to see."""
    return sorted(found, key=lambda trial: trial.config.seed)


def _tell(settings: Sequence[Setting], folder: Any) -> None:
    from groundup.commands.sweep.figures import draw  # matplotlib takes long to import

    say(table(settings))
    base, *others = settings
    for setting in others:
        if base.losses and setting.losses:
            say(f"{setting.label}: {difference(setting, base)}")
    say(f"plots {', '.join(map(shown, draw(settings, folder, field=None)))}")
