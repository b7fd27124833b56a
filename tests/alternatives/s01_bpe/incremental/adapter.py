"""Counts of pairs that are kept up to date, a heap of them, and ids in place of bytes."""

import codecs
import hashlib
import heapq
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
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

Pair = tuple[int, int]


def train_bpe(
    input_path: str | os.PathLike[str],
    vocab_size: int,
    special_tokens: Sequence[str],
    *,
    num_workers: int | None = None,
) -> tuple[dict[int, bytes], list[tuple[bytes, bytes]]]:
    """Only words with the merged pair are looked at."""
    cutter = Cutter(special_tokens)
    tokens = [bytes([byte]) for byte in range(256)]
    specials = [t.encode() for t in dict.fromkeys(special_tokens) if t.encode() not in tokens]
    num_merges = vocab_size - 256 - len(specials)
    if num_merges < 0:
        raise ValueError(f"vocab_size {vocab_size} is less than {256 + len(specials)}")
    pretokens: Counter[str] = Counter()
    for text in cutter.settled(read_text(input_path, num_workers)):
        for segment in cutter.segments(text):
            if segment not in cutter.specials:
                pretokens.update(regex.findall(PRETOKEN_PATTERN, segment))
    merges = [(tokens[a], tokens[b]) for a, b in learn(pretokens, num_merges, tokens)]
    return dict(enumerate(tokens + specials)), merges


def learn(pretokens: Mapping[str, int], num_merges: int, tokens: list[bytes]) -> list[Pair]:
    """The merges as ids; what they make is appended to `tokens`."""
    words = [list(pretoken.encode()) for pretoken in pretokens]
    frequencies = list(pretokens.values())
    counts: Counter[Pair] = Counter()
    places: defaultdict[Pair, set[int]] = defaultdict(set)
    for place, word in enumerate(words):
        for pair in zip(word, word[1:], strict=False):
            counts[pair] += frequencies[place]
            places[pair].add(place)
    heap = [entry(pair, counts, tokens) for pair in counts]
    heapq.heapify(heap)
    merges: list[Pair] = []
    while len(merges) < num_merges and heap:
        negative, _, pair = heapq.heappop(heap)
        if -negative != counts[pair]:
            continue
        merges.append(pair)
        tokens.append(tokens[pair[0]] + tokens[pair[1]])
        changes: Counter[Pair] = Counter()
        for place in places.pop(pair, ()):
            words[place], changed = merge(words[place], pair, len(tokens) - 1)
            for each, change in changed.items():
                changes[each] += change * frequencies[place]
                places[each].add(place)
        for each, change in changes.items():
            counts[each] += change
            if change and counts[each] > 0:
                heapq.heappush(heap, entry(each, counts, tokens))
    return merges


class Descending(tuple[bytes, bytes]):
    """A pair that sorts before those that it is greater than."""

    def __lt__(self, other: tuple[bytes, ...]) -> bool:
        return tuple(self) > tuple(other)


def entry(pair: Pair, counts: Counter[Pair], tokens: list[bytes]) -> tuple[int, Descending, Pair]:
    return -counts[pair], Descending((tokens[pair[0]], tokens[pair[1]])), pair


def merge(word: list[int], pair: Pair, new: int) -> tuple[list[int], Counter[Pair]]:
    """The word with the pair merged, and by how much the count of each pair changes in it."""
    merged: list[int] = []
    changes: Counter[Pair] = Counter()
    place = 0
    while place < len(word):
        if tuple(word[place : place + 2]) != pair:
            merged.append(word[place])
            place += 1
            continue
        changes[pair] -= 1
        if merged:
            changes[merged[-1], pair[0]] -= 1
            changes[merged[-1], new] += 1
        if place + 2 < len(word):
            changes[pair[1], word[place + 2]] -= 1
            changes[new, word[place + 2]] += 1
        merged.append(new)
        place += 2
    return merged, changes


def read_text(path: str | os.PathLike[str], num_workers: int | None) -> Iterator[str]:
    if num_workers is not None and num_workers < 1:
        raise ValueError(f"num_workers is {num_workers}")
    decoder = codecs.getincrementaldecoder("utf-8")()
    offset = 0
    with Path(path).open("rb") as file:
        while True:
            data = file.read(100_000)
            left_over = len(decoder.getstate()[0])
            try:
                yield decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                place = offset - left_over + error.start
                raise ValueError(f"{path} is not UTF-8: byte {place}") from None
            offset += len(data)
            if not data:
                return


