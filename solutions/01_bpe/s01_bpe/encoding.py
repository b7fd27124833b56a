"""Text to ids: the merges applied in the order in which they were learned.

Each chunk is encoded once, and all new ones of a text go through the merges together. Here a
token is its place among the 256 bytes and what the merges make; only at the end it becomes an id.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from .chunks import Chunks
from .pretokens import Pretokenizer

MAX_CHUNKS = 1 << 18  # Then all are forgotten.
NEVER = np.iinfo(np.int64).max


class Encoder:
    def __init__(
        self,
        pretokenizer: Pretokenizer,
        vocab: Mapping[int, bytes],
        merges: Sequence[tuple[bytes, bytes]],
    ) -> None:
        self._pretokenizer = pretokenizer
        self.id_of = {token: token_id for token_id, token in vocab.items()}
        if twice := [i for i, token in vocab.items() if self.id_of[token] != i]:
            raise ValueError(f"two ids are {vocab[twice[0]]!r}, one of them is {twice[0]}")
        made = [first + second for first, second in merges]
        if unknown := [token for token in made if token not in self.id_of]:
            raise ValueError(f"a merge makes {unknown[0]!r}, which is not in the vocabulary")
        tokens = dict.fromkeys([bytes([byte]) for byte in range(256)] + made)
        tokens |= dict.fromkeys(chain.from_iterable(merges))  # Some may never come to be.
        place_of = {token: place for place, token in enumerate(tokens)}
        # A byte that the vocabulary lacks has a negative id.
        self._ids = np.array([self.id_of.get(token, -1 - place_of[token]) for token in tokens])
        self._made = np.array([place_of[token] for token in made], int)
        pairs = np.array([place_of[a] << 32 | place_of[b] for a, b in merges], int)
        ranks = np.argsort(pairs, kind="stable")
        self._pairs, self._ranks = np.append(pairs[ranks], NEVER), np.append(ranks, NEVER)
        self._forget()

    def _forget(self) -> None:
        self._chunks = Chunks(self._pretokenizer)
        # The ids of all chunks, joined, and where those of each chunk end; special tokens first.
        self._known = np.array([self.id_of[token] for token in self._chunks.texts], int)
        self._ends = np.arange(len(self._known) + 1)

    def encode(self, text: str) -> np.ndarray:
        numbers = self._chunks.numbers(text)
        if new := self._chunks.texts[len(self._ends) - 1 :]:
            self._encode_new(new)
        starts, ends = self._ends[numbers], self._ends[numbers + 1]
        # From place to place in _known: one further, or from the end of a chunk to the next one.
        steps = np.ones(np.sum(ends - starts), int)
        steps[np.cumsum(ends - starts)[:-1]] = starts[1:] - ends[:-1] + 1
        steps[:1] = starts[:1]
        ids = self._known[np.cumsum(steps)]
        if len(ids) and (lacking := ids.min()) < 0:
            raise ValueError(f"byte {bytes([-1 - lacking])!r} is not in the vocabulary")
        if len(self._chunks.texts) > MAX_CHUNKS:
            self._forget()
        return ids

    def _encode_new(self, new: Sequence[bytes]) -> None:
        found = [self._pretokenizer.pretokens(chunk.decode()) for chunk in new]
        words = [word.encode() for each in found for word in each]
        word_of = np.repeat(np.arange(len(words)), [*map(len, words)])
        tokens, word_of = self._merge(np.array([*b"".join(words)], int), word_of)
        chunk_of = np.repeat(np.arange(len(new)), [*map(len, found)])[word_of]
        ends = self._ends[-1] + np.cumsum(np.bincount(chunk_of, minlength=len(new)))
        known = np.append(self._known, self._ids[tokens])
        self._known, self._ends = known, np.append(self._ends, ends)

    def _merge(self, tokens: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """In each round, each of the words merges the pair that was learned first."""
        done = [(tokens[:0], words[:0])]
        while len(tokens):
            pairs = np.append(tokens[:-1] << 32 | tokens[1:], -1)
            pairs[:-1][words[:-1] != words[1:]] = -1
            places = np.searchsorted(self._pairs, pairs)
            ranks = np.where(self._pairs[places] == pairs, self._ranks[places], NEVER)
            lowest = np.full(words[-1] + 1, NEVER)
            np.minimum.at(lowest, words, ranks)
            merge, going = ranks == lowest[words], lowest[words] < NEVER
            done.append((tokens[~going], words[~going]))
            tokens, words, ranks, merge = (each[going] for each in (tokens, words, ranks, merge))
            # subtle: in a run such as "aaaa" every second pair is merged, from the left.
            place = np.arange(len(merge))
            merge &= (place - np.maximum.accumulate(np.where(merge, -1, place))) % 2 == 1
            tokens[merge] = self._made[ranks[merge]]
            left = ~np.roll(merge, 1)  # The last token of a word is never merged with the next.
            tokens, words = tokens[left], words[left]
        tokens, words = map(np.concatenate, zip(*done, strict=True))
        in_order = np.argsort(words, kind="stable")
        return tokens[in_order], words[in_order]
