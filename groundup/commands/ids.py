"""Files of ids, checked against the tokenizer beside them before anything is trained on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from groundup.commands.common import Refusal, shown
from groundup.commands.prepared import Prepared

ANEW = "make it anew with groundup data … --force"


def check_ids(folder: Path, prepared: Prepared) -> None:
    """Refuse ids that are cut short, of another tokenizer, or beyond its vocabulary."""
    expected = _of_the_tokenizer(folder / "tokenizer" / "vocab.json", prepared.special_tokens)
    for path in (folder / "train.bin", folder / "valid.bin"):
        tokens = _open(path)
        header = json.loads(Path(f"{path}.json").read_text(encoding="utf-8", errors="replace"))
        for field, value in expected.items():
            if header.get(field) != value:
                raise Refusal(
                    f"expected {field} {value} in {shown(path)}.json, as of the tokenizer beside "
                    f"it, found {header.get(field)}; {ANEW}"
                )
        largest = int(tokens.max(initial=0))
        if largest >= prepared.vocab_size:
            raise Refusal(
                f"{shown(path)} holds the id {largest}, but its tokenizer has "
                f"{prepared.vocab_size} tokens; {ANEW}"
            )


def _of_the_tokenizer(path: Path, special_tokens: list[str]) -> dict[str, Any]:
    """What the headers of ids say that were made with the vocabulary at `path`."""
    try:
        vocab = path.read_bytes()
        id_of = dict(json.loads(vocab))
    except FileNotFoundError:
        raise Refusal(f"expected a tokenizer at {shown(path)}, found nothing; {ANEW}") from None
    except (ValueError, TypeError):
        raise Refusal(
            f"expected the JSON of a vocabulary in {shown(path)}, found something else; {ANEW}"
        ) from None
    return {
        "vocab_sha256": hashlib.sha256(vocab).hexdigest(),
        "special_tokens": {token: id_of.get(token) for token in special_tokens},
    }


def _open(path: Path) -> Any:
    """The ids, if there are as many as the header says, which stage 01 looks at."""
    from s01_bpe import open_tokens

    try:
        return open_tokens(path)
    except FileNotFoundError:
        raise Refusal(f"expected ids at {shown(path)}, found nothing; {ANEW}") from None
    except ValueError as error:
        raise Refusal(f"{error}; {ANEW}") from None
