"""Files of token ids, each with a header beside it."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from groundup.atomic import replacing


def write(out: Path, dtype: np.dtype, blocks: Iterable[np.ndarray], **facts: Any) -> np.memmap:
    header = Path(f"{out}.json")
    with replacing(header) as beside, replacing(out) as unfinished:
        with unfinished.open("wb") as file:
            for ids in blocks:
                file.write(ids.astype(dtype.newbyteorder("<"), copy=False).data)
        facts |= {"dtype": dtype.name, "count": unfinished.stat().st_size // dtype.itemsize}
        beside.write_bytes(json.dumps(facts, indent=1, ensure_ascii=False).encode() + b"\n")
        header.unlink(missing_ok=True)  # lest new ids be taken for those of the old header
    return open_tokens(out)


def open_tokens(path: str | os.PathLike[str]) -> np.memmap:
    text, size, header = "nothing", Path(path).stat().st_size, Path(f"{os.fspath(path)}.json")
    try:
        found = json.loads(text := header.read_text(encoding="utf-8", errors="replace"))
        dtype = np.dtype({"uint8": "<u1", "uint16": "<u2", "uint32": "<u4"}[found["dtype"]])
        count = int(found["count"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        what = f"dtype (uint8, uint16 or uint32) and count, found {text[:60]!r}"
        raise ValueError(f"{header}: expected {what}; encode the text again") from None
    if size != count * dtype.itemsize:
        raise ValueError(f"{path}: expected {count} {dtype.name}, found {size} bytes; encode again")
    if count:
        return np.memmap(path, dtype, mode="r")
    nothing = np.empty(0, dtype).view(np.memmap)  # No system maps an empty file.
    nothing.flags.writeable = False
    return nothing
