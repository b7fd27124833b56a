"""GPT-2's two files: `vocab.json` and `merges.txt`."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = sorted(set(range(256)) - set(_PRINTABLE))
# GPT-2 writes a byte as the character of the same number where that can be seen in print, and
# all others, in order, as the characters from U+0100 on: a space is U+0120, "Ġ".
_CHARACTER = {byte: chr(byte) for byte in _PRINTABLE} | {
    byte: chr(256 + place) for place, byte in enumerate(_OTHERS)
}
_BYTE = {character: byte for byte, character in _CHARACTER.items()}
_VERSION = "#version: 0.2"


def vocab_json(vocab: Mapping[int, bytes]) -> bytes:
    ids = {_to_text(token): token_id for token_id, token in sorted(vocab.items())}
    return json.dumps(ids, ensure_ascii=False, indent=0).encode() + b"\n"


def save(
    folder: str | os.PathLike[str],
    vocab: Mapping[int, bytes],
    merges: Sequence[tuple[bytes, bytes]],
) -> None:
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lines = [_VERSION, *(f"{_to_text(first)} {_to_text(second)}" for first, second in merges)]
    with replacing(folder / "vocab.json") as file:
        file.write(vocab_json(vocab))
    with replacing(folder / "merges.txt") as file:
        file.write("".join(f"{line}\n" for line in lines).encode())


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` when all of it is written, or not at all."""
    unfinished = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with unfinished.open("wb") as file:
            yield file
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_vocab(path: str | os.PathLike[str]) -> dict[int, bytes]:
    try:
        ids = json.loads(Path(path).read_text(encoding="utf-8"))
        vocab = {int(token_id): _to_bytes(text) for text, token_id in ids.items()}
        if len(vocab) < len(ids):
            raise ValueError(f"it has {len(ids)} tokens, but only {len(vocab)} ids")
        return vocab
    except (ValueError, AttributeError, TypeError) as error:
        raise ValueError(f"{path} is not a vocab.json as GPT-2's: {error}") from None


def read_merges(path: str | os.PathLike[str]) -> list[tuple[bytes, bytes]]:
    try:
        lines = Path(path).read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a merges.txt as GPT-2's: {error}") from None
    merges = []
    for number, line in enumerate(lines, start=1):
        if not line or (number == 1 and line.startswith("#version")):
            continue
        try:
            first, second = line.split(" ")
            merges.append((_to_bytes(first), _to_bytes(second)))
        except ValueError as error:
            raise ValueError(
                f"{path} is not a merges.txt as GPT-2's, line {number}: {error}"
            ) from None
    return merges


def _to_text(token: bytes) -> str:
    return "".join(_CHARACTER[byte] for byte in token)


def _to_bytes(text: str) -> bytes:
    try:
        return bytes(_BYTE[character] for character in text)
    except KeyError as error:
        raise ValueError(f"{text!r} holds {error.args[0]!r}, which stands for no byte") from None
