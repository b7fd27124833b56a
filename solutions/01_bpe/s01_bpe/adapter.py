"""The contract of stage 01: text to token ids and back, by byte-pair encoding."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tiktoken

from . import gpt2_files, token_files
from .chunks import count_pretokens
from .encoding import Encoder
from .gpt2_files import AnyPath, Merge
from .pieces import in_processes
from .pretokens import Pretokenizer
from .training import learn_merges

# GPT-2's.
PRETOKEN_PATTERN = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def train_bpe(
    input_path: AnyPath,
    vocab_size: int,
    special_tokens: Sequence[str],
    *,
    num_workers: int | None = None,
) -> tuple[dict[int, bytes], list[Merge]]:
    """Learn a vocabulary from a UTF-8 text file: the most frequent pair of tokens becomes one
    token, again and again (Sennrich et al. 2016, algorithm 1, on bytes).

    Returns the vocabulary and the merges in the order they were learned. Ids 0 to 255 are the
    bytes, id 256 + k is what merge k makes, and the special tokens follow in the order given.
    `vocab_size` counts all of them; there are fewer when no pair is left to merge.

    - The text is cut at special tokens, which count for nothing, and then by `PRETOKEN_PATTERN`.
      Pairs are counted inside pre-tokens only, at every place they occur: in "aaa" the pair
      (a, a) occurs twice. It is merged from left to right: "aaa" becomes "aa", "a".
    - Of pairs equally frequent, the one with the greater first token is merged, then the one
      with the greater second token, compared as bytes: (b"ab", b"c") before (b"a", b"bc").
    - The file is read as it is (no newline is translated), in pieces: memory grows with the
      number of different pre-tokens, not with the file. `num_workers` processes count them;
      None takes one for a small file, up to one for each core for a large one, always with the
      same result.

    Raises:
        ValueError: `vocab_size` is below 256 plus the number of special tokens, one of these is
            empty, `num_workers` is below 1, or the file is not UTF-8 (with name and offset).
        FileNotFoundError: there is no such file. An empty one gives a vocabulary without merges.
    """
    single_bytes = {byte: bytes([byte]) for byte in range(256)}
    num_merges = vocab_size - len(_with_specials(single_bytes, special_tokens))
    if num_merges < 0:
        least = f"{vocab_size - num_merges}: 256 bytes and the special tokens"
        raise ValueError(f"vocab_size ({vocab_size}) must be at least {least}")
    pretokenizer = Pretokenizer(PRETOKEN_PATTERN, special_tokens)
    pretokens = count_pretokens(Path(input_path), pretokenizer, num_workers)
    merges = learn_merges(pretokens, num_merges)
    learned = {256 + k: first + second for k, (first, second) in enumerate(merges)}
    return _with_specials(single_bytes | learned, special_tokens), merges


def _with_specials(vocab: Mapping[int, bytes], special_tokens: Iterable[str]) -> dict[int, bytes]:
    """Every special token that `vocab` lacks gets the next id."""
    present, next_id = set(vocab.values()), max(vocab, default=-1) + 1
    missing = [token for token in map(str.encode, special_tokens) if token not in present]
    return {**vocab, **dict(enumerate(dict.fromkeys(missing), next_id))}


class Tokenizer:
    """Turns text into token ids and back.

    `vocab` and `merges` are as `train_bpe` returns them, or those of any GPT-2-like tokenizer.
    Special tokens that `vocab` lacks get the next ids, in the order given. The attributes `vocab`
    and `merges` hold the result, and `special_tokens` the id of each special token by its text.

    Raises:
        ValueError: a special token is empty, two ids have the same bytes, or a merge makes what
            is not in `vocab`.
    """

    def __init__(
        self,
        vocab: Mapping[int, bytes],
        merges: Iterable[Merge],
        special_tokens: Iterable[str] | None = None,
    ) -> None:
        specials = list(special_tokens or ())
        self.pretokenizer = Pretokenizer(PRETOKEN_PATTERN, specials)
        self.vocab, self.merges = _with_specials(vocab, specials), list(merges)
        self.encoder = Encoder(self.pretokenizer, self.vocab, self.merges)
        self.special_tokens = {token: self.encoder.id_of[token.encode()] for token in specials}

    def encode(self, text: str) -> list[int]:
        """The ids of `text`.

        It is cut at special tokens, each of which becomes its id (of those that begin at the same
        place, the longest), then into pre-tokens. Their bytes are merged in the order in which
        the merges were learned, each merge from left to right.

        Raises:
            ValueError: `text` holds a lone surrogate, or a byte that `vocab` lacks.
        """
        return self.encoder.encode(text).tolist()

    def encode_iterable(self, iterable: Iterable[str]) -> Iterator[int]:
        """The ids of `encode("".join(iterable))`, one at a time, reading no further ahead than
        needed, wherever the strings are cut: in a word, in white space or in a special token.

        What may still grow is held back: the text after the last place where white space or a
        special token begins, and anything that may be part of a special token. So an id comes
        out once the next word has begun, and memory holds one string and one stretch without
        white space.
        """
        for text in self.pretokenizer.whole_stretches(iterable):
            yield from self.encode(text)

    def decode(self, ids: Iterable[int]) -> str:
        """The text of `ids`: their bytes, joined, then read as UTF-8. What is not UTF-8 becomes
        U+FFFD, as in `bytes.decode(errors="replace")`.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        try:
            return b"".join([self.vocab[token_id] for token_id in ids]).decode(errors="replace")
        except KeyError as error:
            raise ValueError(f"no token of the {len(self.vocab)} has the id {error}") from None

    def save(self, folder: AnyPath) -> None:
        """Write `vocab.json` and `merges.txt` as GPT-2 does; the folder is made if need be.

        All tokens, special ones too, are written with one printable character for each byte
        (Radford et al. 2019, `bytes_to_unicode`). Each file is replaced as a whole or not at all.
        """
        gpt2_files.save(folder, self.vocab, self.merges)

    @classmethod
    def from_files(
        cls, vocab: AnyPath, merges: AnyPath, special_tokens: Iterable[str] | None = None
    ) -> "Tokenizer":
        """Read the two files that `save` wrote, or those of GPT-2; the line with the version may
        be missing. They do not say which tokens are special.

        Raises:
            ValueError: a file is not in GPT-2's format (with its name and what is wrong).
        """
        return cls(gpt2_files.read_vocab(vocab), gpt2_files.read_merges(merges), special_tokens)


