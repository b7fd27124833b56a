"""Draws the figures of guide 07: what top-p keeps, and what a cache and a window hold."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402
from matplotlib.axes import Axes  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

from groundup import reference  # noqa: E402

reference.activate(reference.parse("2,3,4,7"))

from s07_decoding import KVCache, token_probabilities  # noqa: E402

HERE = Path(__file__).parent
BLUE, ORANGE, GREY, PALE = "#1f5fa8", "#c1440e", "#999999", "#dde6f0"
P = torch.tensor([0.05, 0.5, 0.12, 0.3, 0.03])
TOP_P = 0.6


def bars(axes: Axes, names: list[str], heights: list[float], colours: list[str]) -> None:
    axes.bar(names, heights, color=colours)
    for place, height in enumerate(heights):
        axes.annotate(f"{height:.3g}", (place, height), ha="center", va="bottom", fontsize=9)
    axes.set_ylim(0, 1.12)
    axes.spines[["top", "right"]].set_visible(False)


def draw_top_p() -> None:
    figure, (plain, ranked, kept) = plt.subplots(1, 3, figsize=(10, 3.2), layout="constrained")
    bars(plain, [f"id {i}" for i in range(5)], P.tolist(), [BLUE] * 5)
    plain.set_title("1. softmax, in the order of the ids", fontsize=10)

    order = P.argsort(descending=True)
    cumulative = P[order].cumsum(0)
    stays = cumulative - P[order] < TOP_P
    colours = [BLUE if stay else GREY for stay in stays]
    bars(ranked, [f"id {i}" for i in order.tolist()], cumulative.tolist(), colours)
    ranked.axhline(TOP_P, color=ORANGE, linestyle="--")
    ranked.annotate("top_p\n= 0.6", (0, TOP_P), color=ORANGE, va="bottom", ha="center", fontsize=9)
    ranked.set_title("2. ranked, and summed up from the left", fontsize=10)

    after = token_probabilities(P.log(), top_p=TOP_P).tolist()
    bars(kept, [f"id {i}" for i in range(5)], after, [BLUE] * 5)
    kept.set_title("3. what stays, back at its ids, sums to 1", fontsize=10)
    save(figure, "07_top_p")


def contents(steps: int) -> list[list[str]]:
    """The slots of two rows, prompts of 4 and 2 tokens, after a prefill and some steps.

    A real cache is filled: number n stands for token n of a row, -1 for padding.
    """
    cache = KVCache(2, 1, 8, 1)
    tokens = torch.tensor([[1.0, 2, 3, 4], [1, 2, -1, -1]])[:, None, :, None]
    keys, _, _ = cache.update(tokens, tokens, torch.arange(4))
    for step in range(steps):
        newest = torch.tensor([5.0 + step, 3 + step])[:, None, None, None]
        places = torch.tensor([[4 + step], [2 + step]])
        keys, _, _ = cache.update(newest, newest, places)
    names = {0.0: "", -1.0: "pad"}
    return [[names.get(value, f"{value:g}") for value in row] for row in keys[:, 0, :, 0].tolist()]


def draw_slots(axes: Axes) -> None:
    for moment, title in enumerate(("prefill", "step 1", "step 2")):
        for row, slots in enumerate(contents(moment)):
            top = -(moment * 2.9 + row)
            newest = (3 + moment if row == 0 else 1 + moment) if moment else None
            for place, text in enumerate(slots):
                colour = "white" if not text else GREY if text == "pad" else PALE
                if place == newest:
                    colour = ORANGE
                axes.add_patch(Rectangle((place, top), 1, 1, facecolor=colour, edgecolor="black"))
                axes.text(
                    place + 0.5, top + 0.5, text, ha="center", va="center",
                    color="white" if colour == ORANGE else "black", fontsize=9,
                )  # fmt: skip
            axes.text(-0.2, top + 0.5, f"row {row}", ha="right", va="center", fontsize=9)
        axes.text(0, -(moment * 2.9) + 1.15, title, fontsize=10)
    axes.set(xlim=(-1.6, 8.1), ylim=(-7.2, 1.8), aspect="equal")
    axes.set_title("slot = position: 0 to 7; orange is what the step feeds", fontsize=10)
    axes.axis("off")


def draw_window(axes: Axes, context: int = 8) -> None:
    sizes = list(range(1, context + 1))
    while len(sizes) < 25:
        sizes += range(context // 2, context + 1)
    sizes = sizes[:25]
    cuts = [n for n in range(1, 25) if sizes[n] < sizes[n - 1]]
    axes.bar(range(1, 26), sizes, color=[ORANGE if n in cuts else BLUE for n in range(25)])
    axes.set(xlabel="tokens in the row, prompt and new ones", ylabel="tokens in the window")
    axes.set_title("context_length 8: orange windows are fed whole", fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)


def draw_cache() -> None:
    figure, (slots, window) = plt.subplots(
        1, 2, figsize=(10, 4), layout="constrained", width_ratios=[1.1, 1]
    )
    draw_slots(slots)
    draw_window(window)
    save(figure, "07_cache")


def save(figure: plt.Figure, name: str) -> None:
    figure.savefig(HERE / f"{name}.svg", metadata={"Date": None}, facecolor="white")
    plt.close(figure)


if __name__ == "__main__":
    draw_top_p()
    draw_cache()
