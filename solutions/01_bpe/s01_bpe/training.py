"""Counts of pre-tokens to merges.

A word (a pre-token during training) is a string with one character for each token: `chr(id)`.
So a pair of tokens is a string of two characters, and merging it everywhere is `str.replace`.
"""

from collections import defaultdict
from collections.abc import Mapping
from heapq import heappop, heappush
from operator import add


def learn_merges(pretokens: Mapping[bytes, int], num_merges: int) -> list[tuple[bytes, bytes]]:
    """The heap gives the most frequent pair, of those the one with the greatest tokens. A count
    in it may be too high, never too low: then the pair goes back with its present count."""
    words, merges = Words(pretokens), list[tuple[bytes, bytes]]()
    tokens = [bytes([byte]) for byte in range(256)]
    keys = [_descending(token) for token in tokens]

    def entry(pair: str) -> tuple[int, str, str]:
        return -words.counts[pair], keys[ord(pair[0])] + keys[ord(pair[1])], pair

    heap = sorted(map(entry, words.counts))
    while heap and len(merges) < num_merges:
        negative_count, _, pair = heappop(heap)
        if words.counts[pair] == -negative_count:
            merges.append((tokens[ord(pair[0])], tokens[ord(pair[1])]))
            tokens.append(b"".join(merges[-1]))
            keys.append(_descending(tokens[-1]))
            for created in words.merge(pair, chr(len(tokens) - 1)):
                heappush(heap, entry(created))
        elif words.counts[pair]:
            heappush(heap, entry(pair))
    return merges


def _descending(token: bytes) -> str:
    """A key that sorts tokens in descending order; the end of a token sorts after every byte."""
    return "".join([chr(255 - byte) for byte in token]) + chr(256)


class Words:
    """All words, with the count of every pair and the words that each pair may be in."""

    def __init__(self, pretokens: Mapping[bytes, int]) -> None:
        self._words = [text.decode("latin-1") for text in pretokens]  # byte b is chr(b)
        self._weights = list(pretokens.values())
        self.counts, self._places = defaultdict[str, int](int), defaultdict[str, list[int]](list)
        for place, word in enumerate(self._words):
            for pair in map(add, word, word[1:]):
                self.counts[pair] += self._weights[place]
                self._places[pair].append(place)

    def merge(self, pair: str, new: str) -> set[str]:
        """Replace `pair` by the token `new` in all words; returns the pairs this created."""
        created = set()
        for place in dict.fromkeys(self._places.pop(pair)):  # once each
            old, weight = self._words[place], self._weights[place]
            self._words[place] = word = old.replace(pair, new)
            if word != old:  # An earlier merge may have taken the pair.
                for gone in map(add, old, old[1:]):
                    self.counts[gone] -= weight
                for there in map(add, word, word[1:]):
                    self.counts[there] += weight
                    if new in there:
                        created.add(there)
                        self._places[there].append(place)
        return created
