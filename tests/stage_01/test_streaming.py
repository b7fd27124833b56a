import itertools

import pytest
from hypothesis import Phase, settings, strategies
from hypothesis import given as for_all

from groundup.testing import assert_close, check

REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    phases=set(Phase) - {Phase.explain},
)

OVERLAPPING = ["<|a|>", "<|a|><|a|>", "|><|", "a a", "\n\n"]


class Watched:
    """Hands out strings and counts how many were taken."""

    def __init__(self, strings):
        self.strings, self.taken = iter(strings), 0

    def __iter__(self):
        return self

    def __next__(self):
        self.taken += 1
        return next(self.strings)


CUT_AT_A_BAD_PLACE = {
    "inside_a_word": ["The cr", "ow", "s went"],
    "inside_white_space": ["a\n", "\n", "\n", " b", " ", "  ", "c"],
    "inside_a_line_end": ["a\r", "\n", "\r", "\n\r\nb"],
    "inside_a_contraction": ["they", "'", "r", "e we", "'l", "l"],
    "inside_a_number": ["12", "34 ", "1", "2"],
    "inside_a_special_token": ["a<|endo", "ftext", "|", ">b<", "|pad", "|>"],
    "inside_what_is_no_special_token": ["a<|endo", "ftex", "|>", " <|pa", "d"],
    "between_special_tokens": ["<|pad|>", "<|endoftext|>", "", "<|pad|>"],
    "everywhere": list("The crows\r\n\r\n  they're<|pad|>  naïve 🙃🙃 12 "),
}


@pytest.mark.parametrize("case", CUT_AT_A_BAD_PLACE)
def test_strings_cut_at_a_bad_place_give_the_ids_of_the_whole(make_tokenizer, case):
    check(list(make_tokenizer().encode_iterable(CUT_AT_A_BAD_PLACE[case])))


@pytest.mark.points(2)
@pytest.mark.parametrize("special_tokens", [None, OVERLAPPING], ids=["usual", "overlapping"])
def test_streaming_gives_the_ids_of_the_whole(make_tokenizer, hostile, special_tokens):
    choice = [special_tokens] if special_tokens else []
    parts = hostile | strategies.sampled_from(["<", "|", "a", ">", "|><|", "<|a|>", " ", "\n"])

    @REPEATABLE
    @for_all(strategies.lists(parts, max_size=8))
    def compare(strings):
        tokenizer = make_tokenizer(*choice)
        expected = tokenizer.encode("".join(strings))
        assert_close(list(tokenizer.encode_iterable(strings)), expected, f"on {strings}")

    compare()


def test_special_tokens_may_be_cut_anywhere(make_tokenizer):
    tokenizer = make_tokenizer(["<|end of text|>", "<|end", "a a", "\n\n"])
    text = "the a a a<|end of text|> a<|end of a\n\n\n a"
    expected = tokenizer.encode(text)
    for cut in range(len(text) + 1):
        ids = list(tokenizer.encode_iterable([text[:cut], text[cut:]]))
        assert_close(ids, expected, f"{text[:cut]!r}, then {text[cut:]!r}")


def test_special_tokens_with_white_space_are_not_cut(make_tokenizer):
    tokenizer = make_tokenizer(["<|end of text|>", "the crow", "\n\n"])
    strings = [
        "in the",
        " crow the",
        " cr",
        "ow<|end ",
        "of",
        " text|> a\n",
        "\nthe c",
        "rows",
        "\n",
    ]
    between = Watched(["<|end of text|>", "the crow"] * 6)
    taken = [between.taken for _ in tokenizer.encode_iterable(between)]
    early = [max(0, count - place - 2) for place, count in enumerate(taken)]
    check(
        {
            "ids": list(tokenizer.encode_iterable(strings)),
            "strings read too early for each id": early,
        }
    )


def test_no_strings_give_no_ids(make_tokenizer):
    tokenizer = make_tokenizer()
    assert list(tokenizer.encode_iterable([])) == []
    assert list(tokenizer.encode_iterable(["", ""])) == []


def test_nothing_is_read_before_an_id_is_asked_for(make_tokenizer):
    words = Watched([" the", " crow"])
    make_tokenizer().encode_iterable(words)
    assert words.taken == 0


def test_the_first_id_comes_once_the_next_word_begins(make_tokenizer):
    words = Watched(["The", " crow", " went", " home", " then"])
    assert next(make_tokenizer().encode_iterable(words)) == make_tokenizer().encode("The")[0]
    assert words.taken <= 2, f"{words.taken} words were read before the first id"


def test_an_endless_iterable_can_be_encoded(make_tokenizer):
    tokenizer, lines = make_tokenizer(), itertools.repeat("the crow\n", 100_000)
    watched = Watched(lines)
    ids = list(itertools.islice(tokenizer.encode_iterable(watched), 60))
    assert_close(ids, tokenizer.encode("the crow\n" * 60)[:60], "the first 60 ids")
    assert watched.taken <= 62, f"{watched.taken} lines were read for 60 ids"


@pytest.mark.parametrize("line", ["the crow went\n", "a<|pad|>", "a\r\n\r\n"], ids=[0, 1, 2])
def test_no_more_than_two_strings_are_held_back(make_tokenizer, line):
    tokenizer = make_tokenizer()
    watched, written = Watched([line] * 300), 0
    for token_id in tokenizer.encode_iterable(watched):
        held_back = min(watched.taken, 300) * len(line) - written
        assert held_back <= 2 * len(line), f"{held_back} characters are held back"
        written += len(tokenizer.vocab[token_id])
    assert written == 300 * len(line)


def test_how_far_is_read_ahead_of_each_id(make_tokenizer):
    tokenizer = make_tokenizer()
    strings = ["They", " stole", " twelve", " grains", " and", " then", " crows", " slept"] * 2
    watched, ahead, done = Watched(strings), [], 0
    ends = list(itertools.accumulate(map(len, strings)))
    ids = tokenizer.encode_iterable(watched)
    at_once = watched.taken
    for token_id in ids:
        done += len(tokenizer.vocab[token_id])
        needed = 2 + sum(end < done for end in ends)  # the string it ends in, and the next
        ahead.append(max(0, watched.taken - needed))
    check(
        {
            "strings read at once": at_once,
            "strings read too early for each id": ahead,
            "an iterator": "yes" if iter(ids) is ids else "no",
        }
    )
