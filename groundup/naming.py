"""From what the tests of a stage observed to the mistake that was made.

Every call of `check` says of every catalogued mistake whether what was observed is what that
mistake would have given there. One test alone may fit several mistakes; all tests of a run
together seldom do. Where a mistake can be made in several ways, each way is looked at by itself
under its own name (`id`, `id~2`).
"""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from groundup.observations import Record
from groundup.snapshots import Snapshot

NO_COINCIDENCE = 8
"""So many numbers that are wrong in exactly the same way were made wrong in the same way."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What one test said about the catalogue."""

    test: str
    passed: bool
    seen_by: frozenset[str]
    """What would make this test fail."""
    fitting: frozenset[str] = frozenset()
    """What would make it fail as it did."""
    recognised: frozenset[str] = frozenset()
    """Those of them that gave this very value, where others only crashed as this did."""
    unmistakable: frozenset[str] = frozenset()
    """Those of them whose value consists of so many numbers that it is no coincidence."""

    def allows(self, slip: str) -> bool:
        return slip not in self.seen_by if self.passed else slip in self.fitting

    def plain(self) -> dict[str, Any]:
        """In types that JSON and pytest's workers can send."""
        return {
            name: sorted(value) if isinstance(value, frozenset) else value
            for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Probe":
        sets: dict[str, Any] = {k: frozenset(v) for k, v in plain.items() if isinstance(v, list)}
        return cls(**{**plain, **sets})


def probe_of(
    test: str, passed: bool, snapshot: Snapshot, parts: Mapping[str, Record] | None
) -> Probe:
    """What a test says that observed `parts`, or crashed before it could if they are None."""
    slips = snapshot.mistakes
    if passed:
        return Probe(test=test, passed=True, seen_by=frozenset(slips))
    if parts is None:
        crashing = frozenset(name for name, changed in slips.items() if changed is None)
        return Probe(test=test, passed=False, seen_by=frozenset(slips), fitting=crashing)
    found = frozenset(name for name in slips if snapshot.fits(parts, name))
    return Probe(
        test=test,
        passed=False,
        seen_by=frozenset(slips),
        fitting=found,
        recognised=found,
        unmistakable=frozenset(name for name in found if _size(slips[name]) >= NO_COINCIDENCE),
    )


def _size(changed: Mapping[str, Record] | None) -> int:
    """How many different numbers there are: a hundred zeros say no more than one."""
    return sum(np.unique(part.values).size for part in (changed or {}).values())


def resolve(probes: Sequence[Probe]) -> Mapping[str, list[str]]:
    """By failed test, the ids of the mistakes that it may be: one of them is a name.

    A test that is not a key failed for a reason that is not known.
    """
    failed = [probe for probe in probes if not probe.passed]
    recognised = _union(probe.recognised for probe in failed)
    alone = {slip for slip in recognised if all(probe.allows(slip) for probe in probes)}
    cleared = _union(probe.seen_by for probe in probes if probe.passed)
    names = {}
    for probe in failed:
        # Without one mistake that explains everything, several were made, or one that is not in
        # the catalogue. Then only what cannot be a coincidence counts, and is not contradicted.
        found = probe.fitting & alone if alone else probe.unmistakable - cleared
        ids = sorted({slip.partition("~")[0] for slip in found})
        if ids and (alone or len(ids) == 1):
            names[probe.test] = ids
    return names


def _union(sets: Iterable[frozenset[str]]) -> frozenset[str]:
    return frozenset().union(*sets)
