"""Where a file is not UTF-8, by the offset in the whole file: lines and blocks are its reader's."""

import re

from groundup.testing import check, outcome
from s01_bpe import encode_file, train_bpe


def place_told(function):
    """Whether the error of a file broken at offset 1,500,003 names that place."""
    try:
        function()
    except ValueError as error:
        *_, said = str(error).rpartition("broken.txt")
        numbers = re.findall(r"\b\d+\b", said)
        if "1500003" in numbers:
            return "the offset"
        return "another offset" if numbers else "none"
    return "no error"


def test_which_place_is_told_where_a_file_is_not_utf8(make_tokenizer, tmp_path):
    path = tmp_path / "broken.txt"
    path.write_bytes(b"fine\n" * 300_000 + b"caf\xe9 noir\nfine\n")
    check(
        {
            "training": outcome(lambda: place_told(lambda: train_bpe(path, 300, []))),
            "encoding": outcome(
                lambda: place_told(lambda: encode_file(make_tokenizer(), path, tmp_path / "i.bin"))
            ),
        }
    )
