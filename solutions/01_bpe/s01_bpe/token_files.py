"""Files of token ids, and their headers."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from .gpt2_files import replacing


def write_tokens(
    out: Path, dtype: np.dtype, blocks: Iterable[np.ndarray], **facts: Any
) -> np.memmap:
    header = Path(f"{out}.json")
    with replacing(header) as beside, replacing(out) as file:
        for ids in blocks:
            file.write(ids.astype(dtype.newbyteorder("<")).data)
        found = {"dtype": dtype.name, "count": file.tell() // dtype.itemsize} | facts
        beside.write(json.dumps(found, indent=1, ensure_ascii=False).encode() + b"\n")
        # From here to the end `out` has no header, so that it is never taken for another's.
        header.unlink(missing_ok=True)
    return open_tokens(out)


def open_tokens(path: str | os.PathLike[str]) -> np.memmap:
    size, header = Path(path).stat().st_size, Path(f"{os.fspath(path)}.json")
    try:
        found = json.loads(header.read_text(encoding="utf-8"))
        dtype, count = np.dtype(found["dtype"]).newbyteorder("<"), int(found["count"])
        if dtype not in ("<u1", "<u2", "<u4"):
            raise ValueError(f"dtype {dtype.name}, expected uint8, uint16 or uint32")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{header} is no header of ids ({error!r}); write it with encode_file"
        ) from None
    if size != count * dtype.itemsize:
        raise ValueError(
            f"{path} is {size} bytes long, but its header promises {count} ids of "
            f"{dtype.itemsize} bytes: it was cut short or replaced; write it with encode_file"
        )
    if count:
        return np.memmap(path, dtype, mode="r")
    nothing = np.empty(0, dtype).view(np.memmap)  # No system maps an empty file.
    nothing.flags.writeable = False
    return nothing
