"""Draws the ladder of guide 01 from the seconds that measure_01.py recorded."""

import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import NullFormatter  # noqa: E402

HERE = Path(__file__).parent


def draw(axes: plt.Axes, title: str, seconds: dict[str, float]) -> None:
    names = list(seconds)
    axes.barh(names, list(seconds.values()), color="#cfe0f5", edgecolor="#1f5fa8", height=0.6)
    for row, taken in enumerate(seconds.values()):
        axes.text(taken, row, f" {taken:.2g} s", va="center")
    axes.set(xscale="log", xlabel="seconds", title=title)
    axes.set_xlim(0.02, max(seconds.values()) * 6)
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    found = json.loads((HERE / "01_ladder.json").read_text(encoding="utf-8"))
    whole = f"all {found['megabytes']:g} MB"
    figure, (few, many, encode) = plt.subplots(1, 3, figsize=(11, 2.6), layout="constrained")
    draw(few, "train: 100 merges of 1 MB", found["few"])
    draw(many, f"train: 9,743 merges of {whole}", found["many"])
    draw(encode, f"encode {whole}", found["encode"])
    figure.savefig(HERE / "01_ladder.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
