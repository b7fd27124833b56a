"""Text to numbers of chunks: strings that recur, and that no pre-token lies across.

Where to cut depends on two neighbouring bytes alone, so numpy finds all places at once, and then
looks all chunks up at once in a table whose keys are the bytes of a chunk as two integers.
"""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from .pieces import AnyPath, in_processes, read_text, worker_count
from .pretokens import Pretokenizer

MAX_CHUNKS = 1 << 18  # then all are forgotten
AT_ONCE = 1 << 14  # chunks, so that they stay in the processor's cache
LONG = 256  # Where the quick cuts are so far apart, the pattern itself cuts.
_SLOT_BITS = 18
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)  # any large odd numbers
# Fills 8 bytes of which n are used. 0xFF is in no UTF-8, so no two chunks get the same key.
_FILL = np.array([(1 << 64) - (1 << 8 * n) for n in range(8)] + [0], np.uint64)


class Chunks:
    def __init__(self, pretokenizer: Pretokenizer) -> None:
        self._pretokenizer = pretokenizer
        self.texts: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        self._low, self._high = np.zeros((2, 1 << _SLOT_BITS), np.uint64)
        self._number_in = np.zeros(1 << _SLOT_BITS, np.intp)

    def numbers(self, text: str) -> Iterator[np.ndarray]:
        """The chunks of a text, each as its place in `texts`, some thousand at a time."""
        data = text.encode()
        starts = self._starts(data)
        lengths = np.diff(starts, append=len(data))
        # The eight bytes from each place on, as an integer.
        eight = np.ndarray(len(data) + 9, "<u8", data + bytes(16), strides=(1,))
        for place in range(0, len(starts), AT_ONCE):
            part = slice(place, place + AT_ONCE)
            yield self._look_up(data, eight, starts[part], lengths[part])

    def _starts(self, data: bytes) -> np.ndarray:
        """No branch of GPT-2's pattern matches across the end of ASCII letters or the beginning
        of white space, if what is before is ASCII too: a wide space would change the next one."""
        byte = np.frombuffer(data, np.uint8)
        ascii, letter, space = byte < 128, (byte | 32) - 97 < 26, (byte == 32) | (byte - 9 < 5)
        cuts = np.ones(len(byte), bool)
        cuts[1:] = letter[:-1] & ascii[1:] & ~letter[1:] | ascii[:-1] & ~space[:-1] & space[1:]
        for match in self._pretokenizer.special.finditer(data):
            start, stop = match.span()
            cuts[start:stop] = False
            cuts[start] = cuts[stop : stop + 1] = True
        starts = np.flatnonzero(cuts)
        lengths = np.diff(starts, append=len(data))
        for i in np.flatnonzero(lengths > LONG).tolist():
            long = data[starts[i] : starts[i] + lengths[i]]
            if long not in self._pretokenizer.specials:
                sizes = [len(each.encode()) for each in self._pretokenizer.pretokens(long.decode())]
                cuts[starts[i] + np.cumsum(sizes[:-1], dtype=np.intp)] = True
        return np.flatnonzero(cuts)

    def _look_up(
        self, data: bytes, eight: np.ndarray, starts: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray:
        low = eight[starts] | _FILL[np.minimum(lengths, 8)]
        high = np.full(len(starts), _FILL[0])
        over_8 = np.flatnonzero(lengths > 8)
        high[over_8] = eight[starts[over_8] + 8] | _FILL[np.minimum(lengths[over_8] - 8, 8)]
        slots = ((low * _MIX[0] ^ high * _MIX[1]) >> np.uint64(64 - _SLOT_BITS)).view(np.intp)
        numbers = self._number_in[slots]
        known = (self._low[slots] == low) & (self._high[slots] == high) & (lengths <= 16)
        new = np.flatnonzero(~known)
        columns = (each.tolist() for each in (new, starts[new], lengths[new], slots[new]))
        for i, start, length, slot in zip(*columns, strict=True):
            chunk = data[start : start + length]
            numbers[i] = number = self._numbers.setdefault(chunk, len(self.texts))
            if number == len(self.texts):
                self.texts.append(chunk)
                if not self._low[slot] and length <= 16:
                    self._low[slot], self._high[slot] = low[i], high[i]
                    self._number_in[slot] = number
        return numbers

    def count(self, text: str) -> dict[bytes, int]:
        counts = np.zeros(0, np.intp)
        for numbers in self.numbers(text):
            more = np.bincount(numbers, minlength=len(self.texts))
            more[: len(counts)] += counts
            counts = more
        seen = np.flatnonzero(counts)
        return dict(zip(map(self.texts.__getitem__, seen), counts[seen].tolist(), strict=True))


def count_pretokens(
    path: AnyPath, pretokenizer: Pretokenizer, num_workers: int | None
) -> Counter[str]:
    """How often each pre-token occurs in a file. The pattern sees each different chunk once."""
    stretches = pretokenizer.whole_stretches(read_text(path))
    count, chunks = Chunks(pretokenizer).count, Counter[bytes]()
    for counts in in_processes(count, stretches, worker_count(path, num_workers)):
        chunks.update(counts)
    pretokens = Counter[str]()
    for chunk, number in chunks.items():
        if chunk not in pretokenizer.specials:
            for pretoken in pretokenizer.pretokens(chunk.decode()):
                pretokens[pretoken] += number
    return pretokens
