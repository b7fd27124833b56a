"""The story grammar put together: who the story is about, one plot of fifteen, and an ending."""

import random
from collections.abc import Mapping, Sequence
from functools import cache

from groundup.corpus import plots_friends, plots_home, plots_world
from groundup.corpus.grammar import Pieces, read_text, write_text
from groundup.corpus.templates import build_grammar
from groundup.corpus.words import WORDS

STORY = """
<opening> {hero} [2*loved|liked] to {hobby:hobbies}.

[6*One day|One morning|One afternoon|One sunny day|On Sunday], <plot>

<ending>
"""

OPENING = [
    "3*Once upon a time, there was a <child>. {Hero.they} lived with {hero.their} {elder:elders} "
    "[near|next to|not far from] the {place:places}.",
    "There once was a <child>, who lived with {hero.their} {elder:elders} near the {place:places}.",
    "In a [small|cozy|tall|white|quiet] house near the {place:places}, there lived a <child>. "
    "{Hero.they} had a very kind {elder:elders}.",
]

CHILD = [
    "6*little <named>",
    *[f"{trait} <named>" for trait in ("brave", "curious", "clever", "gentle", "shy", "funny")],
]

NAMED = ["girl named {hero:girls}", "boy named {hero:boys}"]

SAD = [
    "{hero} felt [very|so|a little] sad.",
    "{hero} wanted to cry.",
    "{hero} did not know what to do.",
    "{hero} sat down and sighed.",
    "Tears ran down {hero.their} cheeks.",
    "What [bad luck|a pity|a sad day]!",
]

GLAD = [
    "{hero} was [very|so] happy.",
    "{hero} smiled [a big smile|from ear to ear].",
    "{hero} clapped {hero.their} hands [and laughed|with joy].",
    "{hero} jumped [for joy|up and down].",
    "It was [wonderful|a happy moment|just like a dream].",
    "{Hero.their} heart felt [warm|light].",
]

ENDING = [
    "That night, {hero} [fell asleep with a smile|slept very well|dreamed of the {place}].",
    "When the day was over, {hero} went out to {hobby}.",
    "It was the best day {hero} had ever had.",
    "And {hero.they} [never forgot|always remembered] that day.",
    "Now {hero} tells this story to {hero.their} [friends|cat|toys].",
    "2*The end.",
]

RULES: Mapping[str, Sequence[str]] = {
    "story": [STORY],
    "opening": OPENING,
    "child": CHILD,
    "named": NAMED,
    "sad": SAD,
    "glad": GLAD,
    "ending": ENDING,
    "plot": [
        plots_home.LOST,
        plots_home.BROKE,
        plots_home.FEAR,
        plots_home.NOISE,
        plots_home.BAKE,
        plots_friends.SHARE,
        plots_friends.BUILD,
        plots_friends.RAIN,
        plots_friends.RACE,
        plots_friends.SKILL,
        plots_world.WISH,
        plots_world.STUCK,
        plots_world.GIFT,
        plots_world.SEED,
        plots_world.PATH,
    ],
}


@cache
def story_grammar() -> Pieces:
    """The grammar of the embedded corpus, built and checked once."""
    return build_grammar(RULES, WORDS)


def generate_story(rng: random.Random) -> str:
    """A story drawn from the grammar: the same for the same state of `rng`, on every machine."""
    text, _ = write_text(story_grammar(), rng)
    return text


def story_log_probability(text: str) -> float:
    """The natural logarithm of the probability that `generate_story` writes exactly `text`.

    ValueError if it never does, saying at which character `text` leaves the grammar.
    """
    return read_text(story_grammar(), text)
