"""Corpus files, laid out as TinyStories': each story followed by a line "<|endoftext|>"."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

from groundup.atomic import replacing
from groundup.corpus.stories import generate_story, story_log_probability

SEPARATOR = "<|endoftext|>"
REMEDY = "a file with a known floor is made by groundup.corpus.write_corpus"


def write_corpus(path: str | os.PathLike[str], *, num_stories: int, seed: int) -> None:
    """Write a corpus to `path`: the same bytes for the same seed; all of the file or nothing."""
    if num_stories < 1:
        raise ValueError(f"num_stories must be at least 1, got {num_stories}")
    rng = random.Random(seed)
    with (
        replacing(Path(path)) as unfinished,
        unfinished.open("w", encoding="utf-8", newline="\n") as file,
    ):
        for _ in range(num_stories):
            file.write(f"{generate_story(rng)}\n{SEPARATOR}\n")


def read_stories(path: str | os.PathLike[str]) -> Iterator[str]:
    """The stories of a file, one at a time; ValueError if it is empty, cut short or not UTF-8."""
    story: list[str] = []
    num_stories = 0
    try:
        with Path(path).open(encoding="utf-8") as file:
            for line in file:
                if line.rstrip("\n") != SEPARATOR:
                    story.append(line)
                    continue
                yield "".join(story).removesuffix("\n")
                story, num_stories = [], num_stories + 1
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: expected UTF-8 text, found {error}; {REMEDY}") from error
    if story or num_stories == 0:
        found = f"{num_stories} whole stories and {len(story)} lines after them"
        raise ValueError(
            f"{path}: expected stories each followed by {SEPARATOR}, {found}; {REMEDY}"
        )


def entropy_floor(path: str | os.PathLike[str], num_tokens: int) -> float:
    """The lowest loss any model can expect on a file of the corpus, in nats per token.

    It is the stories' own surprisal, sum(-story_log_probability), over `num_tokens`: the number
    of tokens the loss is averaged over. A deterministic tokenizer gives a text exactly one token
    sequence, so tokens are as probable as their text; separators are certain.
    """
    if num_tokens < 1:
        raise ValueError(f"num_tokens must be at least 1, got {num_tokens}")
    surprisal = 0.0
    for number, story in enumerate(read_stories(path), start=1):
        try:
            surprisal -= story_log_probability(story)
        except ValueError as error:
            raise ValueError(f"{path}: story {number}: {error}; {REMEDY}") from error
    return surprisal / num_tokens
