import pytest
import tiktoken
from hypothesis import Phase, settings
from hypothesis import given as for_all

from groundup.testing import assert_close, check
from s01_bpe import PRETOKEN_PATTERN, Tokenizer

EOT, PAD = 376, 377

REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    phases=set(Phase) - {Phase.explain},
)

SAMPLE = (
    "Once upon a time,  the naïve crow <|endoftext|>said:\r\n\r\n\t\"They'd've  STOLEN 12345 ½ "
    'grains!!!" 🙃🙃👩\u200d👧 Straße日本語。\u00a0\u3000 e\u0301 <|pad|><|endo ftext|>\n\n  aaaa'
)


@pytest.fixture(scope="session")
def oracle(given):
    """OpenAI's tokenizer with the given vocabulary."""
    vocab, _ = given()
    return tiktoken.Encoding(
        "oracle",
        pat_str=PRETOKEN_PATTERN,
        mergeable_ranks={token: token_id for token_id, token in vocab.items()},
        special_tokens={"<|endoftext|>": EOT, "<|pad|>": PAD},
    )


def with_merges(*merges):
    """A tokenizer of bytes and of merges written as in "a b"."""
    pairs = [tuple(part.encode() for part in merge.split()) for merge in merges]
    tokens = [bytes([byte]) for byte in range(256)] + [a + b for a, b in pairs]
    return Tokenizer(dict(enumerate(tokens)), pairs)


@pytest.mark.points(2)
def test_encoding_a_hostile_text(make_tokenizer):
    check(make_tokenizer().encode(SAMPLE))


@pytest.mark.points(2)
def test_encoding_agrees_with_tiktoken_on_hostile_text(make_tokenizer, oracle, hostile):
    @REPEATABLE
    @for_all(hostile)
    def compare(text):
        expected = oracle.encode(text, allowed_special="all")
        assert_close(make_tokenizer().encode(text), expected, f"tiktoken on {text!r}")

    compare()


def test_decoding_undoes_encoding(make_tokenizer, hostile):
    @REPEATABLE
    @for_all(hostile)
    def round_trip(text):
        tokenizer = make_tokenizer()
        assert tokenizer.decode(tokenizer.encode(text)) == text

    round_trip()


def test_merges_are_applied_in_the_order_they_were_learned():
    tokenizer = with_merges("b c", "a b", "ab c")
    why = "(b, c) was learned first; then a has no b beside it, though abc is a token"
    assert_close(tokenizer.encode("abc"), [97, 256], why)


def test_a_merge_is_applied_wherever_its_pair_occurs():
    assert_close(with_merges("a b").encode("abababxab"), [256, 256, 256, 120, 256], "(a, b)")


def test_a_merge_is_applied_from_left_to_right():
    assert_close(with_merges("a a").encode("aaa"), [256, 97], "aaa is aa, a")


def test_a_merge_may_use_what_an_earlier_merge_made():
    assert_close(with_merges("a b", "ab ab").encode("ababab"), [257, 256], "ab ab, then ab")


def test_nothing_is_merged_across_pretokens():
    tokenizer = with_merges("a 1", "e s", "' s")
    assert_close(tokenizer.encode("a1 e's"), [97, 49, 32, 101, 258], "a|1| e|'s")


def test_no_text_gives_no_ids(make_tokenizer):
    assert make_tokenizer().encode("") == []


def test_each_special_token_is_one_id(make_tokenizer):
    ids = make_tokenizer().encode("a<|endoftext|><|pad|><|endoftext|>\n<|pad|>b")
    assert_close(ids, [97, EOT, PAD, EOT, 10, PAD, 98], "special tokens touch each other and text")


@pytest.mark.parametrize("order", [["<|a|>", "<|a|><|a|>"], ["<|a|><|a|>", "<|a|>"]], ids=[1, 2])
def test_of_overlapping_special_tokens_the_longest_wins(make_tokenizer, order):
    check(make_tokenizer(order).encode("crow<|a|><|a|><|a|>, <|a|>"))


@pytest.mark.parametrize("order", [["ab", "bcd"], ["bcd", "ab"]])
def test_of_overlapping_special_tokens_the_first_wins(make_tokenizer, order):
    tokenizer = make_tokenizer(order)
    expected = [tokenizer.special_tokens["ab"], *b"cd"]
    why = "ab begins before bcd, which is longer: length decides only at the same place"
    assert_close(tokenizer.encode("abcd"), expected, why)


