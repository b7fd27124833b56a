import pytest

from groundup.testing import check, outcome
from s01_bpe import Tokenizer

MERGED = {
    "order": (["b c", "a b", "ab c", "c a"], "abcabc xabcab cabc abca bcab"),
    "everywhere": (["a b", "c d"], "abababxab cdcdabcd xabcdabcdab abab"),
    "runs": (["a a", "aa aa", "b b"], "aaaaa aaa aaaaaaa abbbaaab bbbbb"),
    "chains": (["a b", "ab ab", "ab c", "abab abc"], "abababcab ababababc abcababc"),
    "pretokens": (["a 1", "e s", "' s", "1 2", "r e", "' r"], "a1e's a12re're es 12a's 'res"),
    "long_tokens": (["w e", "we r", "l o", "lo we", "lowe r"], "lower wer lowewer slower lowlower"),
}


def bytes_and(*tokens):
    return dict(enumerate([bytes([byte]) for byte in range(256)] + [*tokens]))


@pytest.mark.parametrize("case", MERGED)
def test_how_given_merges_are_applied(case):
    merges, text = MERGED[case]
    pairs = [tuple(part.encode() for part in merge.split()) for merge in merges]
    tokenizer = Tokenizer(bytes_and(*(first + second for first, second in pairs)), pairs)
    check(outcome(lambda: tokenizer.encode(text)))


TEXTS = {
    "touching": "a<|endoftext|><|pad|><|endoftext|>\n<|pad|>b  <|pad|> c",
    "nearly": "the crow<|endoftext|x><|pad| ><|PAD|> <|endo ftext|> pad|endoftext",
    "pieces": "the other crow, they're naïve <pad> endoftext | <|>",
}


@pytest.mark.parametrize(
    "special_tokens",
    [["<|endoftext|>", "<|pad|>"], ["<|pad|>"], None],
    ids=["two", "one", "none"],
)
def test_how_special_tokens_are_encoded(make_tokenizer, special_tokens):
    check(
        {
            name: outcome(lambda text=text: make_tokenizer(special_tokens).encode(text))
            for name, text in TEXTS.items()
        }
    )


@pytest.mark.parametrize(
    "special_tokens",
    [["<|a|>", "<|a|><|a|>", "a|"], ["x+", "a|b", "[1]"]],
    ids=["begin_alike", "like_patterns"],
)
def test_how_special_tokens_that_look_like_others_are_encoded(make_tokenizer, special_tokens):
    text = "crow<|a|><|a|><|a|>, a|b x+xx [1]1 a|<|a|>[1]x+"
    check(outcome(lambda: make_tokenizer(special_tokens).encode(text)))


def test_which_ids_special_tokens_get(given):
    vocab, merges = given()
    vocab |= {400: b"<|b|>", 500: b"<|eot|>"}
    tokens = ["<|c|>", "<|b|>", "<|a|>"]

    def tokenizer():
        return Tokenizer(vocab, merges, tokens)

    def ids():
        found = tokenizer()
        return [*(found.special_tokens[t] for t in tokens), *found.encode("<|a|><|b|>crow<|c|>")]

    before = dict(vocab)
    check(
        {
            "ids": outcome(ids),
            "vocab": outcome(lambda: [f"{i} {t!r}" for i, t in list(tokenizer().vocab.items())]),
            "in the vocabulary": outcome(lambda: Tokenizer(vocab, merges, tokens[1:2]).encode("b")),
            "none": outcome(lambda: Tokenizer(vocab, merges).encode("<|c|> crow")),
            "decoded": outcome(lambda: tokenizer().decode(tokenizer().encode("a<|a|>b<|b|>c"))),
            "the caller's vocabulary": "as it was" if vocab == before else "changed",
        }
    )


def test_what_encode_returns_when_asked_again(make_tokenizer):
    tokenizer = make_tokenizer()
    first = tokenizer.encode("crows and crows<|pad|>")
    kind = type(first).__name__
    first.append(0)
    second = tokenizer.encode("crows and crows<|pad|>")
    one_word = tokenizer.encode("crows")
    one_word += [1, 2]
    check({"type": kind, "again": second, "one word again": tokenizer.encode("crows")})


def test_ids_are_those_of_the_vocabulary(given):
    vocab, merges = given()
    moved = {(7 * token_id + 3) % len(vocab): token for token_id, token in vocab.items()}
    tokenizer = Tokenizer(moved, merges, ["<|new|>"])
    text = "Once upon a time, the naïve crow<|new|> said aaaaa"
    check(
        {
            "encoded": outcome(lambda: tokenizer.encode(text)),
            "decoded": outcome(lambda: tokenizer.decode([10, 20, 376, 101])),
        }
    )


BROKEN = {
    "start": b"\xf4",
    "cut short": b"a\xf0\x9f\x99b",
    "continuation": b"\x99\x83ok",
    "twice": b"\xc3\xc3\xa9",
    "cut at the end": b"ok \xe6\x97",
}


def test_what_is_decoded_from_any_ids(make_tokenizer):
    tokenizer = make_tokenizer()
    whole = {
        "characters": list("👩é日 語".encode()),
        "special": [376, 97, 377, 376],
        "nothing": [],
        "too large": [97, 378, 98],
        "negative": [97, -1, 98],
    }
    cases = whole | {name: list(broken) for name, broken in BROKEN.items()}
    check({name: outcome(lambda ids=ids: tokenizer.decode(ids)) for name, ids in cases.items()})


def test_what_a_tokenizer_refuses(make_tokenizer):
    bad = [(b"a", b"b")]
    check(
        {
            "a lone surrogate": outcome(lambda: make_tokenizer().encode("a\ud800b")),
            "an unknown byte": outcome(lambda: Tokenizer({0: b"a", 1: b"b"}, []).encode("abc")),
            "an empty special token": outcome(lambda: make_tokenizer(["<|a|>", ""]).encode("a")),
            "a token twice": outcome(lambda: Tokenizer({0: b"a", 1: b"a"}, []).encode("a")),
            "a merge of no token": outcome(lambda: Tokenizer({0: b"a", 1: b"b"}, bad).encode("b")),
        }
    )
