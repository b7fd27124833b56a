"""Ticks of logarithmic axes: numbers that can be read, few enough not to overlap."""

from collections.abc import Sequence

from matplotlib.axis import Axis
from matplotlib.ticker import Formatter, FuncFormatter, LogLocator, NullFormatter

PLAIN = FuncFormatter(lambda value, _position: f"{value:g}")


def log_ticks(axis: Axis, formatter: Formatter, subs: Sequence[float] = (1, 2, 5)) -> None:
    """Number the multiples `subs` of each power of ten, and nothing between."""
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(formatter)
    axis.set_minor_formatter(NullFormatter())
