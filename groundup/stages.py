"""The eight stages: where each one's guide, stubs, reference and tests live."""

import functools
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Stage:
    number: int
    name: str

    @property
    def folder(self) -> str:
        """`03_attention_rope`: the folder's name in assignments and solutions, the guide's stem."""
        return f"{self.number:02d}_{self.name}"

    @property
    def package(self) -> str:
        return f"s{self.folder}"

    @property
    def assignment(self) -> Path:
        return ROOT / "assignments" / self.folder

    @property
    def solution(self) -> Path:
        return ROOT / "solutions" / self.folder

    @functools.cached_property
    def tests(self) -> Path:
        return ROOT / "tests" / f"stage_{self.number:02d}"

    @property
    def fixtures(self) -> Path:
        return ROOT / "fixtures" / f"stage_{self.number:02d}"

    @property
    def guide(self) -> Path:
        return ROOT / "guides" / f"{self.folder}.md"


STAGES = tuple(
    Stage(number, name)
    for number, name in enumerate(
        (
            "bpe",
            "layers",
            "attention_rope",
            "transformer",
            "adamw_schedule",
            "training",
            "decoding",
            "benchmarking",
        ),
        start=1,
    )
)
