import tracemalloc

import pytest

from groundup.testing import check
from s01_bpe import train_bpe

TRICKY = (
    "<|a|>aaa aaaaa aaaaaaa<|b|>it's we'll they've IT'S\r\n\r\n x\u00a0y  z\tnaïve Straße gęślą "
    "日本 日本語 12 1234 x<=y a|b endoftext<|a|>ab abc bcd abd  low lower lowest\r\nnew newer"
).encode()


def listing(result):
    """The merges as strings, which a snapshot can hold."""
    return [f"{first!r} {second!r}" for first, second in result[1]]


@pytest.mark.points(3)
def test_training_on_a_tricky_text(train):
    check(listing(train(TRICKY, 330, ["<|a|>", "<|b|>"])))


def test_training_on_the_words_of_the_paper(train):
    words = ["low"] * 5 + ["lower"] * 2 + ["newest"] * 6 + ["widest"] * 3
    _, merges = train("\n".join(words).encode(), 256 + 12)
    expected = "s t, e st, o w, l ow, w est, n e, ne west, w i, wi d, wid est, low e, lowe r"
    assert [f"{a.decode()} {b.decode()}" for a, b in merges] == expected.split(", ")


def test_a_run_is_merged_from_left_to_right(train):
    _, merges = train(b"aaa\naaa", 258)
    assert merges == [(b"a", b"a"), (b"aa", b"a")], "merging (a, a) turns aaa into aa, a"


def test_overlapping_pairs_all_count(train):
    _, merges = train(b"aaa\naaa\nbc\nbc\nbc", 257)
    assert merges == [(b"a", b"a")], "(a, a) occurs twice in each aaa: 4 times; (b, c) 3 times"


def test_a_word_counts_as_often_as_it_occurs(train):
    _, merges = train(b"xy\nxz\nxw\nxy\nab\nab\nab\nac", 257)
    assert merges == [(b"a", b"b")], "(a, b) occurs 3 times, (x, y) only twice"


TIES = {
    "the_greater_pair": ("ab cd", ["c d", "a b"]),
    "first_token_before_second": ("ca bd", ["c a", "b d"]),
    "bytes_not_ids": ("ab abc abc zy zy", ["a b", "z y", "ab c"]),
    "the_pair_not_the_whole": (
        "bd bd bd bd bd bd ab ab ab ab abd abd abc abc",
        ["b d", "a b", "ab c", "a bd"],
    ),
    "no_preference_for_length": ("lo lo lo low low op op", ["l o", "o p", "lo w"]),
}


@pytest.mark.parametrize("case", TIES)
def test_ties_go_to_the_greater_pair_of_byte_strings(train, case):
    words, expected = TIES[case]
    _, merges = train(words.replace(" ", "\n").encode(), 256 + len(expected))
    assert [f"{a.decode()} {b.decode()}" for a, b in merges] == expected


@pytest.mark.parametrize("letters", ["ab", "abc", "ä日"], ids=["2", "3", "utf8"])
def test_training_agrees_with_the_textbook_on_random_words(train, textbook, draw, letters):
    words = ["".join(letters[i % len(letters)] for i in draw.integers(0, 6, n)) for n in range(25)]
    data = " ".join(words[i] for i in draw.integers(0, 25, 200)).encode()
    vocab, merges = train(data, 256 + 80)
    assert merges == textbook(data, 80)
    assert list(vocab.values())[256:] == [a + b for a, b in merges]


@pytest.mark.parametrize(
    "text",
    [
        "a\r\n\r\nb\r\nc\r\n\r\n\r\nd\r\n" * 3,
        "a  b   c    d\t\te \n  f" * 3,
        "naïve Straße gęślą 日本 naïveté Straßen 日本語" * 3,
        "it's don't we'll they've I'm he'd IT'S 'twas y'all're" * 3,
        "1 22 333 4444 x1 1x ²³ ½" * 3,
        "a\u00a0b\u00a0c a\u2003b\u3000\u3000c" * 3,
        "\ufeffab cd \u212b e\u0301",
    ],
    ids=["crlf", "white_space", "letters", "contractions", "digits", "wide_spaces", "unusual"],
)
def test_pretokens_follow_the_pattern(train, textbook, text):
    _, merges = train(text.encode(), 256 + 60)
    assert merges == textbook(text.encode(), 60)


def test_ids_are_bytes_then_merges_then_special_tokens(train):
    vocab, merges = train(TRICKY, 300, ["<|b|>", "<|a|>"])
    expected = [bytes([i]) for i in range(256)] + [a + b for a, b in merges]
    assert sorted(vocab.items()) == list(enumerate([*expected, b"<|b|>", b"<|a|>"]))
    assert (len(vocab), len(merges)) == (300, 300 - 256 - 2), "vocab_size counts every token"