def test_special_tokens_are_literal_text(make_tokenizer):
    tokenizer = make_tokenizer(["x+", "a|b", "[1]"])
    assert_close(tokenizer.encode("x+xxab1[1]")[0], 376, "x+ is a special token")
    assert_close(tokenizer.encode("x+xxab1[1]")[-1], 378, "[1] is a special token")
    assert_close(tokenizer.encode("1bx"), [49, 98, 120], "no special token is in 1bx")


@pytest.mark.parametrize("special_tokens", [None, []], ids=["none", "empty"])
def test_without_special_tokens_their_text_is_ordinary(make_tokenizer, oracle, special_tokens):
    ids = make_tokenizer(special_tokens).encode("the crow<|endoftext|>")
    assert_close(ids, oracle.encode_ordinary("the crow<|endoftext|>"), "ordinary text")


def test_special_tokens_that_the_vocabulary_lacks_are_appended(given):
    vocab, merges = given()
    vocab[400] = b"<|b|>"
    tokenizer = Tokenizer(vocab, merges, ["<|c|>", "<|b|>", "<|a|>"])
    assert tokenizer.special_tokens == {"<|c|>": 401, "<|b|>": 400, "<|a|>": 402}
    assert (tokenizer.vocab[401], tokenizer.vocab[402]) == (b"<|c|>", b"<|a|>")
    assert_close(tokenizer.encode("<|a|><|b|><|c|>"), [402, 400, 401], "their ids")
    assert tokenizer.decode([401, 400]) == "<|c|><|b|>"


def test_the_callers_vocabulary_is_left_as_it_was(given):
    vocab, merges = given()
    Tokenizer(vocab, merges, ["<|new|>"]).encode("the crow<|new|>")
    assert (vocab, merges) == given()


def test_the_vocabulary_decides_which_id_a_token_has(given):
    vocab, merges = given()
    moved = {(7 * token_id + 3) % len(vocab): token for token_id, token in vocab.items()}
    ids = Tokenizer(moved, merges).encode(SAMPLE)
    expected = [(7 * i + 3) % len(vocab) for i in Tokenizer(vocab, merges).encode(SAMPLE)]
    assert_close(ids, expected, "ids come from the vocabulary, order of merging from the merges")


def test_changing_the_ids_one_got_changes_nothing_later(make_tokenizer):
    tokenizer = make_tokenizer()
    first = tokenizer.encode("crows")
    expected = list(first)
    first.append(0)
    assert_close(tokenizer.encode("crows"), expected, "the same text again gives the same ids")


def test_decoding_whole_and_broken_characters(make_tokenizer):
    tokenizer = make_tokenizer()
    whole = tokenizer.encode("naïve 🙃<|pad|>👩 日本語")
    check({"whole": tokenizer.decode(whole), "broken": tokenizer.decode(whole[1:-4] + [0xE6, 97])})


def test_characters_cut_into_several_tokens_decode_whole(make_tokenizer):
    assert make_tokenizer().decode(list("👩é日".encode())) == "👩é日"


@pytest.mark.parametrize(
    "broken",
    [b"\xf4", b"a\xf0\x9f\x99b", b"\x99\x83ok", b"\xc3\xc3\xa9", b"\xed\xa0\x80"],
    ids=["start", "cut_short", "continuation", "twice", "surrogate"],
)
def test_bytes_that_are_not_utf8_decode_to_replacement_characters(make_tokenizer, broken):
    expected = broken.decode("utf-8", errors="replace")
    assert make_tokenizer().decode(list(broken)) == expected


@pytest.mark.parametrize("token_id", [378, -1], ids=["too_large", "negative"])
def test_an_unknown_id_is_named(make_tokenizer, token_id):
    with pytest.raises(ValueError, match=str(token_id)):
        make_tokenizer().decode([97, token_id, 98])


def test_a_lone_surrogate_is_refused(make_tokenizer):
    with pytest.raises(ValueError, match="surrogate"):
        make_tokenizer().encode("a\ud800b")


def test_a_byte_that_the_vocabulary_lacks_is_named():
    with pytest.raises(ValueError, match="c"):
        Tokenizer({0: b"a", 1: b"b", 2: b"ab"}, [(b"a", b"b")]).encode("abc")


def test_an_empty_special_token_is_refused_by_the_tokenizer(make_tokenizer):
    with pytest.raises(ValueError, match="empty"):
        make_tokenizer(["<|a|>", ""])


def test_a_vocabulary_with_a_token_twice_is_refused():
    with pytest.raises(ValueError, match="a"):
        Tokenizer({0: b"a", 1: b"b", 2: b"a"}, [])


def test_a_merge_that_makes_no_token_is_refused():
    with pytest.raises(ValueError, match="ab"):
        Tokenizer({0: b"a", 1: b"b"}, [(b"a", b"b")])
