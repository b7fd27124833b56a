"""Text to chunks: strings that recur, and that no pre-token lies across.

Two neighbouring bytes decide where to cut, so numpy finds all places at once. Then it looks all
chunks up at once, in a table whose keys are the up to 15 bytes of a chunk as two integers.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .pieces import in_processes
from .pretokens import Pretokenizer

LONGEST = 15  # bytes of a chunk in the table; the pattern itself cuts a longer one
AT_ONCE = 1 << 14  # chunks, so that the processor's cache holds what is known of them
SLOT_BITS = 18
MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)  # any large odd numbers
# Fills eight bytes of which n are used. UTF-8 has no byte 0xFF, so no two chunks get the same key,
# and none the zeros of an empty slot.
FILL = np.array([(1 << 64) - (1 << 8 * n) for n in range(8)] + [0], np.uint64)


class Chunks:
    """Numbers chunks in the order in which they are seen; special tokens come first."""

    def __init__(self, pretokenizer: Pretokenizer) -> None:
        self._pretokenizer = pretokenizer
        self.texts = list(pretokenizer.specials)
        self._number = {text: number for number, text in enumerate(self.texts)}
        self._low, self._high = np.zeros((2, 1 << SLOT_BITS), np.uint64)
        self._number_in = np.zeros(1 << SLOT_BITS, np.intp)

    def count(self, text: str) -> dict[bytes, int]:
        counts = np.bincount(self.numbers(text), minlength=len(self.texts)).tolist()
        ordinary = slice(len(self._pretokenizer.specials), None)
        pairs = zip(self.texts[ordinary], counts[ordinary], strict=True)
        return {text: count for text, count in pairs if count}

    def numbers(self, text: str) -> np.ndarray:
        data = text.encode()
        bounds = self._bounds(data)
        # The eight bytes from each place on, as an integer.
        eight = np.ndarray(len(data) + 9, "<u8", data + bytes(16), strides=(1,))
        parts = [
            bounds[place : place + AT_ONCE + 1] for place in range(0, len(bounds) - 1, AT_ONCE)
        ]
        found = [self._look_up(data, eight, part) for part in parts]
        return np.concatenate([np.zeros(0, np.intp), *found])

    def _bounds(self, data: bytes) -> np.ndarray:
        """Where ASCII letters end or white space begins, no pre-token goes on. Not so beside what
        is not ASCII: a letter may follow, and white space may stand before."""
        byte = np.frombuffer(data, np.uint8)
        ascii, letter, space = byte < 128, (byte | 32) - 97 < 26, (byte == 32) | (byte - 9 < 5)
        ends = (letter[:-1] > letter[1:]) | (space[:-1] < space[1:])
        cuts = np.concatenate([[True], ends & ascii[:-1] & ascii[1:], [True] * (data != b"")])
        for special in self._pretokenizer.special.finditer(data):
            start, stop = special.span()
            cuts[start + 1 : stop] = False
            cuts[start] = cuts[stop] = True
        bounds, more = np.flatnonzero(cuts), list[int]()
        long = np.flatnonzero(np.diff(bounds) > LONGEST)
        for place, stop in zip(bounds[long].tolist(), bounds[long + 1].tolist(), strict=True):
            if (chunk := data[place:stop]) not in self._pretokenizer.specials:
                for pretoken in self._pretokenizer.pretokens(chunk.decode())[:-1]:
                    more.append(place := place + len(pretoken.encode()))
        return np.insert(bounds, np.searchsorted(bounds, np.array(more, int)), more)

    def _look_up(self, data: bytes, eight: np.ndarray, bounds: np.ndarray) -> np.ndarray:
        starts, lengths = bounds[:-1], np.diff(bounds)
        low = eight[starts] | FILL[np.minimum(lengths, 8)]
        high, longer = np.full(len(starts), FILL[0]), np.flatnonzero(lengths > 8)
        high[longer] = eight[starts[longer] + 8] | FILL[np.minimum(lengths[longer] - 8, 8)]
        slots = ((low * MIX[0] ^ high * MIX[1]) >> np.uint64(64 - SLOT_BITS)).view(np.intp)
        known = (self._low[slots] == low) & (self._high[slots] == high) & (lengths <= LONGEST)
        numbers, new = self._number_in[slots], np.flatnonzero(~known)
        columns = (each.tolist() for each in (new, starts[new], bounds[new + 1], slots[new]))
        for i, start, stop, slot in zip(*columns, strict=True):
            text = data[start:stop]
            number = numbers[i] = self._number.setdefault(text, len(self.texts))
            if number == len(self.texts):
                self.texts.append(text)
                if not self._high[slot] and len(text) <= LONGEST:
                    self._low[slot], self._high[slot] = low[i], high[i]
                    self._number_in[slot] = number
        return numbers


def count_pretokens(
    stretches: Iterator[str], pretokenizer: Pretokenizer, num_workers: int
) -> Counter[str]:
    """How often each pre-token occurs. The pattern sees each different chunk once."""
    chunks, pretokens = Counter[bytes](), Counter[str]()
    for counts in in_processes(Chunks(pretokenizer).count, stretches, num_workers):
        chunks.update(counts)
    for chunk, count in chunks.items():
        for pretoken in pretokenizer.pretokens(chunk.decode()):
            pretokens[pretoken] += count
    return pretokens
