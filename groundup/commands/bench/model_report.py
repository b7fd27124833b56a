"""The points of `groundup bench model` as a table, and how far off the predictions are."""

import statistics
from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]

HEAD = (
    *("width", "depth", "context", "batch", "dtype", "attention"),
    *("predicted", "step ms (p10 to p90)", "forward/backward/optimizer", "first"),
    *("tokens/s", "MFU", "memory MB (predicted)"),
)


def lines(records: Sequence[Record]) -> list[str]:
    rows = [HEAD, *map(row, records)]
    widths = [max(len(cells[place]) for cells in rows) for place in range(len(HEAD))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()
        for cells in rows
    ]


def row(record: Record) -> tuple[str, ...]:
    point, predicted = record["point"], record["predicted"]
    shape = [str(point[name]) for name in ("width", "depth", "context", "batch")]
    compiled = "+compile" if point["compile"] else ""
    kind = [point["dtype"] + compiled, point["attention"]]
    seconds = predicted.get("seconds")
    expected = f"{seconds * 1e3:.1f}" if seconds else "-"
    memory = f"({predicted['peak_memory'] / 1e6:.0f})"
    if "error" in record:
        return (*shape, *kind, expected, record["error"], *"----", memory)
    found = record["measured"]
    step, split = found["step"], found["split"]
    return (
        *(*shape, *kind, expected),
        f"{step['median'] * 1e3:.1f} ({step['p10'] * 1e3:.1f} to {step['p90'] * 1e3:.1f})",
        "/".join(f"{part * 1e3:.1f}" for part in split.values()),
        f"{found['first'] * 1e3:.0f}",
        f"{found['tokens_per_second']:,.0f}",
        f"{found['mfu']:.0%}" if "mfu" in found else "-",
        f"{found['peak_memory'] / 1e6:.0f} {memory}",
    )


def summary(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Measured over predicted: of time for each kind of attention, and of memory. And whether the
    phases add up to the step, which was timed by itself: they do, but for waiting thrice."""
    rows = []
    measured = [each for each in records if "measured" in each]
    for kind in sorted({each["point"]["attention"] for each in measured}, reverse=True):
        these = [each for each in measured if each["point"]["attention"] == kind]
        ratios = [r["measured"]["step"]["median"] / s for r in these if (s := _seconds(r))]
        rows.append((f"step, measured ÷ predicted, attention {kind}", spread(ratios)))
    parts = [sum(each["measured"]["split"].values()) / each["measured"]["step"]["median"]
             for each in measured]  # fmt: skip
    rows.append(("forward + backward + optimizer, one by one ÷ step", spread(parts)))
    own = [each["measured"]["peak_memory"] / each["predicted"]["peak_memory"] for each in measured
           if each["point"]["attention"] == "own" and not each["point"]["compile"]]  # fmt: skip
    rows.append(("peak memory, measured ÷ predicted, own and eager", spread(own)))
    rows.append(
        ("points, of which not measured", f"{len(records)}, {len(records) - len(measured)}")
    )
    return rows


def _seconds(record: Record) -> float | None:
    return record["predicted"].get("seconds")


def spread(ratios: Sequence[float]) -> str:
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
