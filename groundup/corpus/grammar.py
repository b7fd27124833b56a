"""A probabilistic grammar in which every text has exactly one derivation.

A template is plain text with four kinds of marks:

    [one|3*two]      a choice; the second alternative is drawn three times as often
    <rule>           the rule of that name, a choice among its templates
    {x:list}         a choice from a word list, remembered as x; {x.a:list} writes the form "a"
    {x} {x.their}    what was remembered, or a form of it; {X} and {X.their} with a capital letter

A blank line starts a paragraph. The same walk over the grammar writes a text and reads one: a
`Writer` decides each choice by chance, a `Reader` by looking at what comes next. It can always
tell, because `groundup.corpus.checks` refuses a grammar in which one alternative could open with
another's text. So a story is a message in a prefix code, and its probability is the product of
the probabilities of the choices it shows.
"""

import math
import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate
from typing import Protocol, TypeAlias


@dataclass(frozen=True, eq=False)
class Word:
    """An entry of a word list: its text, and its forms by name (`{"their": "her"}`)."""

    text: str
    forms: Mapping[str, str] = field(default_factory=dict)

    def form(self, name: str) -> str:
        """The form called `name`; "" is the word itself, "a" puts the article in front."""
        if name == "":
            return self.text
        if name == "a":
            return ("an " if self.text[0] in "aeiou" else "a ") + self.text
        return self.forms[name]


Memory: TypeAlias = dict[str, Word]


@dataclass(frozen=True)
class Echo:
    """Writes a form of a remembered word."""

    name: str
    form: str
    capital: bool

    def text(self, word: Word) -> str:
        text = word.form(self.form)
        return text[0].upper() + text[1:] if self.capital else text


@dataclass(frozen=True)
class Remember:
    """Writes nothing; later echoes of `name` write `word`."""

    name: str
    word: Word


@dataclass(frozen=True, eq=False)
class Choice:
    """A point where the story could go on in several ways."""

    source: str
    alternatives: tuple["Pieces", ...]
    weights: tuple[int, ...]

    @cached_property
    def probabilities(self) -> tuple[float, ...]:
        return tuple(weight / sum(self.weights) for weight in self.weights)

    @cached_property
    def log_probabilities(self) -> tuple[float, ...]:
        return tuple(math.log(probability) for probability in self.probabilities)

    @cached_property
    def bounds(self) -> tuple[float, ...]:
        """Where the unit interval is cut so that each alternative gets its probability."""
        return tuple(accumulate(self.probabilities))[:-1]


Piece: TypeAlias = str | Echo | Remember | Choice
Pieces: TypeAlias = Sequence[Piece]


class Pen(Protocol):
    """What the walk asks of a writer and of a reader."""

    def write(self, text: str) -> None: ...

    def choose(self, choice: Choice, memory: Memory) -> int: ...


def walk(pieces: Pieces, pen: Pen, memory: Memory) -> float:
    """Take `pen` through the pieces; returns the log-probability of the choices made, in nats."""
    log_probability = 0.0
    for piece in pieces:
        if isinstance(piece, str):
            pen.write(piece)
        elif isinstance(piece, Echo):
            pen.write(piece.text(memory[piece.name]))
        elif isinstance(piece, Remember):
            memory[piece.name] = piece.word
        else:
            index = pen.choose(piece, memory)
            log_probability += piece.log_probabilities[index]
            log_probability += walk(piece.alternatives[index], pen, memory)
    return log_probability


class Writer:
    """Decides by chance. Only `rng.random()` is used: Python promises never to change it."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.parts: list[str] = []

    def write(self, text: str) -> None:
        self.parts.append(text)

    def choose(self, choice: Choice, memory: Memory) -> int:
        return bisect_right(choice.bounds, self.rng.random())


class Reader:
    """Decides by the text that comes next; ValueError where the grammar could not go on so."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def write(self, text: str) -> None:
        if not self.text.startswith(text, self.position):
            raise self.divergence(repr(text))
        self.position += len(text)

    def choose(self, choice: Choice, memory: Memory) -> int:
        for index, alternative in enumerate(choice.alternatives):
            if self.text.startswith(opening(alternative, memory), self.position):
                return index
        raise self.divergence(f"one of {choice.source}")

    def finish(self) -> None:
        if self.position < len(self.text):
            raise self.divergence("the end of the story")

    def divergence(self, expected: str) -> ValueError:
        before = self.text[max(0, self.position - 30) : self.position]
        found = self.text[self.position : self.position + 30]
        return ValueError(
            f"not a story of this grammar: at character {self.position}, after {before!r}, "
            f"expected {expected}, found {found!r}"
        )


def opening(pieces: Pieces, memory: Memory) -> str:
    """The text an alternative is sure to start with: all of it up to the next choice."""
    text = ""
    for piece in pieces:
        if isinstance(piece, Choice):
            break
        if isinstance(piece, Echo):
            text += piece.text(memory[piece.name])
        elif isinstance(piece, str):
            text += piece
    return text


def write_text(pieces: Pieces, rng: random.Random) -> tuple[str, float]:
    """A text drawn from the grammar, and its log-probability in nats."""
    writer = Writer(rng)
    log_probability = walk(pieces, writer, {})
    return "".join(writer.parts), log_probability


def read_text(pieces: Pieces, text: str) -> float:
    """The log-probability of `text` in nats; ValueError says where it leaves the grammar."""
    reader = Reader(text)
    log_probability = walk(pieces, reader, {})
    reader.finish()
    return log_probability
