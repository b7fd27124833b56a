"""Draws the figure of guide 01: merges on four words, and what a larger vocabulary buys."""

import tempfile
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "groundup"

import matplotlib.pyplot as plt  # noqa: E402

from groundup import reference  # noqa: E402
from groundup.corpus import write_corpus  # noqa: E402

reference.activate(reference.parse("1"))
from s01_bpe import Tokenizer, train_bpe  # noqa: E402

HERE = Path(__file__).parent
WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
LEFT = (0, 5.5, 12.5, 20)  # where each word is drawn; a letter is 1 wide
SHOWN = (0, 1, 2, 4, 7, 10)
SIZES = (256, 270, 300, 350, 400, 512, 700, 1000, 1400, 2000)


def draw_merges(axes: plt.Axes, folder: Path) -> None:
    path = folder / "words.txt"
    path.write_text("\n".join("\n".join([word] * n) for word, n in WORDS.items()), encoding="utf-8")
    vocab, merges = train_bpe(path, 256 + max(SHOWN), [])
    for row, count in enumerate(SHOWN):
        tokenizer = Tokenizer(vocab, merges[:count])
        label = f"after {count}" if count else "bytes"
        axes.text(-0.3, -row, label, ha="right", va="center", color="#555555")
        for column, word in enumerate(WORDS):
            draw_word(axes, LEFT[column], -row, [vocab[i].decode() for i in tokenizer.encode(word)])
    for column, (word, n) in enumerate(WORDS.items()):
        axes.text(LEFT[column], 0.75, f"{word} × {n}", color="#555555", va="center")
    axes.set(xlim=(-4, 26.2), ylim=(-len(SHOWN) + 0.4, 1.2), title="Ten merges, four words")
    axes.axis("off")


def draw_word(axes: plt.Axes, left: float, y: float, tokens: list[str]) -> None:
    for token in tokens:
        color = "#ffffff" if len(token) == 1 else "#cfe0f5"
        box = plt.Rectangle(
            (left, y - 0.33), len(token) - 0.08, 0.66, facecolor=color, edgecolor="#1f5fa8"
        )
        axes.add_patch(box)
        for place, letter in enumerate(token):
            axes.text(left + place + 0.46, y, letter, ha="center", va="center")
        left += len(token)


def draw_sizes(axes: plt.Axes, folder: Path) -> None:
    for name, seed, stories in (("train", 0, 2000), ("held out", 1, 200)):
        write_corpus(folder / f"{name}.txt", num_stories=stories, seed=seed)
    special_tokens = ["<|endoftext|>"]
    vocab, merges = train_bpe(folder / "train.txt", max(SIZES) + 1, special_tokens)
    text = (folder / "held out.txt").read_text(encoding="utf-8")
    sizes = [size for size in SIZES if size - 256 <= len(merges)]
    ratios = []
    for size in sizes:
        tokenizer = Tokenizer(vocab, merges[: size - 256], special_tokens)
        ratios.append(len(text.encode()) / len(tokenizer.encode(text)))
    axes.plot(sizes, ratios, color="#1f5fa8", marker="o", markersize=3)
    axes.set(
        xscale="log",
        xticks=(256, 512, 1000, 2000),
        xticklabels=("256", "512", "1,000", "2,000"),
        xlabel="tokens in the vocabulary",
        ylabel="bytes per token",
        ylim=(0, None),
        title="Stories not trained on",
    )
    axes.minorticks_off()


def main() -> None:
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(10, 3.4), width_ratios=(1.7, 1), layout="constrained"
    )
    with tempfile.TemporaryDirectory() as folder:
        draw_merges(left, Path(folder))
        draw_sizes(right, Path(folder))
    figure.savefig(HERE / "01_merges.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
