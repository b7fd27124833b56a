"""Draws the figure of guide 03: what RoPE turns, what scores make of it, what causality hides."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402

from groundup import reference  # noqa: E402

reference.activate(reference.parse("2,3"))
from s03_attention_rope import RotaryEmbedding, scaled_dot_product_attention  # noqa: E402

HERE = Path(__file__).parent
BLUE, GREY, ORANGE = "#1f5fa8", "#999999", "#c8641e"


def draw_pairs(axes: plt.Axes) -> None:
    """Two pairs of one vector, at positions 0 to 5: the same start, another speed."""
    rope = RotaryEmbedding(4, 6, theta=100.0)
    turned = rope(torch.tensor([[1.0, 0, 1, 0]] * 6), torch.arange(6)).unflatten(-1, (2, 2))
    for pair, (left, color) in enumerate([(0.0, BLUE), (2.9, ORANGE)]):
        axes.add_patch(plt.Circle((left, 0), 1, fill=False, edgecolor="#dddddd"))
        for position, (x, y) in enumerate(turned[:, pair].tolist()):
            axes.annotate(
                "", (left + x, y), (left, 0), arrowprops={"arrowstyle": "->", "color": color}
            )
            if pair == 0 or position in (0, 5):
                label = str(position)
                axes.text(left + 1.2 * x, 1.2 * y, label, ha="center", va="center", fontsize=8)
        name = f"coordinates {2 * pair}, {2 * pair + 1}\nω = {('1', '0.1')[pair]} per position"
        axes.text(left, -1.75, name, ha="center", va="center", fontsize=8, color="#555555")
    axes.set(
        xlim=(-1.5, 4.4), ylim=(-2.1, 1.5), aspect="equal", title="Positions 0 to 5 turn pairs"
    )
    axes.axis("off")


def draw_scores(axes: plt.Axes) -> None:
    """One query and one key, put at every pair of positions."""
    generator = torch.Generator().manual_seed(3)
    q, k = torch.randn(2, 16, generator=generator)
    rope, positions = RotaryEmbedding(16, 24), torch.arange(24)
    scores = rope(q.expand(24, 16), positions) @ rope(k.expand(24, 16), positions).T
    axes.imshow(scores, cmap="RdBu_r", vmin=-float(scores.abs().max()), vmax=scores.abs().max())
    axes.set(xlabel="position of the key", ylabel="position of the query")
    axes.set_title("One q, one k: the score knows\nonly the distance")


def draw_weights(axes: plt.Axes) -> None:
    """The weights of a causal attention: its result when the values are the identity."""
    generator = torch.Generator().manual_seed(0)
    q, k = 1.5 * torch.randn(2, 8, 16, generator=generator)
    mask = torch.ones(8, 8, dtype=torch.bool).tril()
    weights = scaled_dot_product_attention(q, k, torch.eye(8), mask)
    axes.imshow(weights, cmap="Blues", vmin=0, vmax=1)
    for query in range(8):
        for key in range(query + 1):
            weight = weights[query, key].item()
            color = "white" if weight > 0.6 else "#333333"
            text = f"{weight:.2f}".lstrip("0")
            axes.text(key, query, text, ha="center", va="center", fontsize=6, color=color)
    axes.set(xlabel="key", ylabel="query", title="Causal weights: each row sums to 1")


def main() -> None:
    figure, axes = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
    draw_pairs(axes[0])
    draw_scores(axes[1])
    draw_weights(axes[2])
    figure.savefig(HERE / "03_turns_and_weights.svg", facecolor="white", metadata={"Date": None})


if __name__ == "__main__":
    main()
