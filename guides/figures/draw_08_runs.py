"""Draws the sweep and the ablations of guide 08 from the results that the commands recorded."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

from groundup.commands.sweep import figures  # noqa: E402
from groundup.commands.sweep.results import load  # noqa: E402
from groundup.commands.sweep.summary import by_setting  # noqa: E402

HERE = Path(__file__).parent


def main() -> None:
    sweep = by_setting(load(HERE / "08_sweep.jsonl"))
    ablations = by_setting(load(HERE / "08_ablations.jsonl"))
    drawn = {
        "08_sweep": figures.against_figure(sweep, "max_lr"),
        "08_sweep_curves": figures.curves_figure(sweep),
        "08_ablations": figures.finals_figure(ablations),
    }
    for name, figure in drawn.items():
        figure.savefig(HERE / f"{name}.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
