"""The pictures of a report. The names of the colours stand in the page, beside the runs' names."""

import math
from collections.abc import Iterator
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import EngFormatter

from groundup.commands.report.runs import Line, Run
from groundup.svg import INK, SERIES, inline_svg, new_figure, page_style
from groundup.ticks import PLAIN, log_ticks

STYLES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 2, 1, 2)))


def looks(runs: list[Run]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """How each run's curves look: a colour of its own, and other dashes once all are used."""
    for number, run in enumerate(runs):
        turn, color = divmod(number, len(SERIES))
        yield run, {"color": SERIES[color], "ls": STYLES[turn % len(STYLES)]}


def loss_chart(runs: list[Run], width: int, height: int) -> str:
    """Validation losses as lines with dots, training losses faint, the floors dashed."""
    with page_style():
        figure, axes = new_figure(width, height)
        for number, (run, look) in enumerate(looks(runs)):
            tokens, losses = _curve(run.lines, "train_loss")
            axes.plot(tokens, losses, **look, lw=1, alpha=0.45, gid=f"train-{number}")
            tokens, losses = _curve(run.evaluated, "valid_loss")
            axes.plot(tokens, losses, **look, marker="o", ms=3.5, gid=f"valid-{number}")
        for floor in sorted({run.floor for run in runs if run.floor}):
            axes.axhline(floor, color=INK, ls=(0, (4, 3)), lw=1, gid="floor")
            axes.annotate(
                f"entropy floor {floor:.4f}", (1, floor), (0, 4), ha="right",
                xycoords=("axes fraction", "data"), textcoords="offset points",
            )  # fmt: skip
        _logarithmic(axes)
        _label(axes, "loss (nats per token)")
        title = "Training and validation loss against tokens trained on: " + _names(runs)
        return inline_svg(figure, name=f"loss-{width}", title=title)


def lr_chart(runs: list[Run], width: int, height: int) -> str:
    with page_style():
        figure, axes = new_figure(width, height)
        for number, (run, look) in enumerate(looks(runs)):
            axes.plot(*_curve(run.lines, "lr"), **look, gid=f"lr-{number}")
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PLAIN)
        _label(axes, "learning rate")
        return inline_svg(figure, name="lr", title="Learning rate: " + _names(runs))


def norm_chart(runs: list[Run], width: int, height: int) -> str:
    with page_style():
        figure, axes = new_figure(width, height)
        for number, (run, look) in enumerate(looks(runs)):
            axes.plot(*_curve(run.lines, "grad_norm"), **look, lw=1, gid=f"norm-{number}")
        limits = sorted({limit for run in runs if (limit := run.config.get("max_grad_norm"))})
        for limit in limits:
            axes.axhline(limit, color=INK, ls=(0, (4, 3)), lw=1)
        dashed = f" (dashed: clipped to {', '.join(f'{limit:g}' for limit in limits)})"
        _logarithmic(axes)
        _label(axes, "gradient norm" + (dashed if limits else ""))
        return inline_svg(figure, name="norm", title="Norm of the gradient: " + _names(runs))


def _curve(lines: list[Line], field: str) -> tuple[list[float], list[float]]:
    return [line["tokens"] for line in lines], [line[field] for line in lines]


def _names(runs: list[Run]) -> str:
    return ", ".join(run.name for run in runs)


def _label(axes: Axes, quantity: str) -> None:
    axes.set_title(quantity, loc="left")
    axes.set_xlabel("tokens trained on")
    axes.xaxis.set_major_formatter(EngFormatter(sep=" "))


def _logarithmic(axes: Axes) -> None:
    """A loss begins near ln(vocabulary) and ends near the floor; logarithms show both."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    wide = math.log10(high / low) > 0.8
    log_ticks(axes.yaxis, PLAIN, subs=(1, 2, 5) if wide else range(1, 10))
