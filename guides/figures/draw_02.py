"""Draws the figure of guide 02: SiLU and its slope, and what the initial scale does with depth."""

from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402
import torch  # noqa: E402

HERE = Path(__file__).parent
WIDTH, DEPTH = 512, 12
SCALES = {
    "σ = 1": 1.0,
    "σ² = 2 / (d_in + d_out)": (2 / (WIDTH + WIDTH)) ** 0.5,
    "the variance used as σ": 2 / (WIDTH + WIDTH),
}


def draw_silu(axes: plt.Axes) -> None:
    x = torch.linspace(-6, 6, 241, requires_grad=True)
    y = x * torch.sigmoid(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    axes.plot(x.detach(), y.detach(), label="silu(x) = x · σ(x)", color="#1f5fa8")
    axes.plot(x.detach(), slope, label="its derivative", color="#1f5fa8", linestyle=":")
    axes.plot(x.detach(), x.detach().clamp(min=0), label="relu(x)", color="#999999", linewidth=1)
    axes.set(xlabel="x", title="SiLU: a ReLU without the corner")
    axes.legend(frameon=False)


def draw_depth(axes: plt.Axes) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(256, WIDTH, generator=generator)
    for (label, std), color in zip(SCALES.items(), ("#c1440e", "#1f5fa8", "#5a8f29"), strict=True):
        x, spread = start, [1.0]
        for _ in range(DEPTH):
            x = x @ (torch.randn(WIDTH, WIDTH, generator=generator) * std)
            spread.append(x.std().item())
        axes.semilogy(range(DEPTH + 1), spread, label=label, color=color, marker="o", markersize=3)
    axes.set(
        xlabel="linear layers passed",
        ylabel="standard deviation of the activations",
        title=f"Where the initial scale leads ({WIDTH} wide)",
    )
    axes.legend(frameon=False)


def main() -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained")
    draw_silu(left)
    draw_depth(right)
    figure.savefig(HERE / "02_silu_and_scale.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
