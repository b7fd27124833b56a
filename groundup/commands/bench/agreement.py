"""Whether libraries give the same: tokens in the order they were learned, and ids of a text."""

import json
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class SameTokens:
    """How the tokens that a peer's merges made compare with ours.

    Libraries differ in which of two equally frequent pairs comes first, and may be right both.
    """

    peer: str
    ours: int
    theirs: int
    first_alike: int
    """So many merges from the first on make the same token."""
    in_both: int

    @property
    def sentence(self) -> str:
        if self.first_alike == self.ours == self.theirs:
            return f"merges of {self.peer}: all {self.ours:,} as ours"
        same = self.in_both == self.ours == self.theirs
        tokens = "the same tokens in all" if same else f"{self.in_both:,} tokens in both"
        return (
            f"merges of {self.peer}: the first {self.first_alike:,} as ours, {tokens} "
            f"(ours {self.ours:,}, theirs {self.theirs:,})"
        )


@dataclass(frozen=True, kw_only=True)
class SameIds:
    """How the ids that a peer gives with our vocabulary compare with ours: they must be equal."""

    peer: str
    ours: int
    theirs: int
    first_difference: int | None
    """The place in the ids; None if all are equal."""

    @property
    def equal(self) -> bool:
        return self.first_difference is None

    @property
    def sentence(self) -> str:
        if self.equal:
            return f"ids of {self.peer}: all {self.ours:,} equal to ours"
        return (
            f"ids of {self.peer}: not ours from id {self.first_difference:,} on "
            f"(ours {self.ours:,}, theirs {self.theirs:,})"
        )


def compare_tokens(peer: str, our_file: Path, their_file: Path) -> SameTokens:
    """The files hold JSON lists of tokens."""
    ours, theirs = (json.loads(path.read_text(encoding="utf-8")) for path in (our_file, their_file))
    alike = takewhile(lambda pair: pair[0] == pair[1], zip(ours, theirs, strict=False))
    return SameTokens(
        peer=peer,
        ours=len(ours),
        theirs=len(theirs),
        first_alike=sum(1 for _ in alike),
        in_both=len({*ours} & {*theirs}),
    )


def compare_ids(peer: str, our_file: Path, their_file: Path) -> SameIds:
    """The files are `.npy`; no more than a few megabytes are read at once."""
    import numpy as np

    ours, theirs = (np.load(path, mmap_mode="r") for path in (our_file, their_file))
    shorter, step = min(len(ours), len(theirs)), 1 << 20
    first_difference = None if len(ours) == len(theirs) else shorter
    for start in range(0, shorter, step):
        stop = min(shorter, start + step)
        unequal = np.flatnonzero(ours[start:stop] != theirs[start:stop])
        if len(unequal):
            first_difference = start + int(unequal[0])
            break
    return SameIds(peer=peer, ours=len(ours), theirs=len(theirs), first_difference=first_difference)
