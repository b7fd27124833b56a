"""How a run ended: its last numbers, and whether it was ruined with every number finite."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def how_it_ended(result: Any, floor: float | None, model: Any) -> list[tuple[str, str]]:
    parameters = sum(each.numel() for each in model.parameters())
    rows = [("validation loss", f"{result.valid_loss:.4f} nats per token")]
    if floor is not None:
        rows.append(("entropy floor", f"{floor:.4f} nats per token"))
        rows.append(("distance", f"{result.valid_loss - floor:.4f} nats per token"))
    rows.append(("parameters", f"{parameters:,}"))
    rows.append(("tokens per second", f"{result.tokens_per_second:,.0f}"))
    rows.append(("seconds", f"{result.seconds:,.1f}"))
    return rows


def ruined(curve: Sequence[Sequence[float]], vocab_size: int) -> str | None:
    """Whether the loss was a nat above that of guessing. AdamW's steps and RMSNorm's outputs have
    a size of their own, so a learning rate can do that with every number finite; at the end, when
    the rate is low again, the loss may be back under it."""
    guessing = math.log(vocab_size)
    for tokens, loss in curve:
        if loss > guessing + 1:
            return (
                f"the loss was {loss:.4g} after {tokens:,} tokens; guessing has "
                f"ln({vocab_size:,}) = {guessing:.2f}"
            )
    return None


def validation_curve(metrics: Path) -> list[list[float]]:
    """Pairs of tokens and loss. What a run that broke off evaluated before is part of it."""
    if not metrics.exists():
        return []
    lines = [json.loads(line) for line in metrics.read_text(encoding="utf-8").splitlines()]
    return [[line["tokens"], line["valid_loss"]] for line in lines if "valid_loss" in line]
