"""Each shortcut of stage 01's reference gives what the plain algorithm gives, on hostile text."""

import itertools
import sys
import tracemalloc
from collections import Counter

import pytest
import regex
import tiktoken
from hypothesis import example, given, settings
from hypothesis import strategies as st

from groundup.commands.bench.texts import write_embedded, write_resized

# Overlapping, beginning alike, with white space in them and at their ends.
SPECIALS = ["<|endoftext|>", "<|a|><|a|>", "<|a|>", "|><|", "a a", " b", "\n\n", "s  ", "'r"]
PARTS = [
    *["a", "aa", "the", "'", "'s", "'ll", "l", "'r", "e", "s", "b", "1", "12", "²", "!", "_", "Ⅷ"],
    *[" ", " ", " ", "  ", "   ", "\n", "\r\n", "\t", "\v", "\u00a0", "\u3000", "\u2003", "\u0085"],
    *["\x1c", "\x1f", "\0", "\u200b", "\u200d", "\ufeff", "é", "e\u0301", "\u0301", "ß", "日本"],
    *["🙃", "👩\u200d👧", "“", "’s", "<|", "|>", "<|endoftext|>", "<|a|>", "<|endo", "ftext|>"],
]
TEXTS = st.lists(st.sampled_from(PARTS), max_size=30).map("".join) | st.text(max_size=20)
CLOSE = st.lists(st.sampled_from(["a", " ", *SPECIALS]), max_size=8).map("".join)
SOME_SPECIALS = st.lists(st.sampled_from(SPECIALS), max_size=4)
WORDS = st.text("abé", max_size=12).map(str.encode)
REPEATABLE = settings(derandomize=True, database=None, deadline=None, max_examples=200)


@pytest.fixture(scope="module")
def inside(bpe):
    """A module of the reference, by its name."""
    return lambda name: sys.modules[f"{bpe.__name__}.{name}"]


def plain_pretokens(text, specials, pattern):
    """Cut at special tokens, then by the pattern: no chunks, no pieces."""
    longest_first = sorted(specials, key=len, reverse=True)
    any_special = "|".join(map(regex.escape, longest_first))
    segments = regex.split(any_special, text) if any_special else [text]
    found = (word for segment in segments for word in regex.findall(pattern, segment))
    return Counter(word.encode() for word in found)


def plain_merges(pretokens, num_merges):
    """Count all pairs anew before every merge."""
    words = {tuple(bytes([b]) for b in word): count for word, count in pretokens.items()}
    merges = []
    while len(merges) < num_merges:
        counts = Counter()
        for word, count in words.items():
            for pair in itertools.pairwise(word):
                counts[pair] += count
        if not counts:
            break
        best = max(counts, key=lambda pair: (counts[pair], pair))
        merges.append(best)
        words = {tuple(merged(word, best)): count for word, count in words.items()}
    return merges


def merged(word, pair):
    place = 0
    while place < len(word):
        width = 2 if word[place : place + 2] == pair else 1
        yield b"".join(word[place : place + width])
        place += width


def test_counting_chunks_counts_pretokens(bpe, inside, tmp_path, monkeypatch):
    count_pretokens, pretokenizer = (
        inside("chunks").count_pretokens,
        inside("pretokens").Pretokenizer,
    )
    path = tmp_path / "text.txt"

    @REPEATABLE
    @given(TEXTS, SOME_SPECIALS, st.sampled_from([3, 50, 1000]), st.sampled_from([5, 1 << 18]))
    @example("a  b   c \n d\n e \t   ", [], 20, 1 << 18)
    @example("".join("\0" * n + " " for n in range(1, 34)), [], 1000, 1 << 18)
    @example("x" * 17 + "é " + "я" * 9 + "  \u00a0  1", ["я  "], 1000, 1 << 18)
    @example("ab <|a|>ab", ["<|a|>", "<|a|>"], 1000, 1 << 18)
    def compare(text, specials, piece_bytes, max_keys):
        path.write_bytes(text.encode())
        monkeypatch.setattr(inside("pieces"), "PIECE_BYTES", piece_bytes)
        monkeypatch.setattr(inside("chunks"), "MAX_KEYS", max_keys)
        found = pretokenizer(bpe.PRETOKEN_PATTERN, specials)
        expected = plain_pretokens(text, specials, bpe.PRETOKEN_PATTERN)
        assert count_pretokens(path, found, 1) == expected

    compare()


def test_indexed_merges_are_those_of_counting_anew(inside):
    learn_merges = inside("training").learn_merges
    words = WORDS | st.text("aé日", max_size=5).map(str.encode)

    @REPEATABLE
    @given(st.dictionaries(words, st.integers(1, 4), max_size=8), st.integers(0, 30))
    @example({b"a" * 17: 2, b"abababab": 1, b"aabaab": 2}, 30)
    def compare(pretokens, num_merges):
        assert learn_merges(pretokens, num_merges) == plain_merges(pretokens, num_merges)

    compare()


def plain_ids(word, merges, vocab):
    """Replay all merges, one after the other, on one word."""
    tokens = tuple(bytes([byte]) for byte in word)
    for pair in merges:
        tokens = tuple(merged(tokens, pair))
    return [vocab[token] for token in tokens]


