"""`groundup explore`: the notebook of expected cost, in a browser."""

import dataclasses
import importlib.util
import runpy
import sys

import typer

from groundup.commands.common import Reference, Refusal, begin
from groundup.stages import ROOT, STAGES

NOTEBOOK = ROOT / "groundup" / "notebooks" / "cost.py"


def explore(context: typer.Context, reference: Reference = "") -> None:
    """See what a training step should cost: sliders for its shape, on the device you choose.

    Other options go to marimo run, as in --headless --port 2718.
    """
    if importlib.util.find_spec("marimo") is None:
        raise Refusal('groundup explore needs marimo; run pip install -e ".[notebook]"')
    begin(reference, STAGES[7])
    _try_stage_08()
    sys.argv[:] = ["marimo", "run", str(NOTEBOOK), *context.args]
    runpy.run_module("marimo", run_name="__main__", alter_sys=True)


def _try_stage_08() -> None:
    """What is not written yet is better told here than in every cell of the notebook."""
    from groundup.notebooks.expected import expected_cost
    from s04_transformer import ModelConfig
    from s08_benchmarking import DEVICES

    config = ModelConfig(
        vocab_size=8, context_length=8, d_model=8, num_layers=1, num_heads=2, d_ff=8
    )
    # Little memory, lest a search for the largest batch that goes one by one takes minutes.
    small = dataclasses.replace(DEVICES["rtx4090"], memory=2**20)
    expected_cost(config, 1, small, "float32", tokens=1)
