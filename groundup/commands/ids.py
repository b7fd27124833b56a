"""Files of ids, checked against the tokenizer beside them before anything is trained on them."""

import hashlib
import json
from pathlib import Path

from groundup.commands.common import Refusal, shown
from groundup.commands.prepared import Prepared

ANEW = "make it anew with groundup data … --force"


def check_ids(folder: Path, prepared: Prepared) -> None:
    """Refuse ids that are cut short, of another tokenizer, or beyond its vocabulary."""
    from s01_bpe import open_tokens

    vocab = (folder / "tokenizer" / "vocab.json").read_bytes()
    id_of = json.loads(vocab)
    expected = {
        "vocab_sha256": hashlib.sha256(vocab).hexdigest(),
        "special_tokens": {token: id_of.get(token) for token in prepared.special_tokens},
    }
    for path in (folder / "train.bin", folder / "valid.bin"):
        tokens = open_tokens(path)  # refuses a file that is not as long as its header says
        header = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
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
