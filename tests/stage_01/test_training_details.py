import pytest

from groundup.testing import check, outcome

# Words, line by line, and how many merges to learn.
TIES = {
    "three_pairs": ("cd ef ab", 3),
    "a_long_token": ("ab abc abc zy zy", 3),
    "two_long_tokens": ("bd bd bd bd bd bd ab ab ab ab abd abd abc abc", 4),
    "the_same_second": ("ca bd ea dc", 4),
    "a_longer_pair": ("lo lo lo low low op op", 3),
    "one_inside_another": ("ba bab bab ab abb abb cab cab bac", 7),
}

TEXTS = {
    "line_ends": "a\r\n\r\nb\r\nc\r\n\r\n\r\nd\r\n\rdo\r\n",
    "white_space": "a  bit   bat    bet\t\tend \n  for\n\n\n\nall \n\n it ",
    "letters": "naïve Straße gęślą 日本 naïveté Straßen 日本語 élan",
    "contractions": "it's don't we'll they've I'm he'd IT'S 'twas y'all're",
    "numbers": "1 22 333 4444 x1 1x snake_case ²³ ½ 44x44",
    "marks": 'He said: "No!!!" (Yes...) -- "No!!!" he said...',
}


def learned(train, text, num_merges, special_tokens=(), **options):
    """The merges as strings, or which exception training raises."""

    def merges():
        size = 256 + len(special_tokens) + num_merges
        _, found = train(text.encode(), size, special_tokens, **options)
        return [f"{first!r} {second!r}" for first, second in found] or ["none"]

    return outcome(merges)


def test_which_of_the_pairs_that_are_equally_frequent_is_merged(train):
    check(
        {
            case: learned(train, words.replace(" ", "\n"), num_merges)
            for case, (words, num_merges) in TIES.items()
        }
    )


def test_how_runs_and_repeated_words_are_counted(train):
    runs = ["aaa"] * 4 + ["bbbbb"] * 3 + ["ccccccc"] * 2 + ["xy"] * 7 + ["abab"] * 3 + ["dd"] * 5
    repeated = "go home go home go there gone home went gone there go"
    check(
        {
            "runs": learned(train, "\n".join(runs), 16),
            "words": learned(train, repeated, 9),
        }
    )


@pytest.mark.parametrize("case", TEXTS)
def test_what_is_learned_from_each_kind_of_pretokens(train, case):
    check(learned(train, TEXTS[case] * 3, 16))


SPECIAL = {
    "one": ("I hug!<|a|>  hug <|a|>, a pug<|a|>\n<|a|>sea a|sea " * 3, ["<|a|>"]),
    "two": ("I hug!<|a|>  hug <|b|>, a pug<|b|>\n<|a|>sea a|sea " * 3, ["<|a|>", "<|b|>"]),
    "between_letters": ("no<|x|>on<|x|>no<|x|>e <|x|>e" * 3, ["<|x|>", "<|y|>"]),
    "overlapping": ("xxyzab xxyzab yzx zzabz xxzoz abyz zo" * 3, ["xx", "xxy"]),
}


@pytest.mark.parametrize("case", SPECIAL)
def test_what_is_learned_around_special_tokens(train, case):
    text, special_tokens = SPECIAL[case]
    check(learned(train, text, 12, special_tokens))


def test_which_ids_the_vocabulary_has(train):
    text = "qu\n" * 5 + "he\n" * 4 + "in\n" * 3 + "at\n" * 2
    vocab, merges = train(text.encode(), 261, ["<|b|>", "<|a|>"])
    check(
        {
            "type": f"{type(vocab).__name__}, {type(merges).__name__}",
            "vocab": sorted(f"{token_id!r} {token!r}" for token_id, token in vocab.items()),
            "merges": [f"{first!r} {second!r}" for first, second in merges],
        }
    )


def test_when_training_ends_and_what_it_refuses(train):
    def sizes(data, vocab_size, **options):
        return outcome(lambda: list(map(len, train(data, vocab_size, ["<|a|>"], **options))))

    words = b"ab\n" * 5 + b"cd\n" * 4 + b"ef\n"
    check(
        {
            "no pair is left": sizes(b"ab ab", 300),
            "pairs occur once": sizes(b"abcd\nefg", 300),
            "no room for merges": sizes(words, 257),
            "room for one": sizes(words, 258),
            "too small": sizes(words, 256),
            "empty": sizes(b"", 300),
            "not UTF-8": sizes(b"caf\xe9 noir", 270),
            "no workers": sizes(words, 258, num_workers=0),
        }
    )


@pytest.mark.parametrize("num_workers", [1, 3])
def test_what_is_learned_by_workers_from_a_small_file(train, num_workers):
    line = "straightforward sentences, unfortunately, never end;  they know nothing <|a|>\n\n  "
    text = line * 4 + "extraordinary\n\n\n" * 3 + "   misunderstandings\n\n" * 3
    padding = "." * (-len(text.encode()) % 3)
    check(learned(train, text + padding, 40, ["<|a|>"], num_workers=num_workers))
