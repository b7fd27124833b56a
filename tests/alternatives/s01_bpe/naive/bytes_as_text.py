"""GPT-2's way to write bytes as text, and files that are replaced as a whole."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
CHARACTER = {byte: chr(byte) for byte in PRINTABLE}
CHARACTER |= {byte: chr(256 + place) for place, byte in enumerate(OTHERS)}
BYTE = {character: byte for byte, character in CHARACTER.items()}


def as_text(token: bytes) -> str:
    return "".join(CHARACTER[byte] for byte in token)


def as_bytes(text: str) -> bytes:
    return bytes(BYTE[character] for character in text)


def vocab_json(vocab: Mapping[int, bytes]) -> bytes:
    ids = {as_text(token): token_id for token_id, token in sorted(vocab.items())}
    return json.dumps(ids, ensure_ascii=False).encode()


def replace(path: Path, parts: Iterable[bytes]) -> int:
    """Write the file as a whole or not at all; returns how many bytes it has."""
    unfinished = path.with_name(f"{path.name}.tmp")
    try:
        with unfinished.open("wb") as file:
            size = sum(map(file.write, parts))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return size
