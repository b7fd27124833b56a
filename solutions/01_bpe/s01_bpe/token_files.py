"""Text files to files of token ids, and those back as memory-mapped arrays."""

import hashlib
import json
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .gpt2_files import replacing, vocab_json
from .pieces import Piece, file_pieces, in_processes, read_piece, worker_count

if TYPE_CHECKING:
    from .adapter import Tokenizer

_DTYPES = ("uint8", "uint16", "uint32")


def encode_file(
    tokenizer: "Tokenizer",
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    num_workers: int | None,
) -> np.memmap:
    dtype = np.min_scalar_type(max(tokenizer.vocab))
    pieces = file_pieces(path, tokenizer.pretokenizer.cuts)
    num_workers = worker_count(num_workers, len(pieces))
    count = 0
    with replacing(Path(out)) as file:
        task = partial(_encode_piece, tokenizer, path, dtype.newbyteorder("<"))
        for ids in in_processes(task, pieces, num_workers):
            count += file.write(ids) // dtype.itemsize
        # From here to the end `out` has no header, so that it is never taken for another's.
        _header(out).unlink(missing_ok=True)
    header = {
        "dtype": dtype.name,
        "count": count,
        "vocab_size": len(tokenizer.vocab),
        "vocab_sha256": hashlib.sha256(vocab_json(tokenizer.vocab)).hexdigest(),
        "special_tokens": tokenizer.special_tokens,
    }
    with replacing(_header(out)) as file:
        file.write(json.dumps(header, indent=1, ensure_ascii=False).encode() + b"\n")
    return open_tokens(out)


def _encode_piece(
    tokenizer: "Tokenizer", path: str | os.PathLike[str], dtype: np.dtype, piece: Piece
) -> bytes:
    return np.array(tokenizer.encode(read_piece(path, piece)), dtype=dtype).tobytes()


def open_tokens(path: str | os.PathLike[str]) -> np.memmap:
    size = Path(path).stat().st_size
    dtype, count = _read_header(path)
    if size != count * dtype.itemsize:
        raise ValueError(
            f"{path} is {size} bytes long, but its header promises {count} ids of "
            f"{dtype.itemsize} bytes: it was cut short or replaced; write it with encode_file"
        )
    if count == 0:  # No system maps an empty file.
        nothing = np.empty(0, dtype).view(np.memmap)
        nothing.flags.writeable = False
        return nothing
    return np.memmap(path, dtype, mode="r")


def _header(path: str | os.PathLike[str]) -> Path:
    return Path(f"{os.fspath(path)}.json")


def _read_header(path: str | os.PathLike[str]) -> tuple[np.dtype, int]:
    header = _header(path)
    if not header.is_file():
        raise ValueError(f"{path} has no header {header.name} beside it; write it with encode_file")
    try:
        found = json.loads(header.read_text(encoding="utf-8"))
        dtype, count = found["dtype"], int(found["count"])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{header} cannot be read ({error!r}); write it with encode_file"
        ) from None
    if dtype not in _DTYPES:
        raise ValueError(f"{header} names dtype {dtype!r}; expected {', '.join(_DTYPES)}")
    return np.dtype(dtype).newbyteorder("<"), count
