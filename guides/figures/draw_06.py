"""Draw 06_window_and_resume.svg: a window of ids, and a run that is killed and goes on."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

FOLDER = Path(__file__).parent
BLUE, LIGHT, RED, GREY = "#1f5fa8", "#d6e4f5", "#c0392b", "#777777"
IDS = [17, 4, 92, 30, 8, 8, 51, 2, 66, 40, 13, 5]


def box(axes: Axes, x: float, y: float, text: str, face: str = "white", edge: str = GREY) -> None:
    axes.add_patch(Rectangle((x, y), 1, 0.8, facecolor=face, edgecolor=edge))
    axes.text(x + 0.5, y + 0.4, text, ha="center", va="center", fontsize=9)


def draw_window(axes: Axes) -> None:
    start, length = 3, 4
    for place, number in enumerate(IDS):
        inside = start <= place <= start + length
        box(axes, place, 2.6, str(number), LIGHT if inside else "white")
    for row, (name, shift) in enumerate((("inputs", 0), ("targets", 1))):
        y = 1.3 - 1.1 * row
        axes.text(start + shift - 0.2, y + 0.4, name, ha="right", va="center", fontsize=9)
        for place in range(start + shift, start + shift + length):
            box(axes, place, y, str(IDS[place]), LIGHT, BLUE)
    axes.text(0, 3.6, "the file", fontsize=9)
    axes.text(start, 3.6, f"start {start}, context_length {length}", fontsize=9, color=BLUE)
    axes.set(xlim=(-0.2, len(IDS) + 0.2), ylim=(0, 4.1))


def draw_run(axes: Axes) -> None:
    for step in range(1, 6):
        box(axes, step, 2.4, str(step), "white" if step < 4 else "#f6dcd8", GREY)
    axes.text(0.8, 2.8, "first start", ha="right", va="center", fontsize=9)
    axes.text(6.2, 2.8, "killed", color=RED, va="center", fontsize=9)
    for step in range(4, 7):
        box(axes, step, 0.6, str(step), LIGHT, BLUE)
    axes.text(0.8, 1.0, "second start", ha="right", va="center", fontsize=9)
    arrow = {"arrowstyle": "->", "color": BLUE}
    axes.annotate("", xy=(4, 1.0), xytext=(3.6, 2.4), arrowprops=arrow)
    axes.text(3.5, 1.7, "checkpoint.pt", ha="right", color=BLUE, fontsize=9)
    axes.text(4.1, 3.4, "lines cut off", color=RED, fontsize=9)
    axes.set(xlim=(-1.4, 7.6), ylim=(0, 4.1))


def main() -> None:
    plt.rcParams.update({"svg.hashsalt": "groundup", "font.size": 9})
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(9, 2.7), facecolor="white", gridspec_kw={"width_ratios": [12, 9]}
    )
    for axes, draw in ((left, draw_window), (right, draw_run)):
        draw(axes)
        axes.axis("off")
    figure.tight_layout()
    figure.savefig(FOLDER / "06_window_and_resume.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
