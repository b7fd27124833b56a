"""Draws the figure of guide 04: the block, and the stream through twelve of them at the start."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402

from groundup import reference  # noqa: E402

reference.activate(reference.parse("2,3,4"))
from s04_transformer import ModelConfig, TransformerLM  # noqa: E402

HERE = Path(__file__).parent
LAYERS = 12
COLORS = {"pre": "#1f5fa8", "post": "#2c8a4b", "none": "#c8641e"}
LABELS = {"pre": "pre-norm", "post": "post-norm", "none": "no norm"}


def draw_block(axes: plt.Axes) -> None:
    """The stream goes straight up; each sublayer reads from it and adds to it."""
    axes.annotate("", (0, 9.6), (0, -0.2), arrowprops={"arrowstyle": "->", "lw": 2.2})
    axes.text(0, -0.5, "x", ha="center", va="center")
    axes.text(-0.3, 9.3, "residual\nstream", ha="right", va="center", color="#555555", fontsize=8)
    for bottom, norm, sublayer in ((0.5, "attn_norm", "attn"), (5.1, "ffn_norm", "ffn")):
        draw_sublayer(axes, bottom, norm, sublayer)
    axes.set(xlim=(-2.4, 4.6), ylim=(-0.9, 9.9), title="A pre-norm block")
    axes.axis("off")


def draw_sublayer(axes: plt.Axes, bottom: float, norm: str, sublayer: str) -> None:
    arrow = {"arrowstyle": "->", "color": "#555555"}
    for height, name, color in ((0.7, norm, "#eeeeee"), (2.2, sublayer, "#cfe0f5")):
        box = plt.Rectangle((1.2, bottom + height), 2.6, 0.9, facecolor=color, edgecolor="#555555")
        axes.add_patch(box)
        axes.text(2.5, bottom + height + 0.45, name, ha="center", va="center", fontsize=9)
    axes.plot([0, 2.5], [bottom, bottom], color="#555555", lw=1)
    axes.annotate("", (2.5, bottom + 0.7), (2.5, bottom), arrowprops=arrow)
    axes.annotate("", (2.5, bottom + 2.2), (2.5, bottom + 1.6), arrowprops=arrow)
    axes.plot([2.5, 2.5], [bottom + 3.1, bottom + 3.6], color="#555555", lw=1)
    axes.annotate("", (0.25, bottom + 3.6), (2.5, bottom + 3.6), arrowprops=arrow)
    axes.plot(0, bottom + 3.6, "o", ms=15, mfc="white", mec="black", zorder=3)
    axes.text(0, bottom + 3.55, "+", ha="center", va="center", fontsize=12, zorder=4)


def sizes_of_stream(norm: str) -> list[float]:
    """The root mean square of the stream: of the embedding, then after each block."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 256, "context_length": 64, "d_model": 96, "num_heads": 4, "d_ff": 256}
    model = TransformerLM(ModelConfig(**sizes, num_layers=LAYERS, norm=norm))
    found = []
    with torch.no_grad():
        x = model.embed_tokens(torch.randint(256, (4, 64)))
        for layer in [lambda stream: stream, *model.layers]:
            x = layer(x)
            found.append(x.square().mean().sqrt().item())
    return found


def draw_stream(axes: plt.Axes) -> None:
    for norm, color in COLORS.items():
        axes.plot(sizes_of_stream(norm), "o-", ms=3.5, color=color, label=LABELS[norm])
    axes.set(yscale="log", ylim=(0.5, 1e10), xticks=range(0, LAYERS + 1, 2))
    axes.set(xlabel="after block", ylabel="root mean square of the stream")
    axes.set_title("The stream through 12 untrained blocks")
    axes.text(6.3, 1e9, "without norms: beyond\nfloat32 one block later", fontsize=8, va="center")
    axes.grid(color="#eeeeee")
    axes.legend(frameon=False, loc="center right")


def main() -> None:
    figure, axes = plt.subplots(1, 2, figsize=(9, 4.2), width_ratios=(1, 1.5), layout="constrained")
    draw_block(axes[0])
    draw_stream(axes[1])
    figure.savefig(HERE / "04_block_and_stream.svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
