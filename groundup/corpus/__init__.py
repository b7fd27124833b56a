"""The embedded corpus: as many small stories as asked, each with a known probability."""

from groundup.corpus.files import entropy_floor, read_stories, write_corpus
from groundup.corpus.stories import generate_story, story_log_probability

__all__ = [
    "entropy_floor",
    "generate_story",
    "read_stories",
    "story_log_probability",
    "write_corpus",
]
