"""Text to ids: the merges applied in the order in which they were learned.

Each chunk is encoded once, and all new ones of a text go through the merges together. Here a
token is its place among the 256 bytes and what the merges make; only at the end it becomes an id.
"""

from collections.abc import Sequence
from itertools import chain, islice

import numpy as np

from .chunks import MAX_KEYS, Chunks
from .gpt2_files import Merge
from .pretokens import Pretokenizer

NEVER = np.iinfo(np.int64).max  # the rank of a pair that is never merged
END = (1 << 31) - 1  # the "token" after each word


class Encoder:
    def __init__(
        self, pretokenizer: Pretokenizer, vocab: dict[int, bytes], merges: list[Merge]
    ) -> None:
        self._pretokenizer, self.dtype = pretokenizer, np.min_scalar_type(max(vocab, default=0))
        self.id_of = {token: token_id for token_id, token in vocab.items()}
        if twice := [i for i, token in vocab.items() if self.id_of[token] != i]:
            raise ValueError(f"two ids are {vocab[twice[0]]!r}, one of them is {twice[0]}")
        made = [first + second for first, second in merges]
        if unknown := [token for token in made if token not in self.id_of]:
            raise ValueError(f"a merge makes {unknown[0]!r}, which is not in the vocabulary")
        # Some parts of merges may never come to be.
        tokens = dict.fromkeys(chain([bytes([byte]) for byte in range(256)], made, *merges))
        place_of = {token: place for place, token in enumerate(tokens)}
        # A byte that the vocabulary lacks has a negative id.
        self._ids = np.array([self.id_of.get(token, ~place) for token, place in place_of.items()])
        self._made = np.array([place_of[token] for token in made], int)
        pairs = np.array([place_of[a] << 32 | place_of[b] for a, b in merges], int)
        ranks = np.argsort(pairs, kind="stable")
        self._pairs, self._ranks = np.append(pairs[ranks], NEVER), np.append(ranks, NEVER)
        self._forget()

    def _forget(self) -> None:
        self._chunks = Chunks(self._pretokenizer)
        # The ids of all chunks, joined, and where those of each chunk end; special tokens first.
        self._known = np.array([self.id_of[token] for token in self._chunks], self.dtype)
        self._ends = np.arange(len(self._known) + 1)

    def encode(self, text: str) -> np.ndarray:
        if len(self._chunks) > MAX_KEYS:
            self._forget()
        numbers = self._chunks.numbers(text)
        if num_new := len(self._chunks) + 1 - len(self._ends):
            self._learn([*islice(reversed(self._chunks), num_new)][::-1])
        starts, ends = self._ends[numbers], self._ends[numbers + 1]
        # From place to place in _known: one further, or from the end of a chunk to the next one.
        stops = np.cumsum(ends - starts)
        steps = np.ones(stops[-1:].sum(), int)
        steps[stops[:-1]] = starts[1:] - ends[:-1] + 1
        steps[:1] = starts[:1]
        return self._known[np.cumsum(steps, out=steps)]

    def _learn(self, new: Sequence[bytes]) -> None:
        # UTF-8 has no byte 0xFF, so it can end each word.
        ended = [b"\xff".join([*self._pretokenizer.split(chunk), b""]) for chunk in new]
        tokens = np.frombuffer(b"".join(ended), np.uint8).astype(int)
        tokens[tokens == 0xFF] = END
        tokens, chunks = self._merge(tokens, np.repeat(np.arange(len(new)), [*map(len, ended)]))
        ids, counts = self._ids[tokens], np.bincount(chunks, minlength=len(new))
        if (lacking := ids.min(initial=0)) < 0:
            self._forget()
            raise ValueError(f"byte {bytes([~lacking])!r} is not in the vocabulary")
        self._known = np.append(self._known, ids.astype(self.dtype))
        self._ends = np.append(self._ends, self._ends[-1] + np.cumsum(counts))

    def _merge(self, tokens: np.ndarray, chunks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """In each round, each of the chunks merges the pair that was learned first."""
        done, ranks = [], self._rank(tokens, np.arange(len(tokens)))
        while len(tokens):
            lowest = np.full(chunks[-1] + 1, NEVER)
            np.minimum.at(lowest, chunks, ranks)
            merge, going = ranks == lowest[chunks], lowest[chunks] < NEVER
            done.append((tokens[~going], chunks[~going]))
            tokens, chunks, ranks, merge = (a[going] for a in (tokens, chunks, ranks, merge))
            # subtle: in a run such as "aaaa" every second pair is merged, from the left.
            place = np.arange(len(merge))
            merge &= (place - np.maximum.accumulate(np.where(merge, -1, place))) % 2 == 1
            tokens[merge] = self._made[ranks[merge]]
            left = ~np.roll(merge, 1)  # The end of a word is never merged.
            changed = np.flatnonzero((merge | np.roll(merge, -1))[left])
            tokens, chunks, ranks = tokens[left], chunks[left], ranks[left]
            ranks[changed] = self._rank(tokens, changed)
        tokens, chunks = map(np.concatenate, zip(*done, strict=True))
        in_order = np.argsort(chunks, kind="stable")
        in_order = in_order[tokens[in_order] != END]
        return tokens[in_order], chunks[in_order]

    def _rank(self, tokens: np.ndarray, places: np.ndarray) -> np.ndarray:
        """When the tokens at these places and those after them are merged."""
        pairs = tokens[places] << 32 | tokens[(places + 1) % len(tokens)]
        found = np.searchsorted(self._pairs, pairs)
        return np.where(self._pairs[found] == pairs, self._ranks[found], NEVER)
