"""Counts of pre-tokens to merges.

A word (a pre-token during training) is a string with one character for each of its tokens:
`chr(id)`. So the pair of two tokens is a string of two characters, and merging it everywhere in
a word, from left to right, is `str.replace`.
"""

import heapq
import operator
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping


def learn_merges(pretokens: Mapping[str, int], num_merges: int) -> list[tuple[bytes, bytes]]:
    """The first `num_merges` merges, or fewer if no pair is left."""
    words = Words(pretokens)
    queue = PairQueue(words.pair_counts)
    merges: list[tuple[bytes, bytes]] = []
    while len(merges) < num_merges and (pair := queue.pop()):
        new = queue.add_token(pair)
        merges.append((queue.token(pair[0]), queue.token(pair[1])))
        for created in words.merge(pair, new):
            queue.push(created)
    return merges


def pairs_of(word: str) -> Iterable[str]:
    return map(operator.add, word, word[1:])


class Words:
    """All words, with the count of every pair and the words that each pair may be in."""

    def __init__(self, pretokens: Mapping[str, int]) -> None:
        # Latin-1 turns byte b into chr(b).
        self._words = [pretoken.encode().decode("latin-1") for pretoken in pretokens]
        self._counts = list(pretokens.values())
        self.pair_counts: Counter[str] = Counter()
        self._places: defaultdict[str, list[int]] = defaultdict(list)
        for place, (word, count) in enumerate(zip(self._words, self._counts, strict=True)):
            for pair in pairs_of(word):
                self.pair_counts[pair] += count
                self._places[pair].append(place)

    def merge(self, pair: str, new: str) -> set[str]:
        """Replace `pair` by the token `new` in all words; returns the pairs this created.

        A place may be listed though its word has lost the pair to an earlier merge; then nothing
        changes there. Only pairs with `new` in them can become more frequent.
        """
        created = set()
        for place in self._places.pop(pair):
            old, count = self._words[place], self._counts[place]
            merged = self._words[place] = old.replace(pair, new)
            if len(merged) == len(old):
                continue
            for gone in pairs_of(old):
                self.pair_counts[gone] -= count
            for there in pairs_of(merged):
                self.pair_counts[there] += count
                if new in there:
                    created.add(there)
                    self._places[there].append(place)
        return created


class PairQueue:
    """Pairs by count, then by the bytes of their tokens, the greatest first.

    Counts only fall once a pair is in the queue, and the queue is not told. So a pair that comes
    out with a count that has fallen goes back in with the count it has now.
    """

    def __init__(self, pair_counts: Mapping[str, int]) -> None:
        self._pair_counts = pair_counts
        self._tokens = [bytes([byte]) for byte in range(256)]
        self._descending = [_descending(token) for token in self._tokens]
        self._heap: list[tuple[int, str, str, str]] = [self._entry(pair) for pair in pair_counts]
        heapq.heapify(self._heap)

    def token(self, character: str) -> bytes:
        return self._tokens[ord(character)]

    def add_token(self, pair: str) -> str:
        """The character of the new token that `pair` becomes."""
        token = self.token(pair[0]) + self.token(pair[1])
        self._tokens.append(token)
        self._descending.append(_descending(token))
        return chr(len(self._tokens) - 1)

    def push(self, pair: str) -> None:
        heapq.heappush(self._heap, self._entry(pair))

    def pop(self) -> str | None:
        while self._heap:
            negative_count, *_, pair = heapq.heappop(self._heap)
            if self._pair_counts[pair] == -negative_count:
                return pair
            if self._pair_counts[pair]:
                self.push(pair)
        return None

    def _entry(self, pair: str) -> tuple[int, str, str, str]:
        first, second = map(ord, pair)
        return -self._pair_counts[pair], self._descending[first], self._descending[second], pair


def _descending(token: bytes) -> str:
    """A key that sorts tokens in descending order; the end of a token sorts after every byte."""
    return "".join(chr(255 - byte) for byte in token) + chr(256)
