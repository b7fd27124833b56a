"""`groundup bench tokenizer`: stage 01 beside the libraries that do the same."""

import importlib.util
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup import reference as whose
from groundup.commands.bench import bpe_report, machine, texts
from groundup.commands.bench.bpe_rounds import Rounds, TextResult
from groundup.commands.bench.record import write_record
from groundup.commands.common import Reference, Refusal, begin, console, say, shown
from groundup.commands.train import RUNS
from groundup.presets import SEPARATOR
from groundup.stages import STAGES

PEERS = ("tokenizers", "rustbpe", "tiktoken")
LEAST_MEGABYTES, LEAST_VOCABULARY = 0.001, 256 + 1


TextFile = Annotated[
    Path | None,
    typer.Option("--file", metavar="PATH", help="A UTF-8 text. The embedded corpus if not given."),
]
Sizes = Annotated[
    list[float] | None,
    typer.Option(
        metavar="MB",
        help="Cut the text to so many megabytes, or repeat its stories in another order. "
        "May be given several times, for a plot of time against size.",
    ),
]
OneLine = Annotated[
    bool,
    typer.Option(
        "--one-line",
        help="Take out white space and special tokens, which leaves one long line, and measure "
        "yours alone: the others need more memory than most machines have.",
    ),
]
Out = Annotated[
    Path | None,
    typer.Option(metavar="PATH", help="The folder of the results. runs/bench if not given."),
]


def tokenizer(
    file: TextFile = None,
    size: Sizes = None,
    vocab_size: Annotated[int, typer.Option(help="Tokens in the vocabulary.")] = 10_000,
    repeats: Annotated[int, typer.Option(min=1, help="Measure so many times.")] = 3,
    one_line: OneLine = False,
    out: Out = None,
    reference: Reference = "",
) -> None:
    """Train and encode with your stage 01 and with other libraries, and compare.

    Times are medians of interleaved repeats. The ids must be those of tiktoken with the same
    vocabulary: if they are not, the exit code is 1.
    """
    sizes = _in_bytes(size or [])
    _check_vocabulary(vocab_size)
    if file is not None:
        texts.check_before(file)
    folder = writable(out or RUNS / "bench")
    begin(reference, STAGES[0])
    peers = [] if one_line else _installed()
    how: dict[str, Any] = {"one_line": one_line, "vocab_size": vocab_size, "repeats": repeats}
    try:
        results = _bench(file, sizes, peers=peers, **how)
    except KeyboardInterrupt:
        raise Refusal("stopped; nothing was written", code=130) from None
    for note in bpe_report.notes(repeats):
        say(note)
    settings = {
        "file": str(file.absolute()) if file else None,
        **how,
        "seed": texts.SEED,
        "code": whose.owner(STAGES[0]),
    }
    _write(folder, settings, results)
    wrong = [each for result in results for each in result.same_ids if not each.equal]
    if wrong:
        raise Refusal(f"the results do not agree: {wrong[0].sentence}")


def _check_vocabulary(size: int) -> None:
    if size < LEAST_VOCABULARY:
        raise Refusal(
            f"a vocabulary of {size} is too small: 256 bytes and {SEPARATOR} need "
            f"{LEAST_VOCABULARY}",
            code=2,
        )


def _in_bytes(sizes: list[float]) -> list[int]:
    for megabytes in sizes:
        if not LEAST_MEGABYTES <= megabytes < float("inf"):
            raise Refusal(
                f"--size {megabytes:g} cannot be; write megabytes, at least {LEAST_MEGABYTES}",
                code=2,
            )
    return sorted({round(megabytes * 1e6) for megabytes in sizes})


def writable(folder: Path) -> Path:
    """Refuse before anything is measured, not after."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise Refusal(
            f"expected a folder to write to at {folder}, found: {error.strerror}; "
            "give another --out",
            code=2,
        ) from None


def _installed() -> list[str]:
    """The peers that are there; each that is not is named."""
    found = [peer for peer in PEERS if importlib.util.find_spec(peer) is not None]
    for peer in PEERS:
        if peer not in found:
            say(f'{peer} is not installed and left out; pip install -e ".[bench]" installs it')
    return found


def _bench(
    file: Path | None,
    sizes: list[int],
    *,
    one_line: bool,
    vocab_size: int,
    repeats: int,
    peers: list[str],
) -> list[TextResult]:
    """Print the table of each size as soon as it is known."""
    results = []
    with tempfile.TemporaryDirectory(prefix="groundup-bench-") as name:
        scratch = Path(name)
        source = file or scratch / "embedded.txt"
        if file is None:
            with console.status("text …"):
                texts.write_embedded(source, max(sizes, default=None))
        for num_bytes in sizes or [source.stat().st_size]:
            text = scratch / "text.txt" if sizes else source
            if sizes:
                texts.write_resized(source, text, num_bytes)
            if one_line:
                texts.write_one_line(text, scratch / "line.txt")
                text = scratch / "line.txt"
            rounds = Rounds(
                text=text, scratch=scratch, vocab_size=vocab_size, repeats=repeats, peers=peers
            )
            results.append(rounds.run())
            say(bpe_report.table(results[-1]) + "\n")
    return results


def _write(folder: Path, settings: dict[str, Any], results: list[TextResult]) -> None:
    record = write_record(
        folder,
        "tokenizer",
        settings,
        [*PEERS, "numpy", "regex"],
        threads=bpe_report.thread_settings(),
        texts=[bpe_report.record(result) for result in results],
    )
    if len(results) > 1:
        from groundup.commands.bench.time_plot import draw_times  # matplotlib takes long to import

        plot = record.with_suffix(".png")
        title = f"{machine.processor()}, vocabulary {settings['vocab_size']:,}"
        draw_times(results, plot, title=title)
        say(f"plot {shown(plot)}")
