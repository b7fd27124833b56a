"""The same sweep for Weights & Biases: a YAML file, and agents that take one run after another.

An agent starts this command again, with one combination as `max_lr=0.001 seed=0`.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from groundup.atomic import replacing
from groundup.commands.sweep.grid import Grid

PROJECT = "groundup"


def write(path: Path, name: str, grid: Grid, seeds: Sequence[int], words: Sequence[str]) -> None:
    """`words` are those after `groundup sweep` that all runs have in common."""
    described: dict[str, Any] = {
        "name": name,
        "project": PROJECT,
        "method": "grid",
        "metric": {"name": "valid_loss", "goal": "minimize"},
        "parameters": {
            field: {"values": list(values)} for field, values in {**grid, "seed": seeds}.items()
        },
        "program": "groundup",
        "command": ["${env}", "groundup", "sweep", *words, "${args_no_hyphens}"],
    }
    with replacing(path) as unfinished:
        unfinished.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")


def how_to_run(path: str) -> str:
    return (
        f"on one machine: wandb sweep {shlex.quote(path)}; on each: the line "
        "wandb agent ENTITY/groundup/ID that it prints, from the folder of the course"
    )
