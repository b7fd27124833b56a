"""Ids to train on where their meaning does not matter."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import Integer


def write_ids(path: Path, ids: Integer[np.ndarray, " count"], vocab_size: int) -> Path:
    """A file as encode_file writes it, of a tokenizer that does not exist."""
    ids.astype("<u2").tofile(path)
    header = {"dtype": "uint16", "count": len(ids), "vocab_size": vocab_size}
    header |= {"vocab_sha256": "", "special_tokens": {}}
    path.with_name(f"{path.name}.json").write_text(json.dumps(header), encoding="utf-8")
    return path
