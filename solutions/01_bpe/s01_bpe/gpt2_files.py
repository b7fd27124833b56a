"""GPT-2's two files, `vocab.json` and `merges.txt`."""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from groundup.atomic import replacing

AnyPath = str | os.PathLike[str]
Merge = tuple[bytes, bytes]

# GPT-2 writes a byte as the character of the same number where that can be seen in print, and
# all others, in order, as the characters from U+0100 on: a space is U+0120, "Ġ".
_HIDDEN = *range(0x21), *range(0x7F, 0xA1), 0xAD
_SHOWN = {byte: 256 + k for k, byte in enumerate(_HIDDEN)}
_SWAPPED = _SHOWN | {shown: byte for byte, shown in _SHOWN.items()}


def _to_text(token: bytes) -> str:
    return token.decode("latin-1").translate(_SWAPPED)


def _to_bytes(text: str) -> bytes:
    return text.translate(_SWAPPED).encode("latin-1")


def vocab_json(vocab: Mapping[int, bytes]) -> bytes:
    ids = {_to_text(token): token_id for token_id, token in sorted(vocab.items())}
    return json.dumps(ids, ensure_ascii=False).encode() + b"\n"


def save(folder: AnyPath, vocab: Mapping[int, bytes], merges: Iterable[Merge]) -> None:
    lines = ["#version: 0.2", *(f"{_to_text(a)} {_to_text(b)}" for a, b in merges), ""]
    files = {"vocab.json": vocab_json(vocab), "merges.txt": "\n".join(lines).encode()}
    for name, content in files.items():
        with replacing(Path(folder, name)) as unfinished:
            unfinished.write_bytes(content)


def read_vocab(path: AnyPath) -> dict[int, bytes]:
    try:
        ids = json.loads(Path(path).read_bytes())
        vocab = {int(token_id): _to_bytes(text) for text, token_id in ids.items()}
        if len(vocab) < len(ids):
            raise ValueError(f"it has {len(ids)} tokens, but only {len(vocab)} ids")
        return vocab
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a vocab.json as GPT-2's: {error}") from None


def read_merges(path: AnyPath) -> list[Merge]:
    merges, number = [], 0
    try:
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").split("\n"), start=1):
            if line and not (number == 1 and line.startswith("#version")):
                first, second = map(_to_bytes, line.split(" "))
                merges.append((first, second))
    except ValueError as error:
        raise ValueError(f"{path} is not a merges.txt as GPT-2's, line {number}: {error}") from None
    return merges
