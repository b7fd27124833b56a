"""Draws what `groundup bench model --reference all --device cpu` wrote to 08_model.jsonl."""

import json
from pathlib import Path
from types import SimpleNamespace

import matplotlib

matplotlib.rcParams["svg.hashsalt"] = "groundup"

from groundup.commands.bench.model_plot import figure  # noqa: E402

HERE = Path(__file__).parent


def main() -> None:
    lines = (HERE / "08_model.jsonl").read_text(encoding="utf-8").splitlines()
    first, *records = map(json.loads, lines)
    title = f"{first['threads']} cores of an {first['machine']['processor']}, float32"
    drawn = figure(records, SimpleNamespace(**first["limits"]), title=title)
    drawn.savefig(HERE / "08_model.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