def to_tiktoken(tokenizer: Tokenizer) -> tiktoken.Encoding:
    """The same tokenizer in OpenAI's library.

    Raises:
        ValueError: ids do not grow in the order of the merges, which tiktoken takes for granted.
    """
    specials = tokenizer.special_tokens
    ranks = {token: i for i, token in tokenizer.vocab.items() if i not in specials.values()}
    merged = [ranks[first + second] for first, second in tokenizer.merges]
    if merged != sorted(merged):
        raise ValueError("tiktoken merges by id, and these ids do not grow in order of merging")
    return tiktoken.Encoding(
        "groundup", pat_str=PRETOKEN_PATTERN, mergeable_ranks=ranks, special_tokens=specials
    )


def encode_file(
    tokenizer: Tokenizer, path: AnyPath, out: AnyPath, *, num_workers: int | None = None
) -> np.memmap:
    """Write the ids of a UTF-8 text file to `out`, and return them as `open_tokens(out)` does.

    `out` (by convention `*.bin`) holds nothing but ids, little-endian, in the smallest unsigned
    integer type that holds every id of the vocabulary. Beside it `out` + `.json` says what they
    are: `dtype` ("uint16"), `count`, `vocab_size`, `vocab_sha256` (of the `vocab.json` that
    `tokenizer.save` writes) and `special_tokens` (ids by text).

    The ids are those of `tokenizer.encode` of the whole file, read as it is, in pieces; memory
    does not grow with the file as long as it has white space or special tokens. `num_workers` is
    as in `train_bpe`. `out` is replaced once all ids are written; if that fails, it is left as
    it was, and nothing new beside it.

    Raises:
        ValueError: the file is not UTF-8 (with name and offset), or `num_workers` is below 1.
        FileNotFoundError: there is no such file. An empty one gives no ids.
    """
    return token_files.write(
        Path(out),
        tokenizer.encoder.dtype,
        in_processes(tokenizer.encoder.encode, Path(path), tokenizer.pretokenizer, num_workers),
        vocab_size=len(tokenizer.vocab),
        vocab_sha256=hashlib.sha256(gpt2_files.vocab_json(tokenizer.vocab)).hexdigest(),
        special_tokens=tokenizer.special_tokens,
    )


def open_tokens(path: AnyPath) -> np.memmap:
    """The ids that `encode_file` wrote, read-only, of shape (count,).

    Raises:
        ValueError: the header is missing, cannot be read, names another type than uint8, uint16
            or uint32, or says another number of ids than the file holds.
        FileNotFoundError: there is no such file.
    """
    return token_files.open_tokens(path)