class Cutter:
    """Text with its special tokens, found without regular expressions."""

    def __init__(self, special_tokens: Iterable[str]) -> None:
        self.specials = set(special_tokens)
        if "" in self.specials:
            raise ValueError("an empty special token")

    def segments(self, text: str) -> Iterator[str]:
        start = 0
        while found := [
            (place, -len(t), t) for t in self.specials if (place := text.find(t, start)) >= 0
        ]:
            place, _, token = min(found)
            yield text[start:place]
            yield token
            start = place + len(token)
        yield text[start:]

    def settled(self, strings: Iterable[str]) -> Iterator[str]:
        """The joined strings in parts that can be encoded one by one."""
        held = ""
        for string in strings:
            held += string
            begins = [m.start() for m in regex.finditer(r"(?<!\s)\s", held)]
            end = 0
            places = [held.rfind(token) for token in self.specials]
            for place in sorted([*begins, *places], reverse=True):
                if not any(self._crosses(token, held, place) for token in self.specials):
                    end = max(place, 0)
                    break
            yield held[:end]
            held = held[end:]
        yield held

    def _crosses(self, token: str, text: str, place: int) -> bool:
        before = range(max(0, place - len(token) + 1), place)
        return any(token.startswith(text[i : i + len(token)]) for i in before)


class Tokenizer:
    """Words are lists of ids; one pair of one place is merged at a time."""

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[tuple[bytes, bytes]],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        self.vocab, self.merges = {**vocab}, [*merges]
        id_of = {token: token_id for token_id, token in vocab.items()}
        if len(id_of) < len(vocab):
            raise ValueError(f"some token has two ids: {list(vocab.values())}")
        self.special_tokens: dict[str, int] = {}
        for text in special_tokens or ():
            token_id = id_of.setdefault(text.encode(), max(self.vocab, default=-1) + 1)
            self.vocab[token_id] = text.encode()
            self.special_tokens[text] = token_id
        self._cutter = Cutter(self.special_tokens)
        try:
            self._rules = {
                (id_of[first], id_of[second]): (rank, id_of[first + second])
                for rank, (first, second) in enumerate(self.merges)
            }
        except KeyError as error:
            raise ValueError(f"no token {error.args[0]!r} for a merge") from None
        self._byte_ids = {byte: id_of.get(bytes([byte])) for byte in range(256)}
        self._known: dict[str, tuple[int, ...]] = {}

    def encode(self, text: str) -> list[int]:
        """Segment by segment."""
        ids: list[int] = []
        for segment in self._cutter.segments(text):
            if segment in self.special_tokens:
                ids.append(self.special_tokens[segment])
            else:
                for pretoken in regex.findall(PRETOKEN_PATTERN, segment):
                    ids.extend(self._known.get(pretoken) or self._merged(pretoken))
        return ids

    def _merged(self, pretoken: str) -> tuple[int, ...]:
        word = [self._byte_ids[byte] for byte in pretoken.encode()]
        if None in word:
            raise ValueError(f"a byte of {pretoken!r} has no id")
        while True:
            pairs = zip(word, word[1:], strict=False)
            rules = [(*self._rules[p], i) for i, p in enumerate(pairs) if p in self._rules]
            if not rules:
                break
            _, new, place = min(rules, key=lambda rule: (rule[0], rule[2]))
            word[place : place + 2] = [new]
        self._known[pretoken] = tuple(word)
        return tuple(word)

    def encode_iterable(self, iterable: Iterable[str]) -> Iterator[int]:
        """Part by part."""
        for text in self._cutter.settled(iterable):
            yield from self.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        """Through a bytearray."""
        data = bytearray()
        for token_id in ids:
            if token_id not in self.vocab:
                raise ValueError(f"there is no id {token_id}")
            data += self.vocab[token_id]
        return str(data, "utf-8", "replace")

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
    specials = {text.encode() for text in tokenizer.special_tokens}
    ranks = {token: i for i, token in tokenizer.vocab.items() if token not in specials}
    order = [ranks[a + b] for a, b in tokenizer.merges]
    if any(later < earlier for earlier, later in zip(order, order[1:], strict=False)):
        raise ValueError("tiktoken would merge in another order")
    return tiktoken.Encoding(
        "incremental",
        pat_str=PRETOKEN_PATTERN,
        mergeable_ranks=ranks,
        special_tokens=tokenizer.special_tokens,
    )


def encode_file(
    tokenizer: Tokenizer,
    path: str | os.PathLike[str],
    out: str | os.PathLike[str],
    *,
    num_workers: int | None = None,
) -> np.memmap:
    """Written with `tofile`, and counted by the size of the file."""
    last = max(tokenizer.vocab)
    dtype = np.dtype("u1" if last < 1 << 8 else "<u2" if last < 1 << 16 else "<u4")
    with replacing(Path(out)) as unfinished, unfinished.open("wb") as file:
        for text in tokenizer._cutter.settled(read_text(path, num_workers)):
            np.array(tokenizer.encode(text), dtype).tofile(file)
        file.flush()
        size = os.fstat(file.fileno()).st_size
    header = {
        "dtype": dtype.name,
        "count": size // dtype.itemsize,
        "vocab_size": len(tokenizer.vocab),
        "vocab_sha256": hashlib.sha256(gpt2_files.vocab_json(tokenizer.vocab)).hexdigest(),
        "special_tokens": tokenizer.special_tokens,
    }
    Path(f"{out}.json").write_text(json.dumps(header), encoding="utf-8")
    return open_tokens(out)
