"""A prepared corpus: a folder with a tokenizer, the ids of two texts, and what is known of them.

    data/NAME/tokenizer/vocab.json, merges.txt    GPT-2's format
    data/NAME/train.bin, valid.bin                ids, each with a header in NAME.bin.json
    data/NAME/data.json                           the fields of `Prepared`

The folder is made under another name and renamed once it is whole. What was finished of it stays
there if the command is stopped, and need not be made again.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from groundup import corpus, reference
from groundup.commands.alone import alone_in
from groundup.commands.common import Refusal, say, shown
from groundup.commands.fingerprint import checksum
from groundup.commands.results import write_json
from groundup.commands.sources import Source
from groundup.commands.steps import RECORD as STEPS
from groundup.commands.steps import Steps
from groundup.presets import SEPARATOR
from groundup.stages import ROOT, STAGES

DATA = ROOT / "data"
RECORD = "data.json"


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What `data.json` says. `source`, `tokenizer_code` and `asked_vocab_size` decide the rest."""

    source: dict[str, Any]
    tokenizer_code: str
    tokenizer_owner: str
    asked_vocab_size: int
    vocab_size: int
    special_tokens: list[str]
    train_tokens: int
    valid_tokens: int
    separators: int
    """How many stories end in the training text."""
    entropy_floor: float | None
    """In nats per token of the validation text after its first, which is not predicted."""


