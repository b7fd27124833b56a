"""`groundup generate`: from a checkpoint to text."""

import codecs
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands import prepared as on_disk
from groundup.commands.common import Reference, Refusal, begin, shown
from groundup.commands.train import CHECKPOINT, RUNS
from groundup.presets import SEPARATOR
from groundup.stages import STAGES

Settings = dict[str, Any]


def generate(
    run: Annotated[str, typer.Argument(help="A name in runs, or the folder of a run.")],
    prompt: Annotated[
        str, typer.Option(help="How the text begins. A new story if not given.")
    ] = "",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Stop after so many tokens.")] = 500,
    temperature: Annotated[
        float, typer.Option(help="Below 1 plays safe, above 1 dares, 0 takes the likeliest token.")
    ] = 0.8,
    top_k: Annotated[
        int | None, typer.Option(help="Choose among the so many likeliest tokens only.")
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest tokens of this joint share.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same text.")] = 0,
    count: Annotated[int, typer.Option(min=1, help="How many texts to write.")] = 1,
    reference: Reference = "",
) -> None:
    """Write text with a trained model, token by token, until the story ends."""
    folder = _find_run(run)
    begin(reference, STAGES[6], to_stderr=True)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    write = load_writer(folder, max_new_tokens, settings)
    for number in range(count):
        if count > 1:
            print(f"[{number + 1} of {count}]")
        write_out(write(prompt, seed + number))


def load_writer(
    folder: Path, max_new_tokens: int, settings: Settings
) -> Callable[[str, int], Iterator[str]]:
    """A function of a prompt and a seed that gives the text, prompt included, piece by piece."""
    import torch

    from s06_training import best_device, load_model
    from s07_decoding import stream

    tokenizer = on_disk.load_tokenizer(folder)
    model = load_model(folder / CHECKPOINT, device=best_device())
    has_stories = on_disk.load(folder).separators > 0
    stop = on_disk.separator_id(tokenizer)

    def write(prompt: str, seed: int) -> Iterator[str]:
        # A story begins as the training text has it: after the end of the one before.
        opening = f"{SEPARATOR}\n{prompt}" if has_stories else prompt or "\n"
        ids = stream(
            model,
            tokenizer.encode(opening),
            max_new_tokens,
            stop_ids=[stop],
            generator=torch.Generator().manual_seed(seed),
            **settings,
        )
        yield prompt
        yield from whole_characters(tokenizer.vocab[int(each)] for each in ids)

    return write


def whole_characters(pieces: Iterator[bytes]) -> Iterator[str]:
    """The text of the bytes so far, never half a character; what is not UTF-8 becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def write_out(pieces: Iterator[str]) -> None:
    """Show the text as it comes, ending with one newline."""
    text = "\n"
    for text in filter(None, pieces):
        sys.stdout.write(text)
        sys.stdout.flush()
    if not text.endswith("\n"):
        sys.stdout.write("\n")


def _find_run(name: str) -> Path:
    for folder in (RUNS / name, Path(name)):
        if (folder / CHECKPOINT).is_file():
            return folder
    there = sorted(path.parent.name for path in RUNS.glob(f"*/{CHECKPOINT}"))
    found = f"there are {', '.join(there)}" if there else "there are none yet; run groundup train"
    raise Refusal(f"{name!r} is no run with a checkpoint in {shown(RUNS)}; {found}")
