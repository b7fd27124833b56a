"""The embedded corpus: every story has one derivation, so its probability is exact."""

import math
import random
import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from groundup.corpus import generate_story, story_log_probability
from groundup.corpus.checks import count_texts, entropy
from groundup.corpus.grammar import Choice, Word, Writer, read_text, walk, write_text
from groundup.corpus.stories import story_grammar
from groundup.corpus.templates import build_grammar

HER, HIS = {"their": "her"}, {"their": "his"}
SMALL_WORDS = {
    "names": [Word("Ann", HER), Word("Bob", HIS), Word("Cleo", HER)],
    "things": [Word("owl"), Word("dog")],
}
SMALL_RULES = {
    "story": [
        "{x:names} saw {y.a:things}. [3*It|{X} and the {y}] <verb>. {X} patted {x.their} {y}."
    ],
    "verb": ["sat [down|up]", "ran off[.| and [on|away].] Then {x} slept"],
}


def small_grammar():
    return build_grammar(SMALL_RULES, SMALL_WORDS)


class Script(Writer):
    """Decides as written in `plan`, then always for the first; notes how many ways there were."""

    def __init__(self, plan):
        super().__init__(random.Random())
        self.plan, self.taken = plan, []

    def choose(self, choice, memory):
        index = self.plan[len(self.taken)] if len(self.taken) < len(self.plan) else 0
        self.taken.append((index, len(choice.alternatives)))
        return index


def all_derivations(pieces):
    """Every text with its log-probability, one for each derivation."""
    plan = []
    while plan is not None:
        script = Script(plan)
        log_probability = walk(pieces, script, {})
        yield "".join(script.parts), log_probability
        taken = script.taken
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        plan = [index for index, _ in taken[:-1]] + [taken[-1][0] + 1] if taken else None


def thinned(choice, rng):
    """The same choice with one or two of its alternatives, so that all texts can be enumerated."""
    count = len(choice.weights)
    kept = (
        range(count)
        if choice.source == "<plot>"
        else rng.sample(range(count), min(count, 1 + (rng.random() < 0.15)))
    )
    alternatives = [
        [thinned(piece, rng) if isinstance(piece, Choice) else piece for piece in pieces]
        for pieces in (choice.alternatives[index] for index in kept)
    ]
    return Choice(choice.source, tuple(alternatives), tuple(choice.weights[i] for i in kept))


GRAMMARS = {
    "small": small_grammar(),
    "thinned": [thinned(story_grammar()[0], random.Random(5))],
}
every_grammar = pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS.keys())


@every_grammar
def test_the_probabilities_of_all_texts_sum_to_one(grammar):
    texts = {text for text, _ in all_derivations(grammar)}
    assert math.fsum(math.exp(read_text(grammar, text)) for text in texts) == pytest.approx(
        1, 1e-12
    )


@every_grammar
def test_every_text_has_one_derivation(grammar):
    texts = Counter(text for text, _ in all_derivations(grammar))
    assert set(texts.values()) == {1}
    assert len(texts) == count_texts(grammar) >= 60


@every_grammar
def test_reading_a_text_gives_the_probability_it_was_written_with(grammar):
    for text, log_probability in all_derivations(grammar):
        assert read_text(grammar, text) == pytest.approx(log_probability, abs=1e-12)


@every_grammar
def test_entropy_is_the_expected_surprisal(grammar):
    expected = -math.fsum(math.exp(lp) * lp for _, lp in all_derivations(grammar))
    assert entropy(grammar) == pytest.approx(expected, rel=1e-12)


def test_an_alternative_marked_three_times_is_three_times_as_likely():
    grammar = build_grammar({"story": ["A [3*red|blue [2*cat|dog|owl]] sat."]}, {})
    texts = ["A red sat.", "A blue cat sat.", "A blue dog sat.", "A blue owl sat."]
    probabilities = [math.exp(read_text(grammar, text)) for text in texts]
    assert probabilities == pytest.approx([3 / 4, 1 / 8, 1 / 16, 1 / 16], rel=1e-12)