def test_training_stops_when_no_pair_is_left(train):
    vocab, merges = train(b"ab ab", 300, ["<|x|>"])
    assert merges == [(b"a", b"b"), (b" ", b"ab")]
    assert sorted(vocab) == list(range(259)), "ids stay contiguous"
    assert vocab[258] == b"<|x|>"


def test_nothing_is_merged_across_a_special_token(train):
    assert train(b"a<|x|>b<|x|>" * 5, 300, ["<|x|>"])[1] == []


def test_the_text_of_special_tokens_is_not_learned_from(train):
    check(listing(train(b"hug<|a|>hug pug<|b|>hugs<|a|>" * 3, 290, ["<|a|>", "<|b|>"])))


def test_special_tokens_are_literal_text_not_patterns(train):
    data = b"x<=y endoftext a+b a.b<|endoftext|>x<=y endoftext a+b a.b"
    check(listing(train(data, 290, ["<|endoftext|>", "a.b"])))


@pytest.mark.parametrize("special_tokens", [["xx", "xxy"], ["xxy", "xx"]], ids=["short", "long"])
def test_the_longest_special_token_is_cut_out(train, special_tokens):
    _, merges = train(b"xxyz\nxxyz\nxxyz", 300, special_tokens)
    assert merges == [], "xxy is cut out and leaves z; cutting out xx would leave yz"


@pytest.mark.parametrize("special_tokens", [["ab", "bcd"], ["bcd", "ab"]])
def test_the_first_of_overlapping_special_tokens_is_cut_out(train, special_tokens):
    _, merges = train(b"abcd\nabcd\nabcd", 259, special_tokens)
    assert merges == [(b"c", b"d")], "ab begins before bcd and leaves cd; bcd would leave a"


def test_the_smallest_vocabulary_has_no_merges(train):
    vocab, merges = train(b"ab ab ab", 258, ["<|a|>", "<|b|>"])
    assert (len(vocab), merges) == (258, [])


def test_a_vocabulary_too_small_is_refused(train):
    with pytest.raises(ValueError, match=r"257.*258"):
        train(b"ab ab ab", 257, ["<|a|>", "<|b|>"])


@pytest.mark.parametrize("num_workers", [1, 2, 4])
def test_workers_do_not_change_what_is_learned_from_a_small_file(train, textbook, num_workers):
    data = TRICKY * 5
    special_tokens = ["<|a|>", "<|b|>"]
    _, merges = train(data, 330, special_tokens, num_workers=num_workers)
    assert merges == textbook(data, 330 - 258, special_tokens)


def large_text(draw, separators):
    """2 or 4 MB: 24 words, all equally often. One of them cut, lost or counted twice changes
    the order of merges, or makes a pair that there should not be."""
    words = ["".join(chr(0x4E00 + 37 * i + 6 * j) for j in range(8)) for i in range(24)]
    units = [separators[i % len(separators)] + word for i, word in enumerate(words)]
    return "".join(units[i] for i in draw.distinct(24, 3000, 24).flatten())


@pytest.mark.parametrize(
    "separators",
    [["<|a|>"], [" " * 60, "\r\n" * 30, "'re", " \t" * 25, "\u3000\n" * 15, "12 "]],
    ids=["special_tokens_only", "white_space_only"],
)
def test_workers_do_not_change_what_is_learned_from_a_large_file(train, textbook, draw, separators):
    data = large_text(draw, separators).encode()
    expected = textbook(data, 2000, ["<|a|>"])
    for num_workers in (1, 2):
        _, merges = train(data, 3000, ["<|a|>"], num_workers=num_workers)
        assert merges == expected, f"with {num_workers} processes other merges are learned"


def peak_memory(function):
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(train):
    def peak(megabytes):
        line = b"straightforward" * 100 + b"\n"
        data = line * (megabytes * 1_000_000 // len(line))
        return peak_memory(lambda: train(data, 280, num_workers=1))

    growth = peak(7) - peak(3)
    check({"4 MB more of the same word": "more memory" if growth > 2_000_000 else "no more memory"})


def test_bytes_that_are_not_utf8_are_named_with_their_place(tmp_path):
    path = tmp_path / "broken.txt"
    path.write_bytes(b"fine\n" * 300_000 + b"caf\xe9 noir")
    with pytest.raises(ValueError, match=r"broken\.txt.*1500003") as caught:
        train_bpe(path, 300, [], num_workers=1)
    assert "\n" not in str(caught.value), "one line"


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        train_bpe(tmp_path / "nowhere.txt", 300, [])


def test_an_empty_file_gives_bytes_and_special_tokens(train):
    vocab, merges = train(b"", 300, ["<|a|>"])
    assert (len(vocab), vocab[256], merges) == (257, b"<|a|>", [])


def test_an_empty_special_token_is_refused(train):
    with pytest.raises(ValueError, match="empty"):
        train(b"ab ab", 300, [""])


def test_no_workers_at_all_are_refused(train):
    with pytest.raises(ValueError, match="num_workers"):
        train(b"ab ab", 300, num_workers=0)
