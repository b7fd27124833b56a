"""Where a corpus comes from: made here, fetched, or the user's own files.

A source has a `spec`, which says in JSON what the text is, and `texts`, which gives the paths of
the training and the validation text.
"""

import codecs
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from groundup import corpus
from groundup.commands.common import Refusal, say
from groundup.commands.fingerprint import checksum
from groundup.commands.hub import fetch
from groundup.presets import CORPORA, Corpus
from groundup.stages import ROOT

TINYSTORIES = "roneneldan/TinyStories"
TINYSTORIES_FILES = ("TinyStoriesV2-GPT4-train.txt", "TinyStoriesV2-GPT4-valid.txt")


class Source(Protocol):
    has_floor: bool
    """Whether the probability of every story is known."""

    @property
    def spec(self) -> dict[str, Any]: ...

    def texts(self, folder: Path) -> tuple[Path, Path]:
        """What has to be made is made in `folder`."""
        ...


@dataclass(frozen=True)
class Embedded:
    """Stories that the course's own grammar makes."""

    settings: Corpus
    has_floor = True

    def resized(self, num_stories: int | None, num_valid_stories: int | None) -> "Embedded":
        """With other numbers of stories; None leaves one as it is."""
        return Embedded(
            replace(
                self.settings,
                num_stories=num_stories or self.settings.num_stories,
                num_valid_stories=num_valid_stories or self.settings.num_valid_stories,
            )
        )

    @property
    def spec(self) -> dict[str, Any]:
        made = asdict(self.settings)
        del made["vocab_size"]
        grammar = checksum((ROOT / "groundup" / "corpus").glob("*.py"))
        return {"kind": "embedded", **made, "grammar": grammar}

    def texts(self, folder: Path) -> tuple[Path, Path]:
        train, valid = folder / "train.txt", folder / "valid.txt"
        of = self.settings
        say(f"{of.num_stories:,} stories to train on, {of.num_valid_stories:,} to validate with")
        # A seed of its own for each text: the same one would begin both with the same stories.
        corpus.write_corpus(train, num_stories=of.num_stories, seed=2 * of.seed)
        corpus.write_corpus(valid, num_stories=of.num_valid_stories, seed=2 * of.seed + 1)
        return train, valid


@dataclass(frozen=True)
class TinyStories:
    """TinyStories V2 (Eldan and Li 2023) from the Hugging Face hub, kept in its cache."""

    has_floor = False

    @property
    def spec(self) -> dict[str, Any]:
        return {"kind": "tinystories", "repository": TINYSTORIES, "files": list(TINYSTORIES_FILES)}

    def texts(self, folder: Path) -> tuple[Path, Path]:
        say(f"fetching {TINYSTORIES} (2.2 GB, unless it is in the cache)")
        train, valid = (fetch(TINYSTORIES, name) for name in TINYSTORIES_FILES)
        return train, valid


@dataclass(frozen=True)
class OwnFiles:
    """Two text files that are the user's and stay where they are."""

    train: Path
    valid: Path
    has_floor = False

    @property
    def spec(self) -> dict[str, Any]:
        return {"kind": "files", "train": _identity(self.train), "valid": _identity(self.valid)}

    def texts(self, folder: Path) -> tuple[Path, Path]:
        for path in (self.train, self.valid):
            check_text(path)
        return self.train, self.valid


def find_source(name: str, train: Path | None, valid: Path | None) -> tuple[str, Source]:
    """The source that the command line asks for, and a name for what is made of it."""
    if train or valid:
        if name:
            raise Refusal(f"give {name!r} or your own files, not both", code=2)
        if not (train and valid):
            missing = "--valid-file" if train else "--train-file"
            raise Refusal(f"{missing} is missing: give both, of different text", code=2)
        for path in (train, valid):
            check_file(path)
        return f"{train.absolute().parent.name}-{train.stem}", OwnFiles(train, valid)
    if name == "tinystories":
        return name, TinyStories()
    if name in ("embedded", ""):
        return "embedded", Embedded(CORPORA["embedded"])
    raise Refusal(
        f"{name!r} is not a corpus; write embedded or tinystories, or give your own text with "
        "--train-file and --valid-file",
        code=2,
    )


def check_file(path: Path) -> None:
    """Refuse what is no file that can be read again: a pipe cannot."""
    if path.is_file():
        return
    if path.exists() and not path.is_dir():
        raise Refusal(
            f"expected a text file at {path}, found a pipe or a device; write its text to a file"
        )
    found = "a folder" if path.is_dir() else "nothing"
    raise Refusal(f"expected a text file at {path}, found {found}; check the path")


def check_text(path: Path) -> None:
    """Refuse a file that is empty or not UTF-8, before anything is made of it."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    read = 0
    with path.open("rb") as file:
        while True:
            piece = file.read(1 << 20)
            pending = len(decoder.getstate()[0])
            try:
                decoder.decode(piece, final=not piece)
            except UnicodeDecodeError as error:
                place = read - pending + error.start
                raise Refusal(
                    f"expected UTF-8 text in {path}, found byte 0x{error.object[error.start]:02x} "
                    f"at offset {place:,}; convert the file to UTF-8"
                ) from None
            read += len(piece)
            if not piece:
                break
    if read == 0:
        raise Refusal(f"expected text in {path}, found an empty file; check the path")


def _identity(path: Path) -> dict[str, Any]:
    about = path.stat()
    return {"path": str(path.absolute()), "bytes": about.st_size, "modified": about.st_mtime_ns}