def test_merging_in_rounds_gives_the_ids_of_merging_one_by_one(bpe):
    @REPEATABLE
    @given(st.dictionaries(WORDS, st.integers(1, 9), max_size=8), TEXTS)
    @example({b"a" * 16: 1}, "a" * 13 + " " + "a" * 40)
    def compare(pretokens, text):
        merges = plain_merges(pretokens, 40)
        tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in merges]
        ids = {token: place for place, token in enumerate(tokens)}
        tokenizer = bpe.Tokenizer(dict(enumerate(tokens)), merges)
        text += b" ".join(pretokens).decode()
        words = regex.findall(bpe.PRETOKEN_PATTERN, text)
        expected = [plain_ids(word.encode(), merges, ids) for word in words]
        assert tokenizer.encode(text) == list(itertools.chain(*expected))

    compare()


def test_chunks_and_caches_give_the_ids_of_tiktoken(bpe):
    pattern = bpe.PRETOKEN_PATTERN
    merges = plain_merges(plain_pretokens(" ".join(PARTS) * 3, [], pattern), 80)
    vocab = dict(enumerate([bytes([b]) for b in range(256)] + [a + b for a, b in merges]))

    @REPEATABLE
    @given(st.lists(TEXTS, min_size=1, max_size=3), SOME_SPECIALS)
    @example(["a  b   c \n d\n e \t \n"], [])
    @example(["\0" * n + " " for n in range(1, 34)], [])
    @example(["abcdefg\0 abcdefgh\0 abcdefgh\0\0 abcdefgh a"], [])
    @example(["ab <|a|>ab"], ["<|a|>", "<|a|>"])
    def compare(texts, specials):
        # tiktoken takes the special token that comes first, not the longest.
        longest_first = sorted(specials, key=len, reverse=True)
        tokenizer = bpe.Tokenizer(vocab, merges, longest_first)
        ids = {token: tokenizer.special_tokens[token] for token in longest_first}
        peer = tiktoken.Encoding(
            "peer",
            pat_str=pattern,
            mergeable_ranks={token: i for i, token in vocab.items()},
            special_tokens=ids,
        )
        any_special = "|".join(map(regex.escape, longest_first))
        for text in [*texts, *texts]:  # the second time from the cache
            expected = []
            for segment in regex.split(f"({any_special})", text) if any_special else [text]:
                expected += [ids[segment]] if segment in ids else peer.encode_ordinary(segment)
            assert tokenizer.encode(text) == expected

    compare()


def test_a_full_memory_of_chunks_gives_the_same_ids(bpe, inside, monkeypatch):
    for module in ("chunks", "encoding"):
        monkeypatch.setattr(inside(module), "MAX_KEYS", 5)
    tokenizer = bpe.Tokenizer({byte: bytes([byte]) for byte in range(256)}, [], SPECIALS)
    for text in [*PARTS, *SPECIALS, " ".join(PARTS)] * 2:
        assert tokenizer.decode(tokenizer.encode(text)) == text


def peak_memory(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_ten_times_the_file_does_not_need_more_memory(bpe, inside, tmp_path, monkeypatch):
    monkeypatch.setattr(inside("pieces"), "PIECE_BYTES", 1 << 17)
    sizes = {"once": 400_000, "ten_times": 4_000_000}
    write_embedded(tmp_path / "text.txt", sizes["once"])
    for name, num_bytes in sizes.items():
        write_resized(tmp_path / "text.txt", tmp_path / name, num_bytes)
    tokenizer = bpe.Tokenizer(*bpe.train_bpe(tmp_path / "once", 400, []))
    training = {
        name: peak_memory(lambda n=name: bpe.train_bpe(tmp_path / n, 400, [])) for name in sizes
    }
    encoding = {
        name: peak_memory(lambda n=name: bpe.encode_file(tokenizer, tmp_path / n, tmp_path / "ids"))
        for name in sizes
    }
    for peaks in (training, encoding):
        assert peaks["ten_times"] < 1.3 * peaks["once"], peaks


def test_an_interrupted_run_leaves_the_old_ids_as_they_were(bpe, tmp_path, monkeypatch):
    tokenizer = bpe.Tokenizer({byte: bytes([byte]) for byte in range(256)}, [])
    (tmp_path / "t.txt").write_bytes(b"old")
    bpe.encode_file(tokenizer, tmp_path / "t.txt", tmp_path / "ids")
    (tmp_path / "t.txt").write_bytes(b"new words " * 200_000)
    encode, seen = tokenizer.encoder.encode, []

    def interrupted(text):
        seen.append(text)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return encode(text)

    monkeypatch.setattr(tokenizer.encoder, "encode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bpe.encode_file(tokenizer, tmp_path / "t.txt", tmp_path / "ids")
    assert bytes(bpe.open_tokens(tmp_path / "ids")) == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ids", "ids.json", "t.txt"]


class Counted(str):
    replaced = 0

    def replace(self, *words):
        Counted.replaced += 1
        return Counted(super().replace(*words))


def test_a_word_is_gone_through_once_for_a_merge_however_often_it_has_the_pair(inside):
    """Else the time for one long word grows with the square of its length."""
    words = inside("training").Words({b"a" * 9: 1})
    words._words[0] = Counted("a" * 9)
    words.merge("aa", chr(256))
    assert (words._words[0], Counted.replaced) == (chr(256) * 4 + "a", 1)
