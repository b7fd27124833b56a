"""A file in as many chunks as there are workers, which are threads; words are strings."""

import hashlib
import json
import mmap
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import regex
import tiktoken

from groundup.atomic import replacing

from . import gpt2_files
from .token_files import open_tokens as open_tokens

PRETOKEN_PATTERN = (
    r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # GPT-2's
)
MAX_CHUNK = 1 << 18


def train_bpe(
    input_path: str | os.PathLike[str],
    vocab_size: int,
    special_tokens: Sequence[str],
    *,
    num_workers: int | None = None,
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """Pre-tokens are counted chunk by chunk; a merge replaces one substring by one character."""
    special = special_pattern(special_tokens)
    new_tokens = dict.fromkeys(t for t in special_tokens if len(t.encode()) > 1)
    num_merges = vocab_size - 256 - len(new_tokens)
    if num_merges < 0:
        raise ValueError(f"vocab_size {vocab_size} has no room for {256 + len(new_tokens)} tokens")

    def count(chunk: tuple[int, int]) -> Counter[str]:
        text = read_chunk(input_path, chunk)
        parts = regex.split(special, text)
        return Counter(found for part in parts for found in regex.findall(PRETOKEN_PATTERN, part))

    pretokens: Counter[str] = Counter()
    chunks = find_chunks(input_path, special_tokens, num_workers)
    with ThreadPoolExecutor(num_workers or 1) as pool:
        for counts in pool.map(count, chunks):
            pretokens.update(counts)
    tokens = [bytes([byte]) for byte in range(256)]
    merges = [(tokens[a], tokens[b]) for a, b in learn(pretokens, num_merges, tokens)]
    return dict(enumerate([*tokens, *(t.encode() for t in new_tokens)])), merges


def learn(
    pretokens: Counter[str], num_merges: int, tokens: list[bytes]
) -> Iterator[tuple[int, int]]:
    words = [(pretoken.encode().decode("latin-1"), n) for pretoken, n in pretokens.items()]
    for _ in range(num_merges):
        counts: Counter[tuple[str, str]] = Counter()
        for word, n in words:
            for pair in pairwise(word):
                counts[pair] += n
        if not counts:
            return
        bytes_of = {pair: (tokens[ord(pair[0])], tokens[ord(pair[1])]) for pair in counts}
        first, second = sorted(counts, key=lambda pair: (counts[pair], bytes_of[pair]))[-1]
        new = chr(len(tokens))
        tokens.append(tokens[ord(first)] + tokens[ord(second)])
        words = [(word.replace(first + second, new), n) for word, n in words]
        yield ord(first), ord(second)


def special_pattern(special_tokens: Iterable[str], *, kept: bool = False) -> str:
    """Matches any special token, and nothing at all if there is none."""
    if not all(special_tokens):
        raise ValueError("an empty special token")
    longest_first = sorted(special_tokens, key=len)[::-1]
    pattern = "|".join(map(regex.escape, longest_first)) or r"(?!)"
    return f"({pattern})" if kept else pattern


def find_chunks(
    path: str | os.PathLike[str], special_tokens: Iterable[str], num_workers: int | None
) -> list[tuple[int, int]]:
    """Byte ranges; each ends where ASCII white space follows a visible ASCII character."""
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"num_workers must be positive and is {num_workers}")
    specials = [token.encode() for token in special_tokens]
    length = Path(path).stat().st_size
    if not length:
        return []
    size = min(MAX_CHUNK, -(-length // (num_workers or 1)))
    bounds = [0]
    with (
        Path(path).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
    ):
        for start in range(size, length, size):
            bounds.append(next_cut(data, max(start, bounds[-1]), specials))
    bounds.append(length)
    return list(pairwise(bounds))


def next_cut(data: mmap.mmap, start: int, specials: list[bytes]) -> int:
    for match in regex.finditer(rb"(?<=[!-~])(?=[ \n])", data, pos=start):
        cut = match.start()
        if not any(crosses(token, data, cut) for token in specials):
            return cut
    return len(data)


def crosses(token: bytes | str, text: mmap.mmap | bytes | str, cut: int) -> bool:
    """Whether `token` lies across a cut, or may if the text goes on."""
    starts = range(max(0, cut - len(token) + 1), cut)
    return any(token.startswith(text[i : i + len(token)]) for i in starts)


def read_chunk(path: str | os.PathLike[str], chunk: tuple[int, int]) -> str:
    start, stop = chunk
    with Path(path).open("rb") as file:
        file.seek(start)
        data = file.read(stop - start)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: no UTF-8 at {start + error.start}") from None


class Tokenizer:
    """Every merge is tried in turn on the text of a pre-token."""

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[tuple[bytes, bytes]],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        names = list(special_tokens or [])
        self._special = special_pattern(names, kept=True)
        self.merges = list(merges)
        missing = [name for name in dict.fromkeys(names) if name.encode() not in vocab.values()]
        first_free = max(vocab, default=-1) + 1
        self.vocab = {**vocab, **{first_free + i: n.encode() for i, n in enumerate(missing)}}
        id_of = dict(zip(self.vocab.values(), self.vocab, strict=True))
        made = [first + second for first, second in self.merges]
        if len(id_of) < len(self.vocab) or not id_of.keys() >= set(made):
            raise ValueError(f"a token is there twice, or a merge makes none: {made or id_of}")
        self.special_tokens = {name: id_of[name.encode()] for name in names}
        tokens = [bytes([byte]) for byte in range(256)] + made
        character = {token: chr(place) for place, token in enumerate(tokens)}
        self._rules = [
            (character[first] + character[second], chr(256 + rank))
            for rank, (first, second) in enumerate(self.merges)
        ]
        self._id_of_character = {chr(i): id_of.get(token) for i, token in enumerate(tokens)}
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Special tokens are at the odd places of what `split` gives."""
        ids = []
        for place, part in enumerate(regex.split(self._special, text)):
            if place % 2:
                ids.append(self.special_tokens[part])
            else:
                for pretoken in regex.findall(PRETOKEN_PATTERN, part):
                    ids.extend(self._cache.get(pretoken) or self._encode(pretoken))
        return ids

    def _encode(self, pretoken: str) -> list[int]:
        word = pretoken.encode().decode("latin-1")
        for pair, new in self._rules:
            word = word.replace(pair, new)
        ids = [self._id_of_character[character] for character in word]
        if None in ids:
            raise ValueError(f"{pretoken!r} has a byte that is not in the vocabulary")
        self._cache[pretoken] = ids
        return ids

    def encode_iterable(self, iterable: Iterable[str]) -> Iterator[int]:
        """From one safe cut to the next."""
        rest = ""
        for string in iterable:
            rest += string
            cuts = [m.start() for m in regex.finditer(rf"(?<!\s)(?=\s)|(?={self._special})", rest)]
            for cut in reversed(cuts):
                if not any(crosses(token, rest, cut) for token in self.special_tokens):
                    yield from self.encode(rest[:cut])
                    rest = rest[cut:]
                    break
        yield from self.encode(rest)

    def decode(self, ids: Iterable[int]) -> str:
        """All bytes at once."""
        found = [(token_id, self.vocab.get(token_id)) for token_id in ids]
        unknown = [token_id for token_id, token in found if token is None]
        if unknown:
            raise ValueError(f"unknown ids: {unknown}")
        return b"".join(token for _, token in found if token).decode(errors="replace")

    def save(self, folder: str | os.PathLike[str]) -> None:
        """By the reference's writer."""
        gpt2_files.save(folder, self.vocab, self.merges)

    @classmethod
    def from_files(
        cls,
        vocab: str | os.PathLike[str],
        merges: str | os.PathLike[str],
        special_tokens: Iterable[str] | None = None,
    ) -> "Tokenizer":
        """By the reference's reader."""
        return cls(gpt2_files.read_vocab(vocab), gpt2_files.read_merges(merges), special_tokens)


def to_tiktoken(tokenizer: Tokenizer) -> tiktoken.Encoding:
    """Special tokens apart."""
    ranks = {token: i for i, token in tokenizer.vocab.items()}
    for text in tokenizer.special_tokens:
        del ranks[text.encode()]
    if sorted(tokenizer.merges, key=lambda pair: ranks[pair[0] + pair[1]]) != tokenizer.merges:
        raise ValueError("the order of the ids is not that of the merges")
    special_tokens = tokenizer.special_tokens
    return tiktoken.Encoding(
        "chunks", pat_str=PRETOKEN_PATTERN, mergeable_ranks=ranks, special_tokens=special_tokens
    )


def encode_file(
    tokenizer: Tokenizer,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    num_workers: int | None = None,
) -> np.memmap:
    """Chunk after chunk."""
    name = np.min_scalar_type(max(tokenizer.vocab)).name
    count = 0
    with replacing(Path(out)) as unfinished, unfinished.open("wb") as file:
        for chunk in find_chunks(path, tokenizer.special_tokens, num_workers):
            ids = tokenizer.encode(read_chunk(path, chunk))
            file.write(np.array(ids, np.dtype(name).newbyteorder("<")).tobytes())
            count += len(ids)
    vocab = gpt2_files.vocab_json(tokenizer.vocab)
    header = {
        "dtype": name,
        "count": count,
        "vocab_size": len(tokenizer.vocab),
        "vocab_sha256": hashlib.sha256(vocab).hexdigest(),
        "special_tokens": tokenizer.special_tokens,
    }
    Path(f"{out}.json").write_text(json.dumps(header), encoding="utf-8")
    return open_tokens(out)
