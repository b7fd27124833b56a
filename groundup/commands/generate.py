"""`groundup generate`: from a checkpoint to text."""

import codecs
import itertools
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.commands import prepared as on_disk
from groundup.commands.common import Reference, Refusal, begin, shown
from groundup.commands.started import CHECKPOINT
from groundup.commands.train import RUNS
from groundup.stages import STAGES

Settings = dict[str, Any]
UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()


def generate(
    run: Annotated[str, typer.Argument(help="A name in runs, or the folder of a run.")],
    prompt: Annotated[
        str | None,
        typer.Option(help="How the text begins. At a terminal, it is asked for if not given."),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Stop after so many tokens.")] = 500,
    temperature: Annotated[
        float, typer.Option(help="Below 1 plays safe, above 1 dares, 0 takes the likeliest token.")
    ] = 0.8,
    top_k: Annotated[
        int | None,
        typer.Option(max=2**63 - 1, help="Choose among the so many likeliest tokens only."),
    ] = None,
    top_p: Annotated[
        float | None, typer.Option(help="Choose among the likeliest tokens of this joint share.")
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, max=2**63 - 1, help="The same seed gives the same text.")
    ] = 0,
    batch: Annotated[
        int, typer.Option(min=1, help="Write so many texts side by side, and show them at the end.")
    ] = 1,
    reference: Reference = "",
) -> None:
    """Write text with a trained model, token by token, until the story ends.

    Without --prompt, at a terminal, it asks for one after another; an empty one begins a new story.
    Elsewhere it writes a new story.
    """
    folder = find_run(run)
    begin(reference, STAGES[6], to_stderr=True)
    settings = {"temperature": temperature, "top_k": top_k, "top_p": top_p}
    writer = load_writer(folder, max_new_tokens, settings)
    if prompt is None and sys.stdin.isatty() and sys.stdout.isatty():
        known = {"at most": f"{max_new_tokens} tokens", **settings, "seed": seed}
        note(", ".join(f"{name} {value}" for name, value in known.items() if value is not None))
        converse(lambda words, number: tell(writer, words, number, batch), seed)
    else:
        tell(writer, prompt or "", seed, batch)


def converse(
    answer: Callable[[str, int], None], seed: int, ask: Callable[[str], str] = input
) -> None:
    """Ask for prompts and answer them, each with a seed of its own, until Ctrl-D or Ctrl-C."""
    try:
        for number in itertools.count(seed):
            prompt = ask("\nprompt: ")
            try:
                answer(prompt, number)
            except Refusal as refused:  # of this prompt; the next may do
                note(f"groundup: {refused}")
    except (EOFError, KeyboardInterrupt):
        note("\nstopped")


@dataclass(frozen=True)
class Writer:
    """A model with its tokenizer, and how to draw from it."""

    model: Any
    tokenizer: Any
    has_stories: bool
    max_new_tokens: int
    settings: Settings

    def stream(self, prompt: str, seed: int) -> Iterator[bytes]:
        """The bytes of each token, as soon as it is drawn."""
        from s07_decoding import stream

        ids = stream(self.model, self._begin(prompt), **self._request(seed))
        return (self.bytes_of(each) for each in ids)

    def batch(self, prompt: str, seed: int, count: int) -> list[list[bytes]]:
        """The bytes of all tokens of `count` texts, which are drawn side by side."""
        from s07_decoding import generate

        rows = generate(self.model, [self._begin(prompt)] * count, **self._request(seed))
        return [[self.bytes_of(each) for each in row] for row in rows]

    def bytes_of(self, token: int) -> bytes:
        """A model may have room for more ids than its tokenizer has; they mean nothing."""
        return bytes(self.tokenizer.vocab.get(int(token), UNKNOWN))

    def _begin(self, prompt: str) -> list[int]:
        return list(self.tokenizer.encode(on_disk.opening(self.has_stories, prompt)))

    def _request(self, seed: int) -> Settings:
        import torch

        return {
            "max_new_tokens": self.max_new_tokens,
            "stop_ids": [on_disk.separator_id(self.tokenizer)],
            "generator": torch.Generator().manual_seed(seed),
            **self.settings,
        }


def load_writer(folder: Path, max_new_tokens: int, settings: Settings) -> Writer:
    from s06_training import best_device, load_model

    model: Any = load_model(folder / CHECKPOINT, device=best_device())
    if not all(each.isfinite().all() for each in model.parameters()):
        raise Refusal(
            f"expected finite weights in {shown(folder / CHECKPOINT)}, found infinity or NaN; put "
            "back a copy, or train anew"
        )
    return Writer(
        model,
        on_disk.load_tokenizer(folder),
        on_disk.load(folder).separators > 0,
        max_new_tokens,
        settings,
    )


def tell(writer: Writer, prompt: str, seed: int, batch: int) -> None:
    """Show what the model makes of a prompt, and how quickly."""
    started = time.perf_counter()
    if batch == 1:
        drawn = write_out(prompt, writer.stream(prompt, seed))
        seconds = time.perf_counter() - started
    else:
        texts = writer.batch(prompt, seed, batch)
        seconds = time.perf_counter() - started
        drawn = 0
        for number, tokens in enumerate(texts, start=1):
            print(f"[{number} of {batch}]")
            drawn += write_out(prompt, tokens)
    note(f"{drawn:,} tokens, {drawn / seconds:,.0f} tokens/s")


def write_out(prompt: str, tokens: Iterable[bytes]) -> int:
    """Show the text as it comes, ending with one newline; how many tokens there were."""
    count = 0

    def counted() -> Iterator[bytes]:
        nonlocal count
        for token in tokens:
            count += 1
            yield token

    text = "\n"
    for text in filter(None, itertools.chain([prompt], whole_characters(counted()))):
        sys.stdout.write(text)
        sys.stdout.flush()
    if not text.endswith("\n"):
        sys.stdout.write("\n")
    return count


def note(text: str) -> None:
    """Say something about the text, beside it: standard output holds nothing else."""
    print(text, file=sys.stderr, flush=True)


def whole_characters(pieces: Iterator[bytes]) -> Iterator[str]:
    """The text of the bytes so far, never half a character; what is not UTF-8 becomes U+FFFD."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode(b"", final=True)


def find_run(name: str, file: str = CHECKPOINT) -> Path:
    """The folder of a run that has this file."""
    for folder in (RUNS / name, Path(name)):
        if (folder / file).is_file():
            return folder
    there = sorted(path.parent.name for path in RUNS.glob(f"*/{file}"))
    found = f"there are {', '.join(there)}" if there else "there are none yet; run groundup train"
    raise Refusal(f"{name!r} is no run with a {file} in {shown(RUNS)}; {found}")
