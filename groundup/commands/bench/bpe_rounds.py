"""All libraries on one text, in turn and again, each time in a process of its own."""

import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from groundup.commands.bench import bpe_libraries, processes
from groundup.commands.bench.agreement import SameIds, SameTokens, compare_ids, compare_tokens
from groundup.commands.bench.bpe_libraries import ENCODING, TRAINING
from groundup.commands.bench.processes import Seen
from groundup.commands.common import console


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What repeated measurements of one library at one task gave."""

    library: str
    num_bytes: int
    repeats: list[Seen]

    @property
    def seconds(self) -> list[float]:
        return [seen.seconds for seen in self.repeats]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def peak_memory(self) -> int | None:
        peaks = [seen.peak_memory for seen in self.repeats]
        return max((peak for peak in peaks if peak is not None), default=None)


@dataclass(frozen=True, kw_only=True)
class TextResult:
    """All that was seen of one text."""

    num_bytes: int
    training: list[Timing]
    encoding: list[Timing]
    same_tokens: list[SameTokens]
    same_ids: list[SameIds]

    @property
    def tasks(self) -> dict[str, list[Timing]]:
        return {"training": self.training, "encoding": self.encoding}


@dataclass(frozen=True, kw_only=True)
class Rounds:
    """Measures on one text. Encoding needs the tokenizer that our training leaves in `scratch`."""

    text: Path
    scratch: Path
    vocab_size: int
    repeats: int
    peers: list[str]

    def run(self) -> TextResult:
        same_tokens: list[SameTokens] = []
        same_ids: list[SameIds] = []
        training = self._measure("training")
        for peer, ours, theirs in self._kept(training, "training"):
            same_tokens.append(compare_tokens(peer, ours, theirs))
        encoding = self._measure("encoding")
        for peer, ours, theirs in self._kept(encoding, "encoding"):
            same_ids.append(compare_ids(peer, ours, theirs))
        return TextResult(
            num_bytes=self.text.stat().st_size,
            training=training,
            encoding=encoding,
            same_tokens=same_tokens,
            same_ids=same_ids,
        )

    def _measure(self, task: str) -> list[Timing]:
        functions = {"training": TRAINING, "encoding": ENCODING}[task]
        libraries = [each for each in functions if each == "ours" or each.split()[0] in self.peers]
        seen: dict[str, list[Seen]] = {library: [] for library in libraries}
        for repeat in range(self.repeats):
            for library in libraries:
                what = f"{library}, {task}"
                with console.status(f"{what}, {repeat + 1} of {self.repeats} …"):
                    measured = processes.measure(
                        what,
                        bpe_libraries.__name__,
                        functions[library].__name__,
                        {"text": self.text, "folder": self.scratch, "vocab_size": self.vocab_size},
                        self.scratch,
                        self._keep(library, task) if repeat == 0 else None,
                    )
                seen[library].append(measured)
        num_bytes = self.text.stat().st_size
        return [
            Timing(library=library, num_bytes=num_bytes, repeats=repeats)
            for library, repeats in seen.items()
        ]

    def _keep(self, library: str, task: str) -> Path:
        return self.scratch / f"{task}-{library.replace(' ', '-')}.npy"

    def _kept(self, timings: list[Timing], task: str) -> Iterator[tuple[str, Path, Path]]:
        """The peers whose results were kept, with our result and theirs."""
        ours = self._keep("ours", task)
        for peer in (timing.library for timing in timings[1:]):
            theirs = self._keep(peer, task)
            if theirs.is_file():
                yield peer, ours, theirs
                theirs.unlink()
        ours.unlink()
