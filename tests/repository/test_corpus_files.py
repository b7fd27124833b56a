"""The embedded corpus as files: the same bytes again, clear refusals, and a floor that holds."""

import math
import random
import re
from collections import Counter, defaultdict

import pytest

from groundup.corpus import entropy_floor, generate_story, read_stories, write_corpus
from groundup.corpus.grammar import write_text
from groundup.corpus.stories import story_grammar


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in [("a", 1), ("b", 1), ("c", 2)]:
        write_corpus(tmp_path / name, num_stories=50, seed=seed)
    first, again, other = ((tmp_path / name).read_bytes() for name in "abc")
    assert first == again != other
    assert first.count(b"\n<|endoftext|>\n") == 50


def test_stories_are_read_back_as_they_were_written(tmp_path):
    write_corpus(tmp_path / "corpus.txt", num_stories=30, seed=3)
    rng = random.Random(3)
    assert list(read_stories(tmp_path / "corpus.txt")) == [generate_story(rng) for _ in range(30)]


def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path, monkeypatch):
    write_corpus(tmp_path / "corpus.txt", num_stories=5, seed=0)
    before = (tmp_path / "corpus.txt").read_bytes()
    monkeypatch.setattr("groundup.corpus.files.generate_story", lambda rng: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_corpus(tmp_path / "corpus.txt", num_stories=9, seed=0)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


def test_the_floor_is_the_stories_own_surprisal_per_token(tmp_path):
    write_corpus(tmp_path / "valid.txt", num_stories=40, seed=1)
    rng = random.Random(1)
    mean = sum(-write_text(story_grammar(), rng)[1] for _ in range(40)) / 40
    assert entropy_floor(tmp_path / "valid.txt", 6400) == pytest.approx(mean * 40 / 6400, rel=1e-12)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected stories each followed by <|endoftext|>, 0 whole stories"),
        (b"\xff\xfe", "expected UTF-8 text"),
        (b"A story without an end.\n", "0 whole stories and 1 lines after them"),
        (b"The dog sat.\n<|endoftext|>\n", "story 1: not a story of this grammar: at character 0"),
    ],
)
def test_a_file_that_is_no_corpus_is_refused_in_one_line(tmp_path, content, message):
    path = tmp_path / "foreign.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        entropy_floor(path, 100)
    assert str(path) in str(error.value)
    assert "groundup.corpus.write_corpus" in str(error.value)
    assert "\n" not in str(error.value)


def n_gram_counts(tokens, order):
    counts = defaultdict(Counter)
    for end in range(len(tokens)):
        for length in range(min(order, end + 1)):
            counts[tuple(tokens[end - length : end])][tokens[end]] += 1
    return counts


def n_gram_probability(counts, context, token, num_types):
    """Witten and Bell 1991: each context backs off to the one that is a token shorter."""
    probability = 1 / num_types
    for start in range(len(context), -1, -1):
        seen = counts.get(context[start:])
        if seen is not None:
            shorter = len(seen) * probability
            probability = (seen[token] + shorter) / (sum(seen.values()) + len(seen))
    return probability


@pytest.mark.parametrize("order", [2, 6])
def test_an_n_gram_model_stays_above_the_floor(tmp_path, order):
    write_corpus(tmp_path / "train.txt", num_stories=400, seed=1)
    write_corpus(tmp_path / "valid.txt", num_stories=30, seed=2)
    train, valid = (
        re.findall(r"<\|endoftext\|>|\w+|[^\w ]", (tmp_path / name).read_text(encoding="utf-8"))
        for name in ("train.txt", "valid.txt")
    )
    counts, num_types = n_gram_counts(train, order), len(set(train) | set(valid))
    surprisal = sum(
        -math.log(n_gram_probability(counts, tuple(valid[max(0, i - order + 1) : i]), t, num_types))
        for i, t in enumerate(valid)
    )
    assert surprisal / len(valid) > entropy_floor(tmp_path / "valid.txt", len(valid))
