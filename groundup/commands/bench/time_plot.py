"""Time against the size of the text, a line for each library."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from groundup.atomic import replacing
from groundup.commands.bench.bpe_rounds import TextResult, Timing
from groundup.ticks import PLAIN, log_ticks

STYLES = {
    "ours": ("black", "-"),
    "tokenizers": ("tab:orange", "-"),
    "rustbpe": ("tab:blue", "-"),
    "tiktoken": ("tab:green", "-"),
    "tiktoken batch": ("tab:green", "--"),
    "tokenizers batch": ("tab:orange", "--"),
    "rustbpe batch": ("tab:blue", "--"),
}


def draw_times(results: list[TextResult], out: Path, *, title: str) -> None:
    """Write a PNG; `results` are of texts of growing size."""
    with replacing(out) as unfinished:
        times_figure(results, title=title).savefig(unfinished, format="png", dpi=120)


def times_figure(results: list[TextResult], *, title: str) -> Figure:
    figure = Figure(figsize=(12, 4.5), layout="constrained")
    figure.suptitle(title)
    left, right = figure.subplots(1, 2)
    _draw(left, "training", [result.training for result in results])
    _draw(right, "encoding", [result.encoding for result in results])
    left.set_ylabel("seconds (median)")
    return figure


def _draw(axes: Axes, task: str, by_size: list[list[Timing]]) -> None:
    sizes = [timings[0].num_bytes / 1e6 for timings in by_size]
    lines = zip(*by_size, strict=True)  # one library at all sizes
    for line in sorted(lines, key=lambda line: -line[-1].median):  # as they end, top to bottom
        color, style = STYLES[line[0].library]
        axes.plot(
            sizes,
            [timing.median for timing in line],
            style,
            color=color,
            marker="o",
            lw=2.5 if line[0].library == "ours" else 1.5,
            label=line[0].library,
        )
    axes.set(title=task, xlabel="size of the text (MB)", xscale="log", yscale="log")
    axes.set_xticks(sizes, [f"{size:.3g}" for size in sizes])
    axes.xaxis.set_minor_locator(NullLocator())
    log_ticks(axes.yaxis, PLAIN)
    axes.grid(alpha=0.3)
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
