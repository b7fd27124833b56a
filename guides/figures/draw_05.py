"""Draw 05_schedule_and_correction.svg: the learning rate, and how large the first updates are."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

FOLDER = Path(__file__).parent
BLUE, RED, GREY = "#1f5fa8", "#c0392b", "#666666"


def draw_schedule(axes: Axes) -> None:
    max_lr, min_lr, warmup, total = 1e-3, 1e-4, 100, 1000
    steps = np.arange(1201)
    progress = np.clip((steps - warmup) / (total - warmup), 0, 1)
    cosine = min_lr + 0.5 * (max_lr - min_lr) * (1 + np.cos(np.pi * progress))
    axes.plot(steps, np.where(steps < warmup, max_lr * steps / warmup, cosine), color=BLUE)
    for step, text in ((warmup, "warmup_steps"), (total, "total_steps")):
        axes.axvline(step, color=GREY, linewidth=0.8, linestyle=":")
        axes.text(step + 12, 0.53e-3, text, color=GREY, rotation=90, va="center", fontsize=8)
    axes.set_yticks([0, min_lr, max_lr], ["0", "min_lr", "max_lr"])
    axes.set_xlabel("step")
    axes.set_title("cosine_schedule", fontsize=10)


def draw_correction(axes: Axes) -> None:
    """With a constant gradient, m = (1 - β₁ᵗ) g and v = (1 - β₂ᵗ) g²."""
    steps = np.arange(1, 41)
    size = (1 - 0.9**steps) / np.sqrt(1 - 0.999**steps)
    axes.plot(steps, size, "o-", markersize=3, color=RED, label="m / √v")
    axes.plot(steps, np.ones(40), "o-", markersize=3, color=BLUE, label="m̂ / √v̂, corrected")
    axes.set_ylim(0, 8)
    axes.set_xlabel("step t")
    axes.set_ylabel("size of the update, in units of lr")
    axes.set_title("constant gradient, betas (0.9, 0.999)", fontsize=10)
    axes.legend(frameon=False, fontsize=8)


def main() -> None:
    plt.rcParams.update({"svg.hashsalt": "groundup", "font.size": 9})
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3), facecolor="white")
    draw_schedule(left)
    draw_correction(right)
    for axes in (left, right):
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(FOLDER / "05_schedule_and_correction.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
