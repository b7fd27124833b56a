"""A tokenizer of stage 01 as transformers and tokenizers read it, and back.

Both ways it is a byte-level BPE like GPT-2's; only that reads vocab.json and merges.txt as they
are. What the tokenizer in tokenizer.json does otherwise is refused.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from groundup.commands.byte_characters import byte_of_each
from groundup.commands.common import Refusal, shown
from groundup.commands.results import write_json
from groundup.presets import SEPARATOR

ALPHABET = byte_of_each().keys()
# GPT-2's files write these characters as themselves.
PLAIN = re.compile("[!-~]+")
CUTTING = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def write(tokenizer: Any, folder: Path, bos: str | None) -> None:
    """Add a tokenizer of stage 01 to the folder of a model; `bos` is what a text begins with."""
    tokenizer.save(folder)
    vocab = json.loads((folder / "vocab.json").read_text(encoding="utf-8"))
    lines = (folder / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    contents = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": number, "content": token, **plain, "special": True}
            for token, number in tokenizer.special_tokens.items()
        ],
        "normalizer": None,
        "pre_tokenizer": CUTTING,
        "post_processor": None,
        "decoder": CUTTING,
        "model": {"type": "BPE", "vocab": vocab, "merges": merges},
    }
    write_json(folder / "tokenizer.json", contents)
    about: dict[str, Any] = {"bos_token": bos, "eos_token": SEPARATOR, "pad_token": SEPARATOR}
    about |= {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    write_json(folder / "tokenizer_config.json", about)


def read(folder: Path, target: Path, vocab_size: int) -> tuple[list[str], str | None]:
    """Write vocab.json and merges.txt to `target`; the special tokens, and what a text begins with.

    tokenizer.json is read, which transformers always writes. The model has `vocab_size` ids.
    """
    path = folder / "tokenizer.json"
    vocab, merges, specials = _parts(path)
    if strange := [token for token in specials if not PLAIN.fullmatch(token)]:
        raise Refusal(f"expected special tokens of ASCII without spaces, found {strange[0]!r}")
    if SEPARATOR not in specials:
        raise Refusal(
            f"expected the special token {SEPARATOR}, at which a text ends, found "
            f"{', '.join(specials) or 'none'}"
        )
    for expected, found, wrong in _rules(vocab, merges, specials, vocab_size):
        if wrong:
            raise Refusal(
                f"expected {expected} in {shown(path)}, found {found} {wrong[0]!r}; save the model "
                "and its tokenizer again"
            )
    target.mkdir(parents=True)
    write_json(target / "vocab.json", vocab)
    lines = ["#version: 0.2", *map(" ".join, merges), ""]
    (target / "merges.txt").write_text("\n".join(lines), encoding="utf-8", newline="\n")
    return specials, _bos(folder)


def _parts(path: Path) -> tuple[dict[str, int], list[list[str]], list[str]]:
    """The vocabulary, the merges and the special tokens of a tokenizer.json."""
    found = read_json(path)
    try:
        model, added = found["model"], found["added_tokens"]
        cuts = {**CUTTING, **found["pre_tokenizer"]}
        if model["type"] != "BPE" or found["normalizer"] or cuts != CUTTING:
            raise Refusal(
                f"expected a byte-level BPE like GPT-2's in {shown(path)}, "
                "found another tokenizer, which stage 01 cannot express"
            )
        specials = {str(token["content"]): token["id"] for token in added}
        merges = [(m if isinstance(m, str) else " ".join(m)).split(" ") for m in model["merges"]]
        return model["vocab"] | specials, merges, list(specials)
    except (KeyError, TypeError):
        raise Refusal(
            "expected a model, added_tokens and a pre_tokenizer as tokenizers writes them in "
            f"{shown(path)}, found something else; save the tokenizer again"
        ) from None


def _rules(
    vocab: dict[str, int], merges: list[list[str]], specials: list[str], size: int
) -> Iterator[tuple[str, str, list[str]]]:
    """What stage 01 and a model of so many ids expect, and the tokens or merges where it fails."""
    owners = {i: t for t, i in vocab.items() if type(i) is int and 0 <= i < size}
    alone = set(owners.values())
    others = [token for token in vocab if token not in alone]
    yield f"for each token an id of its own from 0 to {size - 1}", "another for", others
    strange = [token for token in vocab if not token or not {*token} <= ALPHABET]
    yield "tokens in the characters that GPT-2 has for bytes", "the token", strange
    yield "a token for each of the 256 bytes", "none for", sorted(ALPHABET - vocab.keys())
    unknown = [m for m in merges if len(m) != 2 or not {*m, "".join(m)} <= vocab.keys()]
    yield "merges of two tokens into a third", "the merge", [" ".join(m) for m in unknown]
    unmade = vocab.keys() - ALPHABET - {"".join(m) for m in merges} - {*specials}
    yield "a merge for every token", "none for", sorted(unmade)


def read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Refusal(
            f"expected {path.name} in {shown(path.parent)}, found none; give a folder as "
            "groundup export or transformers' save_pretrained writes it"
        ) from None
    except (ValueError, TypeError, RecursionError):  # nested too deeply
        raise Refusal(f"expected JSON in {shown(path)}, found something else") from None


def _bos(folder: Path) -> str | None:
    path = folder / "tokenizer_config.json"
    found = read_json(path).get("bos_token") if path.is_file() else None
    bos = found.get("content", found) if isinstance(found, dict) else found
    if not isinstance(bos, str | None):
        raise Refusal(f"expected a bos_token of text in {shown(path)}, found {bos!r}")
    return bos
