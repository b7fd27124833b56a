"""`groundup data`: from text to ids."""

from pathlib import Path
from typing import Annotated

import typer

from groundup.commands.common import Reference, Refusal, begin, say, shown, table
from groundup.commands.prepared import DATA, Prepared, prepare
from groundup.commands.sources import Embedded, find_source
from groundup.presets import CORPORA
from groundup.stages import STAGES

TrainFile = Annotated[
    Path | None,
    typer.Option(help="Your own text to train on: one UTF-8 file.", metavar="PATH"),
]
ValidFile = Annotated[
    Path | None,
    typer.Option(help="Your own text to validate with: one UTF-8 file.", metavar="PATH"),
]


def data(
    corpus: Annotated[
        str, typer.Argument(help="embedded (made here, the default) or tinystories (fetched).")
    ] = "",
    train_file: TrainFile = None,
    valid_file: ValidFile = None,
    name: Annotated[
        str, typer.Option(help="The folder in data to make. Named after the text if not given.")
    ] = "",
    vocab_size: Annotated[
        int | None, typer.Option(help="Tokens in the vocabulary. As in the presets if not given.")
    ] = None,
    stories: Annotated[
        int | None, typer.Option(min=1, help="Stories to train on, if embedded.")
    ] = None,
    valid_stories: Annotated[
        int | None, typer.Option(min=1, help="Stories to validate with, if embedded.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Make anew what is there.")] = False,
    reference: Reference = "",
) -> None:
    """Make or fetch a corpus, train the tokenizer on it, and encode it.

    The result is a folder in data with the tokenizer and the ids. What is there already and was
    made of the same text by the same code is left as it is.
    """
    default_name, source = find_source(corpus, train_file, valid_file)
    if isinstance(source, Embedded):
        source = source.resized(stories, valid_stories)
    elif stories or valid_stories:
        raise Refusal("--stories and --valid-stories are for the embedded corpus", code=2)
    folder = DATA / _checked(name or default_name)
    settings = CORPORA.get(default_name, CORPORA["tinystories"])
    begin(reference, STAGES[0])
    show(
        folder,
        prepare(
            folder, source, settings.vocab_size if vocab_size is None else vocab_size, force=force
        ),
    )
    say("next: groundup train")


def _checked(name: str) -> str:
    """One folder in data and no other: what is there is replaced as a whole."""
    if Path(name).name != name or name == "..":
        raise Refusal(f"--name {name}: expected the name of a folder in data, found a path", code=2)
    if not name.isprintable() or name != name.strip():
        raise Refusal(f"--name {name!r}: expected a name without blanks around it", code=2)
    return name


def show(folder: Path, prepared: Prepared) -> None:
    """What is in the folder, in a few lines."""
    rows = [
        ("data", shown(folder)),
        ("vocabulary", f"{prepared.vocab_size:,}"),
        ("training tokens", f"{prepared.train_tokens:,}"),
        ("validation tokens", f"{prepared.valid_tokens:,}"),
    ]
    if prepared.entropy_floor is not None:
        rows.append(("entropy floor", f"{prepared.entropy_floor:.4f} nats per token"))
    if prepared.vocab_size < prepared.asked_vocab_size:
        rows.append(("asked vocabulary", f"{prepared.asked_vocab_size:,}; no pair was left"))
    say(table(rows))
