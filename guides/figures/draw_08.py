"""Draws the figures of guide 08: where a step's FLOP and time go, and why one must synchronise."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
from matplotlib.ticker import PercentFormatter  # noqa: E402

from groundup import reference  # noqa: E402

reference.activate(reference.parse("4,8,2,3"))

from s04_transformer import ModelConfig  # noqa: E402
from s08_benchmarking import DEVICES, forward_flops, predict_step  # noqa: E402

HERE = Path(__file__).parent
CONFIG = ModelConfig(
    vocab_size=10_000, context_length=256, d_model=512, num_layers=4, num_heads=16, d_ff=1344
)
BATCH, SEQ = 32, 256
GROUPS = {
    "q, k, v": ("q_proj", "k_proj", "v_proj"),
    "scores": ("scores",),
    "weighted values": ("weighted_values",),
    "o": ("o_proj",),
    "feed-forward": ("ffn",),
    "lm_head": ("lm_head",),
    "elementwise": ("elementwise",),
    "optimizer": ("optimizer",),
}
BLUE, ORANGE, GREY = "#1f5fa8", "#c1440e", "#999999"


def shares(amounts: dict[str, float]) -> list[float]:
    total = sum(amounts.values())
    return [sum(amounts.get(name, 0) for name in names) / total for names in GROUPS.values()]


def draw_shares(axes: plt.Axes) -> None:
    """For each group of operations, its share of the FLOP and of the predicted seconds."""
    flops = shares(forward_flops(CONFIG, BATCH, SEQ))
    seconds = shares(predict_step(CONFIG, BATCH, SEQ, DEVICES["rtx4090"], "bfloat16").seconds)
    places = range(len(GROUPS))
    axes.barh([p - 0.2 for p in places], flops, 0.38, color=BLUE, label="of the FLOP")
    axes.barh([p + 0.2 for p in places], seconds, 0.38, color=ORANGE, label="of the least time")
    for place, *pair in zip(places, flops, seconds, strict=True):
        for share, offset in zip(pair, (-0.2, 0.2), strict=True):
            axes.text(share + 0.006, place + offset, f"{share:.0%}", va="center", fontsize=8)
    axes.set_yticks(list(places), list(GROUPS))
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set(title="Shares of a training step", xlim=(0, 0.52))
    axes.legend(frameon=False, loc="lower right")


def draw_roofline(axes: plt.Axes) -> None:
    """FLOP/s that a product can reach, over the FLOP it does for each byte it moves."""
    device, dtype = DEVICES["rtx4090"], "bfloat16"
    peak, ridge = device.peak_flops[dtype], device.peak_flops[dtype] / device.bandwidth
    axes.loglog([2, ridge, 2000], [2 * device.bandwidth, peak, peak], color=GREY)
    axes.axvline(ridge, color=GREY, linestyle=":", linewidth=1)
    axes.text(ridge * 1.08, 2.6e12, f"{ridge:.0f} FLOP/byte", fontsize=8, color="#555555")
    flops = forward_flops(CONFIG, BATCH, SEQ)
    seconds = predict_step(CONFIG, BATCH, SEQ, device, dtype).seconds
    for label, (name, *_) in list(GROUPS.items())[:6]:
        if label == "o":
            continue  # the same place as q, k, v
        reached = 3 * flops[name] / seconds[name]
        intensity = flop_per_byte(name)
        axes.plot(intensity, reached, "o", color=BLUE if reached > 0.99 * peak else ORANGE)
        if label == "weighted values":
            continue  # the same place as the scores
        text = {"scores": "scores,\nweighted values", "q, k, v": "q, k, v, o"}.get(label, label)
        places = {"scores": (-6, -24), "q, k, v": (-12, -32), "feed-forward": (-16, 14)}
        axes.annotate(
            text, (intensity, reached), places.get(label, (8, -18)), textcoords="offset points",
            fontsize=8, arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.8},
        )  # fmt: skip
    axes.set(
        title="Under the roof of an RTX 4090, bfloat16",
        xlabel="FLOP for each byte moved",
        ylabel="FLOP/s it can reach",
        ylim=(2e12, 4e14),
    )


def flop_per_byte(name: str) -> float:
    """From a device whose peak never binds: its seconds are bytes."""
    device = DEVICES["rtx4090"]
    endless = type(device)(name="", peak_flops={"bfloat16": 1e40}, bandwidth=1.0, source="")
    moved = predict_step(CONFIG, BATCH, SEQ, endless, "bfloat16").seconds[name]
    return 3 * forward_flops(CONFIG, BATCH, SEQ)[name] / moved


def draw_timeline(axes: plt.Axes) -> None:
    """Python queues three steps in 1 ms each; the device works 5 ms on each."""
    for step in range(3):
        axes.barh(1, 0.9, left=step, color=BLUE, height=0.5)
        axes.barh(0, 4.9, left=0.5 + 5 * step, color=ORANGE, height=0.5)
        axes.text(step + 0.45, 1, str(step + 1), ha="center", va="center", color="white")
        axes.text(3 + 5 * step, 0, str(step + 1), ha="center", va="center", color="white")
    for moment, text in ((3.0, "clock without\nsynchronize"), (15.5, "clock after\nsynchronize")):
        axes.axvline(moment, color="#333333", linestyle=":", linewidth=1)
        axes.text(moment + 0.15, 1.42, text, va="bottom", fontsize=8)
    axes.set_yticks([1, 0], ["Python queues", "the device works"])
    axes.set(xlabel="milliseconds", xlim=(0, 18), ylim=(-0.5, 2.3))
    axes.set_title("Three steps of 5 ms, seen by two clocks")


def save(figure: plt.Figure, name: str) -> None:
    figure.savefig(HERE / name, metadata={"Date": None})
    plt.close(figure)


def main() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4), layout="constrained")
    draw_shares(left)
    draw_roofline(right)
    save(figure, "08_where_a_step_goes.svg")
    figure, axes = plt.subplots(figsize=(9, 2.4), layout="constrained")
    draw_timeline(axes)
    save(figure, "08_two_clocks.svg")


if __name__ == "__main__":
    main()
