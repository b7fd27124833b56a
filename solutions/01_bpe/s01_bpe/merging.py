"""Pre-tokens to ids: the merges applied in the order in which they were learned."""

import operator
from collections.abc import Mapping, Sequence

CACHED_PRETOKENS = 1 << 18


class PretokenIds(dict[str, list[int]]):
    """The ids of each pre-token, worked out when first asked for.

    As in training, a word is a string with one character for each token: byte b is chr(b), what
    merge k makes is chr(256 + k), unless an earlier merge makes the same.
    """

    def __init__(self, vocab: Mapping[int, bytes], merges: Sequence[tuple[bytes, bytes]]) -> None:
        super().__init__()
        self.id_of = {token: token_id for token_id, token in vocab.items()}
        if len(self.id_of) < len(vocab):
            twice = next(i for i, token in vocab.items() if self.id_of[token] != i)
            raise ValueError(
                f"ids {twice} and {self.id_of[vocab[twice]]} are both {vocab[twice]!r}"
            )
        self._tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in merges]
        lacking = next((token for token in self._tokens[256:] if token not in self.id_of), None)
        if lacking is not None:
            raise ValueError(f"a merge makes {lacking!r}, which is not in the vocabulary")
        character: dict[bytes, str] = {}
        for place, token in enumerate(self._tokens):
            character.setdefault(token, chr(place))
        self._ranks: dict[str, int] = {}
        self._merged: dict[str, str] = {}
        for rank, (first, second) in enumerate(merges):
            pair = character[first] + character[second]
            self._ranks[pair], self._merged[pair] = rank, character[first + second]

    def __missing__(self, pretoken: str) -> list[int]:
        if len(self) >= CACHED_PRETOKENS:
            self.clear()
        word = self._merge_all(pretoken.encode().decode("latin-1"))
        tokens = [self._tokens[ord(character)] for character in word]
        try:
            ids = self[pretoken] = [self.id_of[token] for token in tokens]
        except KeyError as error:
            raise ValueError(f"byte {error.args[0]!r} is not in the vocabulary") from None
        return ids

    def _merge_all(self, word: str) -> str:
        never = len(self._ranks)
        while len(word) > 1:
            pairs = list(map(operator.add, word, word[1:]))
            best = min(pairs, key=lambda pair: self._ranks.get(pair, never))
            if best not in self._merged:
                break
            word = word.replace(best, self._merged[best])
        return word
