"""Text to pre-tokens, and the places where it can be cut without changing them."""

import re
from collections.abc import Iterable, Iterator

import regex

# Each branch of GPT-2's pattern ends at such a place, whatever follows.
BORDERS = [r"(?<!\s)(?=\s)", r"(?<=\p{L})(?=\P{L})", r"(?<=\p{N})(?=\P{N})"]


class Pretokenizer:
    def __init__(self, pattern: str, special_tokens: Iterable[str]) -> None:
        longest_first = sorted(dict.fromkeys(special_tokens), key=len, reverse=True)
        if "" in longest_first:
            raise ValueError("a special token is the empty string; give it at least one character")
        self.specials = [token.encode() for token in longest_first]
        any_special = b"|".join(map(re.escape, self.specials)) or b"(?!)"
        self.special, self._pattern = re.compile(b"(%b)" % any_special), regex.compile(pattern)
        starts = [f"(?={regex.escape(token)})" for token in longest_first]
        self._places = regex.compile("(?r)" + "|".join(BORDERS + starts))  # (?r): backwards
        self._halves = [(s[:n], s[n:]) for s in longest_first for n in range(1, len(s))]

    def split(self, chunk: bytes) -> list[bytes]:
        """The pre-tokens of a special token, which is its own, or of text without any."""
        if chunk in self.specials:
            return [chunk]
        return [*map(str.encode, self._pattern.findall(chunk.decode()))]

    def whole_stretches(self, strings: Iterable[str]) -> Iterator[str]:
        """The joined strings, cut anew so that each stretch can be pre-tokenized alone."""
        pending = ""
        for string in strings:
            pending += string
            if cut := self.last_cut(pending):
                yield pending[:cut]
                pending = pending[cut:]
        yield pending

    def last_cut(self, text: str) -> int:
        """The last place that no pre-token and no special token lies across, however the text
        goes on; 0 if there is none."""
        for place in (match.start() for match in self._places.finditer(text)):
            halves = (right for left, right in self._halves if text.endswith(left, 0, place))
            if not any(right.startswith(text[place : place + len(right)]) for right in halves):
                return place
        return 0
