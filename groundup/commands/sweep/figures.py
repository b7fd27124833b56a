"""The pictures of a sweep: loss against a field, and loss curves, with the floor in both."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from groundup.atomic import replacing
from groundup.commands.sweep.grid import shown_value
from groundup.commands.sweep.summary import Setting, other_values
from groundup.ticks import PLAIN, log_ticks

LOSS = "validation loss (nats per token)"
SIZE = (8, 4.5)


def draw(settings: Sequence[Setting], folder: Path, *, field: str | None) -> list[Path]:
    """Write the PNGs of a sweep over `field`, or of models side by side."""
    by_model = finals_figure(settings) if field is None else against_figure(settings, field)
    figures = {"curves.png": curves_figure(settings), "loss.png": by_model}
    for name, figure in figures.items():
        with replacing(folder / name) as unfinished:
            figure.savefig(unfinished, format="png", dpi=120)
    return [folder / name for name in figures]


def against_figure(settings: Sequence[Setting], field: str) -> Figure:
    """Loss against the values of `field`: a point for each seed, a line through the means."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    places = _places(axes, settings, field)
    lines: dict[str, list[Setting]] = {}
    for setting in settings:
        lines.setdefault(other_values(setting, field), []).append(setting)
    for number, (others, line) in enumerate(lines.items()):
        _draw_line(axes, [(places[_key(s, field)], s) for s in line], f"C{number}", others)
    _finish(axes, settings, legend=True)
    axes.set(xlabel=field, ylabel=LOSS)
    return figure


def _key(setting: Setting, field: str) -> str:
    return shown_value(setting.values[field])


def _places(axes: Axes, settings: Sequence[Setting], field: str) -> dict[str, float]:
    """Where each value stands: at itself on a logarithmic axis, or side by side."""
    values = {_key(setting, field): setting.values[field] for setting in settings}
    if all(isinstance(value, int | float) and value > 0 for value in values.values()):
        axes.set_xscale("log")
        places = {text: float(value) for text, value in values.items()}
    else:
        places = {text: float(place) for place, text in enumerate(values)}
    axes.set_xticks(list(places.values()), list(places))
    axes.xaxis.set_minor_locator(NullLocator())
    return places


def _draw_line(axes: Axes, line: list[tuple[float, Setting]], color: str, others: str) -> None:
    line = sorted(line, key=lambda pair: pair[0])
    trained = [(place, setting) for place, setting in line if setting.losses]
    points = [(place, loss) for place, setting in trained for loss in setting.losses]
    axes.plot(*_columns(points), "o", color=color, ms=5, alpha=0.6, label=_name("a seed", others))
    means = [(place, setting.mean) for place, setting in trained]
    axes.plot(*_columns(means), "-", color=color, label=_name("mean", others))
    diverged = [place for place, setting in line if setting.diverged]
    if diverged:
        # In data coordinates along x, at the top of the picture along y.
        axes.plot(
            diverged, [0.97] * len(diverged), "x", color=color, ms=9, mew=2,
            transform=axes.get_xaxis_transform(), label=_name("diverged", others),
        )  # fmt: skip


def _name(what: str, others: str) -> str:
    return f"{others}: {what}" if others else what


def _columns(pairs: Sequence[Sequence[float]]) -> tuple[list[float], list[float]]:
    return [x for x, _y in pairs], [y for _x, y in pairs]


def curves_figure(settings: Sequence[Setting]) -> Figure:
    """Validation loss against tokens: a thin line for each seed, a cross where one diverged."""
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    colors = _colors(len(settings))
    for color, setting in zip(colors, settings, strict=True):
        for number, run in enumerate(setting.runs):
            label = setting.label if number == 0 else None
            tokens, losses = _columns(run.curve)
            axes.plot(tokens, losses, color=color, lw=1.2, alpha=0.8, label=label)
            if run.diverged and run.curve:
                axes.plot(tokens[-1:], losses[-1:], "x", color=color, ms=8, mew=2)
    _finish(axes, settings, legend=False)
    axes.set(xlabel="tokens trained on", ylabel=LOSS)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tokens, _position: f"{tokens:,.0f}"))
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False, fontsize=9)
    return figure


def finals_figure(settings: Sequence[Setting]) -> Figure:
    """The last loss of each model: a point for each seed, a line at the mean."""
    figure = Figure(figsize=(SIZE[0], 1.2 + 0.4 * len(settings)), layout="constrained")
    axes = figure.add_subplot()
    for row, setting in enumerate(settings):
        points = list(setting.losses)
        axes.plot(points, [row] * len(points), "o", color="C0", ms=6, alpha=0.6)
        if points:
            axes.plot([setting.mean], [row], "|", color="black", ms=16, mew=1.5)
        else:
            axes.text(0.97, row, "diverged", transform=axes.get_yaxis_transform(), ha="right")
    floor = settings[0].runs[0].floor
    if floor is not None:
        axes.axvline(floor, color="black", ls="--", lw=1)
        axes.text(floor, -0.7, f" entropy floor {floor:.3f}", fontsize=9)
    axes.set_yticks(range(len(settings)), [setting.label for setting in settings])
    axes.set(xlabel=LOSS, ylim=(len(settings) - 0.5, -1))
    axes.grid(alpha=0.3)
    return figure


def _colors(count: int) -> list[Any]:
    if count <= 10:
        return [f"C{number}" for number in range(count)]
    return [colormaps["viridis"](number / (count - 1)) for number in range(count)]


def _finish(axes: Axes, settings: Sequence[Setting], *, legend: bool) -> None:
    floor = settings[0].runs[0].floor
    if floor is not None:
        axes.axhline(floor, color="black", ls="--", lw=1, label=f"entropy floor {floor:.3f}")
    axes.set_yscale("log")
    log_ticks(axes.yaxis, PLAIN, subs=(1, 2, 3, 5))
    axes.grid(alpha=0.3)
    if legend:
        axes.legend(loc="best", fontsize=9)
