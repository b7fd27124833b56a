"""Text of a given size, from a file or from the embedded corpus."""

import random
from pathlib import Path

from groundup import corpus
from groundup.commands.common import Refusal
from groundup.commands.sources import check_file, check_text
from groundup.presets import CORPORA, SEPARATOR

SEED = 0
LEAST_BYTES_OF_A_STORY = 300
"""On average: an embedded story has about 650."""


def check_before(path: Path) -> None:
    """Refuse what is not a text, before anything is measured."""
    try:
        check_file(path)
        check_text(path)
    except Refusal as error:
        raise Refusal(str(error), code=2) from None


def write_embedded(path: Path, num_bytes: int | None) -> None:
    """The embedded corpus, or as much of it as `num_bytes` need."""
    num_stories = CORPORA["embedded"].num_stories
    if num_bytes is not None:
        num_stories = min(num_stories, num_bytes // LEAST_BYTES_OF_A_STORY + 1)
    corpus.write_corpus(path, num_stories=num_stories, seed=SEED)


def write_resized(source: Path, path: Path, num_bytes: int) -> None:
    """Write the beginning of `source`, or all of it and then its stories again and again, each
    time in another order. The last character is whole, so there may be up to 3 bytes less."""
    with source.open("rb") as file:
        data = file.read(num_bytes + 1)
    *stories, last = data.split(SEPARATOR.encode())
    stories = [story + SEPARATOR.encode() for story in stories] + [last] * bool(last)
    order = random.Random(SEED)
    left = num_bytes
    with path.open("wb") as out:
        while True:
            for story in stories:
                if left <= len(story):
                    out.write(_cut(story, left))
                    return
                out.write(story)
                left -= len(story)
            order.shuffle(stories)


def _cut(data: bytes, end: int) -> bytes:
    while end < len(data) and data[end] & 0xC0 == 0x80:  # inside a character
        end -= 1
    return data[:end]


def write_one_line(source: Path, path: Path) -> None:
    """Write `source` without white space and separators: nearly every word is a new one."""
    with source.open("rb") as file, path.open("wb") as out:
        for line in file:
            out.write(b"".join(line.replace(SEPARATOR.encode(), b"").split()))
