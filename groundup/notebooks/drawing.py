"""The pictures of the notebook: numbers, bars and the roofline, in the page's colours."""

from collections.abc import Callable, Mapping
from html import escape

from matplotlib.ticker import EngFormatter

from groundup.notebooks.expected import Cost
from groundup.svg import (
    DARK,
    INK,
    LIGHT,
    QUIET,
    SERIES,
    inline_svg,
    new_figure,
    page_style,
)
from groundup.ticks import log_ticks
from s08_benchmarking import Device

STYLE = """
.cost { color: var(--ink); font-size: .95rem; line-height: 1.5; }
.cost h3 { font-size: 1rem; margin: 1.2rem 0 .4rem; }
.cost .over { color: var(--series-1); font-weight: 600; }
.cost dl { display: flex; flex-wrap: wrap; gap: .75rem 2.5rem; margin: 0; }
.cost dt { color: var(--quiet); font-size: .85rem; }
.cost dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums; }
.cost .bar { position: relative; display: flex; height: 1.6rem; background: var(--shade); }
.cost .limit { position: absolute; top: -.3rem; bottom: -.3rem; border-left: 2px solid var(--ink); }
.cost ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0;
  margin: .5rem 0 0; font-size: .85rem; font-variant-numeric: tabular-nums; }
.cost li span { display: inline-block; width: .8em; height: .8em; margin-right: .4em; }
.cost svg { width: 100%; height: auto; }
"""


def framed(html: str, theme: str) -> str:
    """With the colours of a theme, "light" or "dark"."""
    colors = DARK if theme == "dark" else LIGHT
    return (
        f'<style>{STYLE}</style><div class="cost" style="{" ".join(colors.split())}">{html}</div>'
    )


def summary(cost: Cost, device: Device) -> str:
    """The numbers, what fills the memory, and where the time goes."""
    memory = sum(cost.memory.values())
    numbers = {
        "parameters": f"{cost.parameters:,}",
        "FLOP a step": EngFormatter(places=1, sep=" ")(cost.flops),
        "a step, at least": as_seconds(cost.total),
        "tokens per second, at most": f"{cost.tokens_per_second:,.0f}",
        "utilisation, at most": f"{cost.utilisation:.0%}",
        "memory": as_bytes(memory),
        "hours for all tokens, at least": f"{cost.budget.seconds / 3600:,.2f}",
        "price of them, at least": f"{cost.budget.cost:,.2f}",
    }
    if cost.largest_batch is not None:
        numbers["largest batch"] = f"{cost.largest_batch:,}"
    listed = "".join(
        f'<div><dt>{name}</dt><dd data-number="{name}">{value}</dd></div>'
        for name, value in numbers.items()
    )
    fits = "its memory is not known"
    if device.memory is not None:
        over = memory > device.memory
        share = f"{memory / device.memory:.0%} of {as_bytes(device.memory)}"
        fits = f'<span class="over">{share}: it does not fit</span>' if over else share
    return (
        f"<dl>{listed}</dl><h3>Memory when it needs most, at the {cost.moment}: {fits}</h3>"
        f"{bar(cost.memory, as_bytes, device.memory)}"
        f"<h3>Time by operation</h3>{bar(cost.seconds, as_seconds)}"
    )


def roofline(cost: Cost, device: Device, dtype: str) -> str:
    """The roof of a device with the operations under it."""
    peak, bandwidth = device.peak_flops[dtype], device.bandwidth
    ridge = peak / bandwidth
    shown = [point.intensity for point in cost.points] + [ridge]
    low, high = min(shown) / 3, max(shown) * 4
    with page_style():
        figure, axes = new_figure(880, 400)
        axes.loglog([low, ridge, high], [low * bandwidth, peak, peak], color=INK, gid="roof")
        axes.axvline(ridge, color=QUIET, lw=0.8, ls=(0, (4, 3)))
        for number, point in enumerate(cost.points):
            # The colour that its first operation has in the bar of time.
            color = SERIES[list(cost.seconds).index(point.names[0]) % len(SERIES)]
            axes.plot(point.intensity, point.rate, "o", color=color, ms=8, gid=f"point-{number}")
            axes.annotate(
                ", ".join(point.names), (point.intensity, point.rate), (8, -8 - 16 * number),
                textcoords="offset points", va="top", color=color,
            )  # fmt: skip
        axes.set(xlim=(low, high), ylim=(low * bandwidth, peak * 2.5))
        axes.set_xlabel(f"FLOP for each byte moved (the roof turns at {ridge:,.0f})")
        axes.set_ylabel("FLOP/s")
        for axis in (axes.xaxis, axes.yaxis):
            log_ticks(axis, EngFormatter(sep=" "))
        title = f"Roofline of {device.name} in {dtype} with the operations of a training step"
        drawn = inline_svg(figure, name="roofline", title=title)
    return f"<h3>Roofline: memory decides left of the turn, arithmetic right of it</h3>{drawn}"


def bar(
    parts: Mapping[str, float], text: Callable[[float], str], limit: float | None = None
) -> str:
    """`parts` end to end, as HTML; at the limit there is a line, and what is beyond it shows."""
    whole = max(sum(parts.values()), limit or 0.0)
    colors = [_color(number) for number in range(len(parts))]
    label = escape(", ".join(f"{name} {text(value)}" for name, value in parts.items()))
    pieces = "".join(
        f'<div title="{escape(name)}: {text(value)}" '
        f'style="width: {value / whole:.4%}; background: {color}"></div>'
        for (name, value), color in zip(parts.items(), colors, strict=True)
    )
    keys = "".join(
        f'<li><span style="background: {color}"></span>{escape(name)} {text(value)}</li>'
        for (name, value), color in zip(parts.items(), colors, strict=True)
    )
    mark = f'<div class="limit" style="left: {limit / whole:.4%}"></div>' if limit else ""
    return f'<div class="bar" role="img" aria-label="{label}">{pieces}{mark}</div><ul>{keys}</ul>'


def _color(number: int) -> str:
    """Those of the figures, then paler ones."""
    turn, place = divmod(number, len(SERIES))
    color = f"var(--series-{place})"
    return f"color-mix(in srgb, {color} 50%, var(--paper))" if turn else color


def as_bytes(value: float) -> str:
    """In powers of 1024, as memory is sold: 24 GiB."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            return f"{value:.3g} {unit}" if value < 100 else f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:,.1f} TiB"


def as_seconds(value: float) -> str:
    """0.0123 -> 12.3 ms"""
    return EngFormatter("s", places=1, sep=" ")(value)
