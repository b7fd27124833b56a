"""Text to chunks: strings that recur, and that no pre-token lies across.

No pre-token goes on where ASCII letters end, and numpy finds all these places at once. Then it
looks all chunks up at once: a hash of a chunk leads to a slot, the slot to a number, and that
number is right if it has the key of the chunk, its up to 15 bytes as two integers.
"""

from collections import Counter
from pathlib import Path

import numpy as np

from .pieces import in_processes
from .pretokens import Pretokenizer

LONGEST = 15  # bytes of a chunk with a key; the pattern itself cuts a longer one
AT_ONCE = 1 << 14  # chunks, so that the processor's cache holds what is known of them
MAX_KEYS, SLOT_BITS = 1 << 18, 20
MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)  # any large odd numbers
# Fills eight bytes of which n are used. UTF-8 has no byte 0xFF, so no two chunks have the same key,
# and none begins with eight of it, as an unused one does.
FILL = np.array([(1 << 64) - (1 << 8 * n) for n in range(8)] + [0], np.uint64)


class Chunks(dict[bytes, int]):
    """Numbers chunks in the order in which they are seen; special tokens come first."""

    def __init__(self, pretokenizer: Pretokenizer) -> None:
        super().__init__((text, number) for number, text in enumerate(pretokenizer.specials))
        self._pretokenizer, self._number_in = pretokenizer, np.zeros(1 << SLOT_BITS, np.intp)
        self._low, self._high = np.full((2, MAX_KEYS), FILL[0])

    def __missing__(self, chunk: bytes) -> int:
        self[chunk] = number = len(self)
        return number

    def count(self, text: str) -> dict[bytes, int]:
        counts, texts = np.bincount(self.numbers(text)), [*self]
        seen = np.flatnonzero(counts)
        pairs = zip(seen.tolist(), counts[seen].tolist(), strict=True)
        return {texts[number]: count for number, count in pairs}

    def numbers(self, text: str) -> np.ndarray:
        data = text.encode()
        bounds = self._bounds(data)
        # The eight bytes from each place on, as an integer.
        eight = np.ndarray(len(data) + 9, "<u8", data + bytes(16), strides=(1,))
        parts = [bounds[at : at + AT_ONCE + 1] for at in range(0, len(bounds), AT_ONCE)]
        return np.concatenate([self._look_up(data, eight, part) for part in parts])

    def _bounds(self, data: bytes) -> np.ndarray:
        parts = self._pretokenizer.special.split(data)  # Every second one is a special token,
        edges = np.cumsum([0, *map(len, parts)])
        parts[1::2] = [bytes(len(part)) for part in parts[1::2]]  # in which no letter ends.
        byte = np.frombuffer(b"".join(parts), np.uint8)
        letter = (byte | 32) - 97 < 26
        cuts = np.concatenate([[True], letter[:-1] > (letter | (byte > 127))[1:], [True]])
        cuts[edges] = True
        bounds, more = np.flatnonzero(cuts[: len(data) + 1]), list[int]()
        long = np.flatnonzero(np.diff(bounds) > LONGEST)
        for place, stop in zip(bounds[long].tolist(), bounds[long + 1].tolist(), strict=True):
            for pretoken in self._pretokenizer.split(data[place:stop])[:-1]:
                more.append(place := place + len(pretoken))
        return np.insert(bounds, np.searchsorted(bounds, more), more) if more else bounds

    def _look_up(self, data: bytes, eight: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        starts, lengths = bounds[:-1], np.diff(bounds)
        low = eight[starts] | FILL.take(lengths, mode="clip")
        high, longer = np.zeros_like(low), np.flatnonzero(lengths > 7)
        high[longer] = eight[starts[longer] + 8] | FILL.take(lengths[longer] - 8, mode="clip")
        slots = ((low * MIX[0] ^ high * MIX[1]) >> np.uint64(64 - SLOT_BITS)).view(np.intp)
        numbers = self._number_in[slots]
        known = self._low[numbers] == low
        known[longer] &= self._high[numbers[longer]] == high[longer]
        new = np.flatnonzero(~known)
        places = zip(starts[new].tolist(), bounds[new + 1].tolist(), strict=True)
        numbers[new] = [self[data[start:stop]] for start, stop in places]
        new = new[(lengths[new] <= LONGEST) & (numbers[new] < MAX_KEYS)]
        self._number_in[slots[new]] = numbers[new]
        self._low[numbers[new]], self._high[numbers[new]] = low[new], high[new]
        return numbers


def count_pretokens(
    path: Path, pretokenizer: Pretokenizer, num_workers: int | None
) -> Counter[bytes]:
    """How often each pre-token occurs. The pattern sees each different chunk once."""
    chunks, pretokens = Counter[bytes](), Counter[bytes]()
    for counts in in_processes(Chunks(pretokenizer).count, path, pretokenizer, num_workers):
        chunks.update(counts)
    for special in pretokenizer.specials:
        del chunks[special]
    for chunk, count in chunks.items():
        for pretoken in pretokenizer.split(chunk):
            pretokens[pretoken] += count
    return pretokens
