"""A tokenizer of stage 01 as transformers and tokenizers read it, and back.

Both ways it is a byte-level BPE like GPT-2's; only that reads vocab.json and merges.txt as they
are. What the tokenizer in tokenizer.json does otherwise is refused.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from groundup.commands.common import Refusal, shown
from groundup.commands.results import write_json
from groundup.presets import SEPARATOR

FILES = ("vocab.json", "merges.txt")
# GPT-2's files write these characters as themselves.
PLAIN = re.compile("[!-~]+")
CUTTING = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


def write(source: Path, folder: Path, special_tokens: list[str], bos: str | None) -> None:
    """Add the tokenizer in `source` to the folder of a model; `bos` is what a text begins with."""
    for name in FILES:
        shutil.copyfile(source / name, folder / name)
    vocab = json.loads((source / "vocab.json").read_text(encoding="utf-8"))
    lines = (source / "merges.txt").read_text(encoding="utf-8").split("\n")
    merges = [line for line in lines if line and not line.startswith("#version")]
    plain = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    contents = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": vocab[token], "content": token, **plain, "special": True}
            for token in special_tokens
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


def read(folder: Path, target: Path) -> tuple[list[str], str | None]:
    """Write vocab.json and merges.txt to `target`; the special tokens, and what a text begins with.

    tokenizer.json is read, which transformers always writes.
    """
    found = read_json(folder / "tokenizer.json")
    try:
        model, added = found["model"], found["added_tokens"]
        cuts = {**CUTTING, **found["pre_tokenizer"]}
        if model["type"] != "BPE" or found["normalizer"] or cuts != CUTTING:
            raise Refusal(
                f"expected a byte-level BPE like GPT-2's in {shown(folder / 'tokenizer.json')}, "
                "found another tokenizer, which stage 01 cannot express"
            )
        specials = [str(token["content"]) for token in added]
        vocab = model["vocab"] | {token["content"]: token["id"] for token in added}
        merges = [m if isinstance(m, str) else " ".join(m) for m in model["merges"]]
    except (KeyError, TypeError):
        raise Refusal(
            "expected a model, added_tokens and a pre_tokenizer as tokenizers writes them in "
            f"{shown(folder / 'tokenizer.json')}, found something else; save the tokenizer again"
        ) from None
    if strange := [token for token in specials if not PLAIN.fullmatch(token)]:
        raise Refusal(f"expected special tokens of ASCII without spaces, found {strange[0]!r}")
    if SEPARATOR not in specials:
        raise Refusal(
            f"expected the special token {SEPARATOR}, at which a text ends, found "
            f"{', '.join(specials) or 'none'}"
        )
    target.mkdir(parents=True)
    write_json(target / "vocab.json", vocab)
    (target / "merges.txt").write_text(
        "".join(f"{line}\n" for line in ["#version: 0.2", *merges]), encoding="utf-8", newline="\n"
    )
    return specials, _bos(folder)


def read_json(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise Refusal(
            f"expected {path.name} in {shown(path.parent)}, found none; give a folder as "
            "groundup export or transformers' save_pretrained writes it"
        ) from None
    except (ValueError, TypeError):
        raise Refusal(f"expected JSON in {shown(path)}, found something else") from None


def _bos(folder: Path) -> str | None:
    path = folder / "tokenizer_config.json"
    found = read_json(path).get("bos_token") if path.is_file() else None
    return found["content"] if isinstance(found, dict) else found