def test_texts_are_drawn_as_often_as_their_probability_says():
    draws, rng, grammar = 10_000, random.Random(0), small_grammar()
    drawn = Counter(write_text(grammar, rng)[0] for _ in range(draws))
    for text, log_probability in all_derivations(grammar):
        share = math.exp(log_probability)
        sigma = math.sqrt(draws * share * (1 - share))
        assert abs(drawn[text] - draws * share) < 4.5 * sigma, text


@pytest.mark.parametrize(
    "template",
    [
        "A [cat|cat].",
        "A [cat|cat [sat|ran]].",
        "A [big |]cat.",
        "A [[big|small] cat|big dog].",
        "{x:names} came. [{X} sat|Bob ran|Bob] down.",
        "{x:names} and {y:names} came. [{X}|{Y}] sat.",
        "One {x:near}.",
    ],
)
def test_a_grammar_with_two_derivations_of_a_text_is_refused(template):
    words = SMALL_WORDS | {"near": [Word("car"), Word("cart")]}
    with pytest.raises(ValueError, match="could not tell the alternatives"):
        build_grammar({"story": [template]}, words)


def test_a_word_echoed_before_it_is_chosen_is_refused():
    with pytest.raises(ValueError, match="before a word was chosen"):
        build_grammar({"story": ["[A {x:names}|The dog] sat. {X} ran."]}, SMALL_WORDS)


def test_a_word_without_the_form_that_is_echoed_is_refused():
    with pytest.raises(ValueError, match="'dog', which has no form 'their'"):
        build_grammar({"story": ["An {y:things} lost {y.their} way."]}, SMALL_WORDS)


@given(st.integers(0, 2**64))
def test_a_generated_story_scores_the_probability_of_its_own_choices(seed):
    text, log_probability = write_text(story_grammar(), random.Random(seed))
    assert story_log_probability(text) == pytest.approx(log_probability, abs=1e-9)


@given(st.integers(0, 2**64), st.data())
def test_a_story_with_one_letter_changed_is_another_story_or_none(seed, data):
    text = generate_story(random.Random(seed))
    at = data.draw(st.integers(0, len(text) - 1))
    letter = data.draw(st.sampled_from([c for c in string.ascii_letters if c != text[at]]))
    with pytest.raises(ValueError, match="not a story of this grammar: at character"):
        story_log_probability(text[:at] + letter + text[at + 1 :])


def test_a_divergence_names_the_place_what_was_expected_and_what_was_found():
    with pytest.raises(
        ValueError, match=r"at character 3, after 'Ann', expected ' saw ', found '!'"
    ):
        read_text(small_grammar(), "Ann!")


def test_text_after_the_end_of_a_story_is_refused():
    with pytest.raises(ValueError, match="expected the end of the story, found ' More.'"):
        story_log_probability(generate_story(random.Random(0)) + " More.")


def test_the_mean_surprisal_agrees_with_the_entropy_of_the_grammar():
    rng = random.Random(0)
    surprisals = [-write_text(story_grammar(), rng)[1] for _ in range(2000)]
    mean = sum(surprisals) / len(surprisals)
    deviation = math.sqrt(sum((s - mean) ** 2 for s in surprisals) / len(surprisals))
    assert abs(mean - entropy(story_grammar())) < 4 * deviation / math.sqrt(len(surprisals))


def test_there_are_more_than_ten_million_stories_and_four_hundred_words():
    rng = random.Random(0)
    words = {word.lower() for _ in range(300) for word in re.findall(r"\w+", generate_story(rng))}
    assert count_texts(story_grammar()) > 10_000_000
    assert len(words) > 400


def test_stories_are_well_formed():
    rng = random.Random(0)
    faults = re.compile(
        r"\ba [aeiou]|\ban [^aeiou]|[ \n]{2}| \n|\n |[\[\]{}<>|*]| [.,!?]|[.,!?]{2}"
        r"|\. [a-z]|^\W|\w$"
    )
    for _ in range(500):
        story = generate_story(rng)
        assert not faults.search(story), story
        assert 60 <= len(story.split()) <= 175
        assert story.count('"') % 2 == 0
