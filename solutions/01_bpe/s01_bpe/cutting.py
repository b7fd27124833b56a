"""Where a text can be cut so that its parts, pre-tokenized alone, give what the whole gives."""

import mmap
from collections.abc import Sequence
from typing import AnyStr

import regex

# Every white-space character of `\s` in UTF-8; all of them are below U+3001.
_WHITE_SPACE = b"|".join(c.encode() for c in regex.findall(r"\s", "".join(map(chr, range(0x3001)))))


class SafeCuts:
    """Places that neither a pre-token nor a special token lies across, whatever text follows.

    Two kinds of places are considered. Where white space begins after anything else: each branch
    of GPT-2's pattern ends before it. And where a special token begins: text is cut there anyway.
    Of these, the places inside what is or may become a special token are left out.
    """

    def __init__(self, special_tokens: Sequence[str]) -> None:
        self._specials = special_tokens
        self._encoded = [token.encode() for token in special_tokens]
        self._reach = max(map(len, self._encoded), default=0)
        starts = [f"(?={regex.escape(token)})" for token in special_tokens]
        self._backwards = regex.compile("|".join([r"(?r)(?<!\s)(?=\s)", *starts]))
        # The same for UTF-8, but before ASCII white space only, which no other byte looks like.
        self._forwards = regex.compile(
            b"|".join([rb"(?<!%b)(?=[\t-\r ])" % _WHITE_SPACE, *(s.encode() for s in starts)])
        )

    def last(self, text: str) -> int:
        """The last safe cut of a text that may go on; 0 if it has none."""
        for match in self._backwards.finditer(text):
            cut = match.start()
            before, after = text[max(0, cut - self._reach) : cut], text[cut : cut + self._reach]
            if not _may_split(self._specials, before, after):
                return cut
        return 0

    def next(self, data: mmap.mmap, start: int) -> int:
        """The first safe cut of a file at or after byte `start`; its length if there is none."""
        for match in self._forwards.finditer(data, start):
            cut = match.start()
            before, after = data[max(0, cut - self._reach) : cut], data[cut : cut + self._reach]
            if not _may_split(self._encoded, before, after):
                return cut
        return len(data)


def _may_split(specials: Sequence[AnyStr], before: AnyStr, after: AnyStr) -> bool:
    """Whether a special token lies across the border, or could if `after` went on."""
    return any(
        before.endswith(special[:taken])
        and special[taken:].startswith(after[: len(special) - taken])
        for special in specials
        for taken in range(1, len(special))
    )
