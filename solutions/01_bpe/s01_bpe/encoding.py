"""Text to ids: the merges applied in the order in which they were learned.

A new pre-token costs a loop over its pairs, so all new ones of a text go through it together.
Inside, token k < 256 is byte k, and the others follow in the order in which merges make them.
"""

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np

from .chunks import MAX_CHUNKS, Chunks
from .pretokens import Pretokenizer

_NEVER = np.iinfo(np.int64).max


class Encoder:
    def __init__(
        self,
        pretokenizer: Pretokenizer,
        vocab: Mapping[int, bytes],
        merges: Sequence[tuple[bytes, bytes]],
    ) -> None:
        self._pretokenizer = pretokenizer
        id_of = {token: token_id for token_id, token in vocab.items()}
        if twice := [i for i, token in vocab.items() if id_of[token] != i]:
            raise ValueError(f"two ids are {vocab[twice[0]]!r}, one of them is {twice[0]}")
        made = [first + second for first, second in merges]
        if unknown := [token for token in made if token not in id_of]:
            raise ValueError(f"a merge makes {unknown[0]!r}, which is not in the vocabulary")
        tokens = dict.fromkeys([bytes([byte]) for byte in range(256)] + made)
        tokens |= dict.fromkeys([*pretokenizer.specials, *chain.from_iterable(merges)])
        self._number = number = {token: place for place, token in enumerate(tokens)}
        # A byte that the vocabulary lacks has a negative id.
        self._ids = np.array([id_of.get(token, -1 - place) for place, token in enumerate(tokens)])
        pairs = np.array([number[first] << 32 | number[second] for first, second in merges], int)
        by_pair = np.argsort(pairs, kind="stable")
        self._pairs = np.append(pairs[by_pair], _NEVER)
        self._ranks = np.append(by_pair, _NEVER)
        self._made = np.array([number[token] for token in made], int)
        self._forget()

    def _forget(self) -> None:
        self._chunks = Chunks(self._pretokenizer)
        self._known, self._ends = np.zeros(0, np.int64), np.zeros(1, np.intp)

    def encode(self, text: str) -> np.ndarray:
        parts = list(self._chunks.numbers(text))
        self._encode_new()
        ids = np.concatenate([np.zeros(0, np.int64), *map(self._ids_of, parts)])
        if len(ids) and (lacking := ids.min()) < 0:
            raise ValueError(f"byte {bytes([-1 - lacking])!r} is not in the vocabulary")
        if len(self._chunks.texts) > MAX_CHUNKS:
            self._forget()
        return ids

    def _encode_new(self) -> None:
        new = self._chunks.texts[len(self._ends) - 1 :]
        if new:
            ids, lengths = self._merged(new)
            self._known = np.concatenate([self._known, ids])
            self._ends = np.concatenate([self._ends, self._ends[-1] + np.cumsum(lengths)])

    def _ids_of(self, numbers: np.ndarray) -> np.ndarray:
        starts = self._ends[numbers]
        lengths = self._ends[numbers + 1] - starts
        # Places in _known: start, start + 1, … for each chunk.
        firsts = np.cumsum(lengths) - lengths
        return self._known[np.arange(lengths.sum()) + np.repeat(starts - firsts, lengths)]

    def _merged(self, chunks: Sequence[bytes]) -> tuple[np.ndarray, np.ndarray]:
        """The ids of chunks, joined, and how many each has."""
        words: list[Sequence[int]] = []
        chunk_of: list[int] = []
        for place, chunk in enumerate(chunks):
            if chunk in self._pretokenizer.specials:
                found: list[Sequence[int]] = [[self._number[chunk]]]
            else:
                found = [each.encode() for each in self._pretokenizer.pretokens(chunk.decode())]
            words += found
            chunk_of += [place] * len(found)
        tokens = np.array([token for word in words for token in word])
        tokens, word_of = self._merge(tokens, np.repeat(np.arange(len(words)), [*map(len, words)]))
        counts = np.bincount(np.array(chunk_of)[word_of], minlength=len(chunks))
        return self._ids[tokens], counts

    def _merge(self, tokens: np.ndarray, words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All words at once: in each round, every word merges the pair that was learned first."""
        done = []
        while len(tokens):
            pairs = np.append(tokens[:-1] << 32 | tokens[1:], -1)
            places = np.searchsorted(self._pairs, pairs)
            inside = np.append(words[:-1] == words[1:], False)
            ranks = np.where(inside & (self._pairs[places] == pairs), self._ranks[places], _NEVER)
            lowest = np.full(words[-1] + 1, _NEVER)
            np.minimum.at(lowest, words, ranks)
            lowest = lowest[words]
            going = lowest < _NEVER
            done.append((tokens[~going], words[~going]))
            tokens, words, ranks, lowest = tokens[going], words[going], ranks[going], lowest[going]
            merge = ranks == lowest
            # subtle: of a run such as "aaa" every second pair is merged, from the left.
            index = np.arange(len(merge))
            first = merge & ~np.append(False, merge[:-1])[: len(merge)]
            merge &= (index - np.maximum.accumulate(np.where(first, index, 0))) % 2 == 0
            tokens[merge] = self._made[ranks[merge]]
            keep = ~np.append(False, merge[:-1])[: len(merge)]
            tokens, words = tokens[keep], words[keep]
        tokens, words = (np.concatenate(each) for each in zip(*done, strict=True))
        order = np.argsort(words, kind="stable")
        return tokens[order], words[order]
