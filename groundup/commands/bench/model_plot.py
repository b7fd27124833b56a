"""Four pictures of `groundup bench model`: time, roofline, utilisation, memory."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from groundup.atomic import replacing
from groundup.ticks import PLAIN, log_ticks

Record = dict[str, Any]
COLORS = {"own": "#1f5fa8", "fused": "#c1440e"}
DTYPES = {"float32": "o", "bfloat16": "s"}
GREY = "#999999"


def draw(records: Sequence[Record], limits: Any, out: Path, *, title: str) -> None:
    """Write `out` with the endings .png and .svg."""
    drawn = figure([each for each in records if "measured" in each], limits, title=title)
    with replacing(out.with_suffix(".png")) as unfinished:
        drawn.savefig(unfinished, format="png", dpi=120)
    with replacing(out.with_suffix(".svg")) as unfinished:
        drawn.savefig(unfinished, format="svg", metadata={"Date": None})


def figure(records: Sequence[Record], limits: Any, *, title: str) -> Figure:
    whole = Figure(figsize=(10, 7.5), layout="constrained")
    whole.suptitle(title)
    (time, roof), (use, memory) = whole.subplots(2, 2)
    known = [each for each in records if "seconds" in each["predicted"]]
    _dots(time, known, lambda each: (each["predicted"]["seconds"] * 1e3, _seconds(each) * 1e3))
    _diagonal(time)
    time.set(title="Time of a step (ms)", xlabel="predicted by the roofline", ylabel="measured")
    _roof(roof, known, limits)
    _dots(use, known, lambda each: (_tokens(each), each["measured"]["mfu"]))
    use.set(title="Model FLOPs utilisation", xlabel="tokens in a step", xscale="log")
    use.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    use.set_ylim(bottom=0)
    _dots(
        memory,
        records,
        lambda each: (
            each["predicted"]["peak_memory"] / 1e6,
            each["measured"]["peak_memory"] / 1e6,
        ),
    )
    _diagonal(memory)
    memory.set(title="Peak memory (MB)", xlabel="predicted for own attention", ylabel="measured")
    for axes in (time, roof, use, memory):
        axes.grid(alpha=0.3)
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                log_ticks(axis, EngFormatter(sep="") if axis is roof.yaxis else PLAIN)
    memory.legend(frameon=False, loc="upper left")
    return whole


def _seconds(record: Record) -> float:
    return record["measured"]["step"]["median"]


def _tokens(record: Record) -> int:
    return record["point"]["batch"] * record["point"]["context"]


def _dots(
    axes: Axes, records: Sequence[Record], place: Callable[[Record], tuple[float, float]]
) -> None:
    for attention, color in COLORS.items():
        for dtype, marker in DTYPES.items():
            kind = (attention, dtype)
            these = [r for r in records if (r["point"]["attention"], r["point"]["dtype"]) == kind]
            if these:
                label = f"{attention} attention, {dtype}"
                axes.plot(*zip(*map(place, these), strict=True), marker, color=color, label=label)


def _diagonal(axes: Axes) -> None:
    """As predicted lies on the line, slower or larger above it."""
    axes.set(xscale="log", yscale="log")
    ends = [
        min(axes.get_xlim()[0], axes.get_ylim()[0]),
        max(axes.get_xlim()[1], axes.get_ylim()[1]),
    ]
    axes.plot(ends, ends, color=GREY, lw=1)


def _roof(axes: Axes, records: Sequence[Record], limits: Any) -> None:
    """FLOP/s of whole steps over the FLOP their products do for each byte they move."""
    intensities = [_intensity(record) for record in records]
    for dtype, peak in limits.peak_flops.items():
        ridge = peak / limits.bandwidth
        left, right = min([ridge / 4, *intensities]), max([ridge * 4, *intensities])
        axes.plot([left, ridge, right], [left * limits.bandwidth, peak, peak], color=GREY)
        axes.annotate(dtype, (right, peak), (-4, -12), textcoords="offset points", ha="right")
    _dots(
        axes, records, lambda each: (_intensity(each), each["predicted"]["flops"] / _seconds(each))
    )
    axes.set(title="Whole steps under the roof", xlabel="FLOP for each byte of the products")
    axes.set(ylabel="FLOP/s", xscale="log", yscale="log")


def _intensity(record: Record) -> float:
    return record["predicted"]["flops"] / record["predicted"]["product_bytes"]
