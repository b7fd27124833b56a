"""Byte-pair encoding as one writes it first: slow, short and right."""

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import regex
import tiktoken

from .bytes_as_text import as_bytes, as_text, replace, vocab_json

PRETOKEN_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # GPT-2's
)


def train_bpe(
    input_path: str | os.PathLike[str],
    vocab_size: int,
    special_tokens: Sequence[str],
    *,
    num_workers: int | None = None,
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """All pairs are counted anew before every merge."""
    specials = _longest_first(special_tokens)
    any_special = "|".join(regex.escape(token) for token in specials)
    new_specials = [t.encode() for t in dict.fromkeys(special_tokens) if len(t.encode()) > 1]
    num_merges = vocab_size - 256 - len(new_specials)
    if num_merges < 0:
        raise ValueError(f"vocab_size is {vocab_size}, and {vocab_size - num_merges} is the least")
    _check_workers(num_workers)

    pretokens: Counter[str] = Counter()
    for text in _stretches(_blocks(input_path), specials):
        for segment in regex.split(any_special, text) if specials else [text]:
            pretokens.update(regex.findall(PRETOKEN_PATTERN, segment))
    words = {_single_bytes(pretoken): count for pretoken, count in pretokens.items()}

    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < num_merges:
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:], strict=False):
                counts[pair] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        words = {_merge(word, best): count for word, count in words.items()}

    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [first + second for first, second in merges]
    tokens += new_specials
    return dict(enumerate(tokens)), merges


def _longest_first(special_tokens: Iterable[str]) -> list[str]:
    if "" in special_tokens:
        raise ValueError("a special token is empty")
    return sorted(special_tokens, key=len, reverse=True)


def _check_workers(num_workers: int | None) -> None:
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"num_workers ({num_workers}) must be at least 1")


def _single_bytes(pretoken: str) -> tuple[bytes, ...]:
    return tuple(bytes([byte]) for byte in pretoken.encode())


def _merge(word: tuple[bytes, ...], pair: tuple[bytes, bytes]) -> tuple[bytes, ...]:
    merged = []
    place = 0
    while place < len(word):
        length = 2 if word[place : place + 2] == pair else 1
        merged.append(b"".join(word[place : place + length]))
        place += length
    return tuple(merged)


