"""Pre-tokens far longer than words, as in lines of hashes, of spaces, or of Chinese."""

import pytest

from groundup.testing import assert_close, check, outcome
from s01_bpe import Tokenizer, encode_file

PARTS = {
    "letters": ["the", "other", "crow", "naïve", "Zoë", "aaaaaaa", "said", "q"],
    "spaces": [" "],
    "Chinese": ["日本", "本", "語", "日"],
}


def pretoken(draw, kind, length):
    """One pre-token of so many characters."""
    parts = PARTS[kind]
    drawn = "".join(parts[i] for i in draw.integers(0, len(parts), length))
    return drawn[:length]


@pytest.mark.parametrize("kind", PARTS)
def test_what_becomes_of_a_long_pretoken(draw, given, textbook_ids, kind):
    tokenizer = Tokenizer(*given())

    def what_becomes(text):
        ids, expected = tokenizer.encode(text), textbook_ids(text)
        if ids == expected:
            return "its ids"
        if b"".join(tokenizer.vocab[i] for i in ids) != text.encode():
            return "ids of another text"
        return "merges are missing" if len(ids) > len(expected) else "other merges"

    texts = {length: pretoken(draw, kind, length) for length in (40, 300, 5000)}
    check({f"{n} characters": outcome(lambda t=t: what_becomes(t)) for n, t in texts.items()})


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("length", [40, 300, 5000])
def test_a_long_pretoken_has_the_ids_that_its_merges_give(draw, given, textbook_ids, kind, length):
    text = pretoken(draw, kind, length)
    why = f"each merge in turn, on one pre-token of {length} characters"
    assert_close(Tokenizer(*given()).encode(text), textbook_ids(text), why)


@pytest.mark.parametrize("kind", PARTS)
def test_decoding_a_file_of_long_pretokens_gives_its_text(draw, given, tmp_path, kind):
    tokenizer = Tokenizer(*given())
    text = "".join(f"{pretoken(draw, kind, length)}\n" for length in (40, 300, 5000))
    (tmp_path / "text.txt").write_bytes(text.encode())
    ids = encode_file(tokenizer, tmp_path / "text.txt", tmp_path / "ids.bin").tolist()
    assert_close(ids, tokenizer.encode(text), "encode of the whole")
    assert tokenizer.decode(ids) == text
