"""What the tests of stage 01 share: a textbook trainer, a given tokenizer, hostile text."""

import functools
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
import regex
from hypothesis import strategies

# The code under test is imported inside fixtures: pytest loads this file before it knows whose
# code that is.

# GPT-2's pattern, as OpenAI wrote it (Radford et al. 2019, encoder.py).
PATTERN = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
SPECIAL_TOKENS = ["<|endoftext|>", "<|pad|>"]

ALLOWED = 2**31
"""Bytes that a test may take; the texts are small."""

# What the given tokenizer is trained on. Rare letters, runs and line ends all get merges.
TEXT = """\
Once upon a time, there was a naïve girl named Zoë. She didn't like the 12 loud crows; they'd
    steal 1234 grains, and she'll say: "It's mine!!! They're naïve, we've seen them, I'm Zoë."\r
\r
Straße, Straße, gęślą jaźń, gęślą 日本語 日本 日本語。
🙃🙃 🙂\u00a0🙃\r\n\r\n\r\naaaaaaa aaaaa aaa aa
the other crow and the mother and the brother went there\tand\there,   and\n\n\nthen  home.
"""

PARTS = [
    *["a", "aa", "the", "Zoë", "1", "12", "²", "é", "ß", "\u212b", "日本", "語", "🙃", "e\u0301"],
    *["'", "'s", "'l", "l", "'r", "e", "'S", "!", "...", "_", "\\", "\ufeff", "👩\u200d👧"],
    *["<|endoftext|>", "<|pad|>", "<|endo", "ftext|>", "pad", "<|pad|", "<|", "|>"],
    *[" ", "  ", "\n", "\r\n", "\r", "\t", "\u00a0", "\u3000", "\u0085", "\x1c", "\0"],
]


def textbook_merges(data, num_merges, special_tokens=()):
    """Byte-pair encoding as it is defined: count all pairs anew before every merge."""
    longest_first = sorted(special_tokens, key=len, reverse=True)
    any_special = "|".join(re.escape(token) for token in longest_first)
    text = data.decode("utf-8")
    segments = re.split(any_special, text) if any_special else [text]
    pretokens = Counter(found for segment in segments for found in regex.findall(PATTERN, segment))
    words = {
        tuple(bytes([byte]) for byte in pretoken.encode("utf-8")): count
        for pretoken, count in pretokens.items()
    }
    merges = []
    while len(merges) < num_merges:
        counts = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:], strict=False):
                counts[pair] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        words = {_merge(word, best): count for word, count in words.items()}
    return merges


def _merge(word, pair):
    merged = [word[0]]
    for token in word[1:]:
        if (merged[-1], token) == pair:
            merged[-1] += token
        else:
            merged.append(token)
    return tuple(merged)


@functools.cache
def given_merges():
    return tuple(textbook_merges(TEXT.encode("utf-8"), 120))


@pytest.fixture(scope="session")
def textbook():
    return textbook_merges


@pytest.fixture(scope="session")
def given():
    """Makes a vocabulary and merges that do not depend on the code under test."""

    def make():
        merges = list(given_merges())
        tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in merges]
        return dict(enumerate(tokens)), merges

    return make


@pytest.fixture(scope="session")
def textbook_ids(given):
    """Gives the ids of a pre-token: each given merge everywhere, in the order of learning."""
    vocab, merges = given()
    ids = {token: token_id for token_id, token in vocab.items()}

    def encode(text):
        word = tuple(bytes([byte]) for byte in text.encode())
        for pair in merges:
            word = _merge(word, pair)
        return [ids[token] for token in word]

    return encode


@pytest.fixture(scope="session")
def make_tokenizer(given):
    """Makes a tokenizer of the given vocabulary; its special tokens have the ids 376 and 377."""
    from s01_bpe import Tokenizer

    return lambda special_tokens=SPECIAL_TOKENS: Tokenizer(*given(), special_tokens)


@pytest.fixture(scope="session")
def hostile():
    """Text put together from what tokenizers stumble over."""
    return strategies.lists(strategies.sampled_from(PARTS), max_size=24).map("".join)


@pytest.fixture(autouse=True)
def not_all_memory():
    """Tokens that double with every merge end in an error with a line, not in a killed process."""
    if sys.platform != "linux":  # no other system keeps to this limit
        yield
        return
    import resource

    before = resource.getrlimit(resource.RLIMIT_DATA)
    taken = int(Path("/proc/self/statm").read_bytes().split()[5]) * resource.getpagesize()
    if before[1] == resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_DATA, (taken + ALLOWED, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_DATA, before)


@pytest.fixture
def train(tmp_path):
    """Writes bytes to a file and trains on it."""
    from s01_bpe import train_bpe

    def write_and_train(data, vocab_size, special_tokens=(), **options):
        path = tmp_path / "corpus.txt"
        path.write_bytes(data)
        return train_bpe(path, vocab_size, list(special_tokens), **options)

    return write_and_train