def _blocks(path: str | os.PathLike[str]) -> Iterator[str]:
    """Whole lines of the file, about 64 KB at a time."""
    offset = 0
    with Path(path).open("rb") as file:
        while lines := file.readlines(1 << 16):
            data = b"".join(lines)
            try:
                text = data.decode("utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(f"{path} is not UTF-8 at byte {offset + error.start}") from None
            yield text
            offset += len(data)


def _stretches(strings: Iterable[str], specials: Sequence[str]) -> Iterator[str]:
    """The joined strings, cut where no pre-token and no special token can lie across."""
    pending = ""
    for string in strings:
        pending += string
        cut = _last_safe_cut(pending, specials)
        yield pending[:cut]
        pending = pending[cut:]
    yield pending


def _last_safe_cut(text: str, specials: Sequence[str]) -> int:
    longest = max(map(len, specials), default=1)
    begins = "|".join([r"(?<!\s)(?=\s)", *(f"(?={regex.escape(token)})" for token in specials)])
    for match in regex.finditer(f"(?r){begins}", text):
        cut = match.start()
        across = (
            token.startswith(text[start : start + len(token)])
            for start in range(max(0, cut - longest + 1), cut)
            for token in specials
            if start + len(token) > cut
        )
        if not any(across):
            return cut
    return 0


class Tokenizer:
    """Words are tuples of tokens, and the pair that was learned first is looked for each time."""

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[tuple[bytes, bytes]],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        specials = list(special_tokens or [])
        self.vocab = dict(vocab)
        for token in specials:
            if token.encode() not in self.vocab.values():
                self.vocab[max(self.vocab, default=-1) + 1] = token.encode()
        self.merges = list(merges)
        self._id_of = {token: token_id for token_id, token in self.vocab.items()}
        if len(self._id_of) < len(self.vocab):
            raise ValueError(f"two ids have the same bytes: {sorted(self.vocab.values())}")
        for first, second in self.merges:
            if first + second not in self._id_of:
                raise ValueError(f"a merge makes {first + second!r}, which is not in vocab")
        self._rank = {pair: rank for rank, pair in enumerate(self.merges)}
        self.special_tokens = {token: self._id_of[token.encode()] for token in specials}
        self._longest_first = _longest_first(specials)
        self._any_special = "|".join(regex.escape(token) for token in self._longest_first)
        self._ids_of_pretoken: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Pre-tokens that were met before are looked up."""
        ids: list[int] = []
        for segment in regex.split(f"({self._any_special})", text) if self._any_special else [text]:
            if segment in self.special_tokens:
                ids.append(self.special_tokens[segment])
                continue
            for pretoken in regex.findall(PRETOKEN_PATTERN, segment):
                if pretoken not in self._ids_of_pretoken:
                    self._ids_of_pretoken[pretoken] = self._encode_pretoken(pretoken)
                ids += self._ids_of_pretoken[pretoken]
        return ids

    def _encode_pretoken(self, pretoken: str) -> list[int]:
        word = _single_bytes(pretoken)
        while True:
            known = [pair for pair in zip(word, word[1:], strict=False) if pair in self._rank]
            if not known:
                break
            word = _merge(word, min(known, key=self._rank.__getitem__))
        for token in word:
            if token not in self._id_of:
                raise ValueError(f"{token!r} is not in the vocabulary")
        return [self._id_of[token] for token in word]

    def encode_iterable(self, iterable: Iterable[str]) -> Iterator[int]:
        """Whatever may still grow is held back."""
        for text in _stretches(iterable, self._longest_first):
            yield from self.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Bytes first, then text."""
        joined = b""
        for token_id in ids:
            if token_id not in self.vocab:
                raise ValueError(f"id {token_id} is not in the vocabulary")
            joined += self.vocab[token_id]
        return joined.decode("utf-8", errors="replace")

    def save(self, folder: str | os.PathLike[str]) -> None:
        """As GPT-2 does."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        lines = ["#version: 0.2", *(f"{as_text(a)} {as_text(b)}" for a, b in self.merges)]
        replace(Path(folder) / "vocab.json", [vocab_json(self.vocab)])
        replace(Path(folder) / "merges.txt", [("\n".join(lines) + "\n").encode()])

    @classmethod
    def from_files(
        cls,
        vocab: str | os.PathLike[str],
        merges: str | os.PathLike[str],
        special_tokens: Iterable[str] | None = None,
    ) -> "Tokenizer":
        """As GPT-2's."""
        try:
            ids = json.loads(Path(vocab).read_text(encoding="utf-8"))
            tokens = {int(token_id): as_bytes(text) for text, token_id in ids.items()}
        except (ValueError, KeyError, AttributeError) as error:
            raise ValueError(f"{vocab} is no vocab.json: {error!r}") from None
        pairs = []
        text = Path(merges).read_text(encoding="utf-8")
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
            if line.startswith("#version") and number == 1:
                continue
            try:
                first, second = line.split(" ")
                pairs.append((as_bytes(first), as_bytes(second)))
            except (ValueError, KeyError) as error:
                raise ValueError(f"{merges} is no merges.txt: line {number}, {error!r}") from None
        return cls(tokens, pairs, special_tokens)


def to_tiktoken(tokenizer: Tokenizer) -> tiktoken.Encoding:
    """All but special tokens are mergeable."""
    specials = tokenizer.special_tokens
    ranks = {t: i for i, t in tokenizer.vocab.items() if i not in specials.values()}
    merged = [ranks[first + second] for first, second in tokenizer.merges]
    if merged != sorted(merged):
        raise ValueError("the ids do not grow in the order of the merges")
    return tiktoken.Encoding(
        "naive", pat_str=PRETOKEN_PATTERN, mergeable_ranks=ranks, special_tokens=specials
    )


def encode_file(
    tokenizer: Tokenizer,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    num_workers: int | None = None,
) -> np.memmap:
    """One block of lines after the other, in this process."""
    _check_workers(num_workers)
    dtype = np.min_scalar_type(max(tokenizer.vocab))
    texts = _stretches(_blocks(path), _longest_first(tokenizer.special_tokens))
    arrays = (np.array(tokenizer.encode(text), dtype.newbyteorder("<")) for text in texts)
    size = replace(Path(out), (array.tobytes() for array in arrays))
    header = {
        "dtype": dtype.name,
        "count": size // dtype.itemsize,
        "vocab_size": len(tokenizer.vocab),
        "vocab_sha256": hashlib.sha256(vocab_json(tokenizer.vocab)).hexdigest(),
        "special_tokens": tokenizer.special_tokens,
    }
    replace(Path(f"{os.fspath(out)}.json"), [json.dumps(header).encode()])
    return open_tokens(out)


def open_tokens(path: str | os.PathLike[str]) -> np.memmap:
    """As the header says."""
    size = Path(path).stat().st_size
    try:
        header = json.loads(Path(f"{os.fspath(path)}.json").read_text(encoding="utf-8"))
        dtype = {"uint8": "<u1", "uint16": "<u2", "uint32": "<u4"}[header["dtype"]]
        count = int(header["count"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} has no header that can be read: {error!r}") from None
    if size != count * np.dtype(dtype).itemsize:
        raise ValueError(f"{path} has {size} bytes, which are not {count} ids of {dtype}")
    if not size:
        empty = np.empty(0, dtype).view(np.memmap)
        empty.flags.writeable = False
        return empty
    return np.memmap(path, dtype, mode="r")