def load(folder: Path) -> Prepared:
    """Read what was prepared in `folder`, or in a run that was trained on it."""
    try:
        found = Prepared(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
        for name, hint in get_type_hints(Prepared).items():
            kind = get_origin(hint) if get_origin(hint) in (dict, list) else hint
            if not isinstance(getattr(found, name), kind):
                raise TypeError(name)
        "".join(found.special_tokens)  # or a TypeError
        return found
    except FileNotFoundError:
        raise Refusal(f"expected {RECORD} in {shown(folder)}, found none; run groundup data") from (
            None
        )
    except (ValueError, TypeError, OSError):
        raise Refusal(
            f"{shown(folder / RECORD)} is not of this version; run groundup data --force, or, if "
            "it is that of a run, put the one of its data in its place"
        ) from None


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of prepared data or of a run, as the chosen stage 01 reads it."""
    tokenizer = _read_tokenizer(folder, load(folder).special_tokens)
    merged = {first + second for first, second in tokenizer.merges}
    lost = len(tokenizer.vocab) - 256 - len(tokenizer.special_tokens) - len(merged)
    if lost > 0:
        raise Refusal(
            f"expected a merge for every token in {shown(folder / 'tokenizer' / 'merges.txt')}, "
            f"found {lost} too few; put the folder's own back, or make it anew"
        )
    return tokenizer


def _read_tokenizer(folder: Path, special_tokens: list[str]) -> Any:
    from s01_bpe import Tokenizer

    files = folder / "tokenizer" / "vocab.json", folder / "tokenizer" / "merges.txt"
    for path in files:
        if not path.is_file():
            raise Refusal(
                f"expected a tokenizer's file at {shown(path)}, found none; put the folder's own "
                "back, or make it anew"
            )
    return Tokenizer.from_files(*files, special_tokens=special_tokens)


def opening(has_stories: bool, prompt: str) -> str:
    """How a text begins: a story as the training text has it, after the end of the one before."""
    try:
        prompt.encode()
    except UnicodeEncodeError:
        raise Refusal(
            f"expected a prompt in UTF-8, found {ascii(prompt)}; set your terminal to UTF-8", code=2
        ) from None
    return f"{SEPARATOR}\n{prompt}" if has_stories else prompt or "\n"


def prepare(folder: Path, source: Source, vocab_size: int, *, force: bool = False) -> Prepared:
    """Make the data in `folder`, unless it is there and was made of the same by the same code."""
    least = 256 + 1
    if vocab_size < least:
        raise Refusal(
            f"a vocabulary of {vocab_size} is too small: 256 bytes and {SEPARATOR} need {least}",
            code=2,
        )
    wanted = _recipe(source, vocab_size)
    replaced = folder.with_name(f".{folder.name}.replaced")
    shutil.rmtree(replaced, ignore_errors=True)  # of a command that was stopped
    _refuse_what_is_not_data(folder)
    if (folder / RECORD).is_file() and not force:
        found = load(folder)
        if {name: getattr(found, name) for name in wanted} == wanted:
            say(f"{shown(folder)} is there and matches; --force makes it anew")
            return found
        say(f"{shown(folder)} was made of something else or by other code; making it anew")
    with alone_in(folder):
        steps = Steps(folder.with_name(f".{folder.name}.unfinished"), wanted, anew=force)
        try:
            prepared = _make(steps, source, wanted)
            if folder.exists():
                folder.rename(replaced)
            steps.folder.rename(folder)
            (folder / STEPS).unlink()
            shutil.rmtree(replaced, ignore_errors=True)
        finally:
            if not steps.finished:
                shutil.rmtree(steps.folder, ignore_errors=True)
    return prepared


def _refuse_what_is_not_data(folder: Path) -> None:
    """Prepared data may be made anew; whatever else is there is somebody's."""
    if (folder / RECORD).is_file() or not folder.exists():
        return
    if not folder.is_dir() or any(folder.iterdir()):
        raise Refusal(
            f"expected nothing or prepared data at {shown(folder)}, found something else; give "
            "another --name, or move it away"
        )


def _recipe(source: Source, vocab_size: int) -> dict[str, Any]:
    """All that decides what is made."""
    bpe = STAGES[0]
    code = bpe.solution if reference.owner(bpe) == "reference" else bpe.assignment
    return {
        "source": source.spec,
        "tokenizer_code": checksum((code / bpe.package).rglob("*.py")),
        "asked_vocab_size": vocab_size,
    }


def _make(steps: Steps, source: Source, recipe: dict[str, Any]) -> Prepared:
    from s01_bpe import encode_file, open_tokens

    folder = steps.folder
    train_text, valid_text = source.texts(folder)
    steps.once(
        "tokenizer",
        f"tokenizer learned from {train_text.stat().st_size / 1e6:.1f} MB",
        lambda: _learn_tokenizer(train_text, recipe["asked_vocab_size"], folder / "tokenizer"),
    )
    tokenizer = _read_tokenizer(folder, [SEPARATOR])
    texts = {"train": ("training", train_text), "valid": ("validation", valid_text)}
    for name, (kind, text) in texts.items():
        encode = partial(encode_file, tokenizer, text, folder / f"{name}.bin")
        steps.once(name, f"{kind} text encoded", encode)
    train, valid = (open_tokens(folder / f"{name}.bin") for name in texts)
    floor = corpus.entropy_floor(valid_text, len(valid) - 1) if source.has_floor else None
    prepared = Prepared(
        **recipe,
        tokenizer_owner=reference.owner(STAGES[0]),
        vocab_size=len(tokenizer.vocab),
        special_tokens=[SEPARATOR],
        train_tokens=len(train),
        valid_tokens=len(valid),
        separators=int((train == separator_id(tokenizer)).sum()),
        entropy_floor=floor,
    )
    write_json(folder / RECORD, asdict(prepared))
    return prepared


def _learn_tokenizer(text: Path, vocab_size: int, folder: Path) -> None:
    from s01_bpe import Tokenizer, train_bpe

    vocab, merges = train_bpe(text, vocab_size, [SEPARATOR])
    tokenizer = Tokenizer(vocab, merges, [SEPARATOR])
    separator_id(tokenizer)
    tokenizer.save(folder)


def separator_id(tokenizer: Any) -> int:
    """The id of the token between stories, which must be one."""
    ids = tokenizer.encode(SEPARATOR)
    if len(ids) != 1:
        raise Refusal(
            f"expected Tokenizer.encode to give one id for {SEPARATOR}, found {len(ids)}; "
            "run groundup check 1"
        )
    return int(ids[0])
