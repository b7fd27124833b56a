"""Text to pre-tokens: cut at special tokens, then by the pattern; and how often each occurs."""

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

import regex

from .cutting import SafeCuts
from .pieces import file_pieces, in_processes, read_piece, worker_count


class Pretokenizer:
    def __init__(self, pattern: str, special_tokens: Iterable[str]) -> None:
        longest_first = sorted(special_tokens, key=len, reverse=True)
        if "" in longest_first:
            raise ValueError("a special token is the empty string; give it at least one character")
        any_special = "|".join(map(regex.escape, longest_first))
        self._special = regex.compile(f"({any_special})") if longest_first else None
        self.pretokens = regex.compile(pattern).findall
        self.cuts = SafeCuts(longest_first)

    def segments(self, text: str) -> list[str]:
        """Plain text and special tokens in turn: those at odd places are special."""
        return self._special.split(text) if self._special else [text]

    def count(self, text: str) -> Counter[str]:
        counts: Counter[str] = Counter()
        for plain in self.segments(text)[::2]:
            counts.update(self.pretokens(plain))
        return counts

    def whole_stretches(self, strings: Iterable[str]) -> Iterator[str]:
        """The joined strings, cut anew so that each stretch can be pre-tokenized alone."""
        pending = ""
        for string in strings:
            pending += string
            cut = self.cuts.last(pending)
            if cut:
                yield pending[:cut]
                pending = pending[cut:]
        yield pending


def count_pretokens(
    path: str | os.PathLike[str], pretokenizer: Pretokenizer, num_workers: int | None
) -> Counter[str]:
    """How often each pre-token occurs in a file; the same for any number of workers."""
    pieces = file_pieces(path, pretokenizer.cuts)
    num_workers = worker_count(num_workers, len(pieces))
    # Few tasks of many pieces: the counts of a task are sent once, however many pieces it has.
    num_tasks = min(4 * num_workers, len(pieces))
    tasks = [pieces[first::num_tasks] for first in range(num_tasks)]
    total: Counter[str] = Counter()
    for counts in in_processes(partial(_count_pieces, path, pretokenizer), tasks, num_workers):
        total.update(counts)
    return total


def _count_pieces(
    path: str | os.PathLike[str], pretokenizer: Pretokenizer, pieces: Sequence[tuple[int, int]]
) -> Counter[str]:
    counts: Counter[str] = Counter()
    for piece in pieces:
        counts.update(pretokenizer.count(read_piece(path, piece)))
    return counts
