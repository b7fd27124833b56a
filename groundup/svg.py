"""matplotlib's figures as part of a page: inline SVG in the colours and the font of the page."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# matplotlib knows no CSS: each of these stands for a variable, which may differ in the dark.
INK, QUIET, LINES, PAPER = "#010001", "#010002", "#010003", "#010004"
SERIES = tuple(f"#0200{number:02x}" for number in range(8))
VARIABLES = {INK: "ink", QUIET: "quiet", LINES: "lines", PAPER: "paper"}
VARIABLES |= {color: f"series-{number}" for number, color in enumerate(SERIES)}

STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "groundup",
    "font.family": "sans-serif",
    "font.size": 12.0,
    "text.parse_math": False,
    "text.color": INK,
    "axes.titlesize": 12.0,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": LINES,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "grid.color": LINES,
    "grid.linewidth": 0.6,
    "lines.linewidth": 1.6,
}

LIGHT = """--paper: #fdfdfb; --ink: #1c1e21; --quiet: #5d636b; --lines: #d5d8dc; --shade: #f1f2f0;
--series-0: #0b62a8; --series-1: #c2410c; --series-2: #0f7a4f; --series-3: #8b3fa8;
--series-4: #946200; --series-5: #0e7490; --series-6: #be185d; --series-7: #525a66;"""
DARK = """--paper: #15171a; --ink: #e9eaec; --quiet: #a4abb5; --lines: #3a3f46; --shade: #1f2226;
--series-0: #6db3f2; --series-1: #ff9a62; --series-2: #5fd09b; --series-3: #d69af0;
--series-4: #e6bb4f; --series-5: #5cc9e0; --series-6: #f78fb8; --series-7: #b4bcc8;"""


@contextmanager
def page_style() -> Iterator[None]:
    with matplotlib.rc_context(STYLE):
        yield


def new_figure(width: int, height: int) -> tuple[Figure, Axes]:
    """Of so many pixels in a page that has room for them."""
    figure = Figure(figsize=(width / 72, height / 72), layout="constrained", facecolor="none")
    axes = figure.add_subplot(facecolor="none")
    axes.grid(True, axis="both")
    return figure, axes


def inline_svg(figure: Figure, *, name: str, title: str) -> str:
    """The figure as an element; `name` keeps its ids apart from those of the page's other figures,
    `title` is what a screen reader says and a mouse shows."""
    buffer = io.StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", text)
    text = re.sub(r"<defs>\s*<style.*?</defs>|font-family: [^;\"]*; ?", "", text, flags=re.DOTALL)
    for color, variable in VARIABLES.items():
        text = text.replace(color, f"var(--{variable})")
    label = f'role="img" aria-labelledby="{name}-title"'
    head, tail = text.split(">", 1)
    return f'{head} {label}>\n <title id="{name}-title">{escape(title)}</title>{tail}'
