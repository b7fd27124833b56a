"""Text to ids: the merges applied in the order in which they were learned.

Each word is merged once, and all that are new in a text together. As in training, a merged word is
a string with one character for each token: for its place among the 256 bytes and what the merges
make. Only at the end it becomes an id.
"""

from collections.abc import Mapping, Sequence
from itertools import chain, islice

import numpy as np

from .chunks import Chunks
from .pretokens import Pretokenizer

MAX_CHUNKS = 1 << 18  # Then all are forgotten.
NEVER, END = np.iinfo(np.int64).max, 0x10FFFF  # the rank of no pair, and what ends a word
AS_STRING = "utf-32-le", "surrogatepass"


class Encoder:
    def __init__(
        self,
        pretokenizer: Pretokenizer,
        vocab: Mapping[int, bytes],
        merges: Sequence[tuple[bytes, bytes]],
    ) -> None:
        self._pretokenizer, self.dtype = pretokenizer, np.min_scalar_type(max(vocab, default=0))
        self.id_of = {token: token_id for token_id, token in vocab.items()}
        if twice := [i for i, token in vocab.items() if self.id_of[token] != i]:
            raise ValueError(f"two ids are {vocab[twice[0]]!r}, one of them is {twice[0]}")
        made = [first + second for first, second in merges]
        if unknown := [token for token in made if token not in self.id_of]:
            raise ValueError(f"a merge makes {unknown[0]!r}, which is not in the vocabulary")
        # Parts of merges may never come to be, and special tokens are never merged.
        tokens = [bytes([byte]) for byte in range(256)] + made
        tokens += [*chain.from_iterable(merges), *pretokenizer.specials]
        place_of = {token: place for place, token in enumerate(dict.fromkeys(tokens))}
        self._specials = {token: chr(place_of[token]) for token in pretokenizer.specials}
        # A byte that the vocabulary lacks has a negative id.
        self._ids = np.array([self.id_of.get(token, ~place) for token, place in place_of.items()])
        self._made = np.array([place_of[token] for token in made], int)
        pairs = np.array([place_of[a] << 32 | place_of[b] for a, b in merges], int)
        ranks = np.argsort(pairs, kind="stable")
        self._pairs, self._ranks = np.append(pairs[ranks], NEVER), np.append(ranks, NEVER)
        self._forget()

    def _forget(self) -> None:
        self._chunks, self._merged = Chunks(self._pretokenizer), self._specials.copy()
        # The ids of all chunks, joined, and where those of each chunk end.
        self._known, self._ends = np.zeros(0, self.dtype), np.zeros(1, int)

    def encode(self, text: str) -> np.ndarray:
        if len(self._chunks.number) > MAX_CHUNKS:
            self._forget()
        numbers = self._chunks.numbers(text)
        if new := [*islice(self._chunks.number, len(self._ends) - 1, None)]:
            self._learn(new)
        starts, ends = self._ends[numbers], self._ends[numbers + 1]
        # From place to place in _known: one further, or from the end of a chunk to the next one.
        steps = np.ones(np.sum(ends - starts), int)
        steps[np.cumsum(ends - starts)[:-1]] = starts[1:] - ends[:-1] + 1
        steps[:1] = starts[:1]
        return self._known[np.cumsum(steps)]

    def _learn(self, new: Sequence[bytes]) -> None:
        words = [*map(self._pretokenizer.split, new)]
        unknown = [*{*chain.from_iterable(words)} - self._merged.keys()]
        self._merged.update(zip(unknown, self._merge(unknown), strict=True))
        merged = ["".join(map(self._merged.__getitem__, each)) for each in words]
        ids = self._ids[np.frombuffer("".join(merged).encode(*AS_STRING), "<u4")]
        if (lacking := ids.min(initial=0)) < 0:
            self._forget()
            raise ValueError(f"byte {bytes([~lacking])!r} is not in the vocabulary")
        self._known = np.append(self._known, ids.astype(self.dtype))
        self._ends = np.append(self._ends, self._ends[-1] + np.cumsum([*map(len, merged)]))

    def _merge(self, words: Sequence[bytes]) -> list[str]:
        """In each round, each of the words merges the pair that was learned first."""
        tokens = np.frombuffer(b"\xff".join([*words, b""]), np.uint8).astype(int)
        tokens[tokens == 0xFF] = END  # UTF-8 has no byte 0xFF.
        word_of = np.cumsum(tokens == END) - (tokens == END)
        done = [(tokens[:0], word_of[:0])]
        while len(tokens):
            pairs = tokens << 32 | np.append(tokens[1:], END)
            places = np.searchsorted(self._pairs, pairs)
            ranks = np.where(self._pairs[places] == pairs, self._ranks[places], NEVER)
            lowest = np.full(len(words), NEVER)
            np.minimum.at(lowest, word_of, ranks)
            merge, going = ranks == lowest[word_of], lowest[word_of] < NEVER
            done.append((tokens[~going], word_of[~going]))
            tokens, word_of, ranks, merge = (a[going] for a in (tokens, word_of, ranks, merge))
            # subtle: in a run such as "aaaa" every second pair is merged, from the left.
            place = np.arange(len(merge))
            merge &= (place - np.maximum.accumulate(np.where(merge, -1, place))) % 2 == 1
            tokens[merge] = self._made[ranks[merge]]
            left = ~np.roll(merge, 1)  # The end of a word is never merged.
            tokens, word_of = tokens[left], word_of[left]
        tokens, word_of = map(np.concatenate, zip(*done, strict=True))
        in_order = tokens[np.argsort(word_of, kind="stable")].astype("<u4")
        return in_order.tobytes().decode(*AS_STRING).split(chr(END))[:-1]
