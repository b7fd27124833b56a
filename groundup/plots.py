"""The loss curve of a run, drawn from its metrics."""

import json
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, ScalarFormatter

from groundup.atomic import replacing
from groundup.ticks import log_ticks


def draw_loss_curve(metrics: Path, out: Path, *, title: str, floor: float | None) -> None:
    """Draw the curve of a `metrics.jsonl`, as stage 06 writes it, to a PNG."""
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    with replacing(out) as unfinished:
        loss_curve(lines, title=title, floor=floor).savefig(unfinished, format="png", dpi=120)


def loss_curve(lines: list[dict[str, float]], *, title: str, floor: float | None) -> Figure:
    """Training and validation loss against tokens, with the entropy floor if it is known."""
    evaluated = [line for line in lines if "valid_loss" in line]
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.add_subplot()
    tokens = [line["tokens"] for line in lines]
    axes.plot(tokens, [line["train_loss"] for line in lines], lw=1, alpha=0.6, label="training")
    axes.plot(
        [line["tokens"] for line in evaluated],
        [line["valid_loss"] for line in evaluated],
        marker="o",
        label="validation",
    )
    if floor is not None:
        axes.axhline(floor, color="black", ls="--", lw=1, label=f"entropy floor {floor:.3f}")
    # A model begins near ln(vocabulary) and ends near the floor; logarithms show both.
    axes.set_yscale("log")
    log_ticks(axes.yaxis, ScalarFormatter(), subs=(1, 1.5, 2, 3, 4, 5, 7))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set(title=title, xlabel="tokens trained on", ylabel="loss (nats per token)")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper right")
    return figure
