import hashlib
import json
import tracemalloc

import numpy as np
import pytest

from groundup.testing import assert_close, check, outcome
from s01_bpe import Tokenizer, encode_file, open_tokens

TEXT = (
    "\ufeffThe crows\r\n\r\n  they're naïve 🙃🙃 1234<|endoftext|>\r\n"
    "Zoë\u00a0 日本語<|pad|><|pad|>\n"
) * 3


@pytest.fixture
def text_file(tmp_path):
    path = tmp_path / "text.txt"
    path.write_bytes(TEXT.encode())
    return path


def test_a_file_has_the_ids_of_its_text(make_tokenizer, text_file, tmp_path):
    check(np.asarray(encode_file(make_tokenizer(), text_file, tmp_path / "text.bin")))


def test_the_ids_are_mapped_read_only(make_tokenizer, text_file, tmp_path):
    def kind(ids):
        return f"{type(ids).__name__}, {'writable' if ids.flags.writeable else 'read-only'}"

    encoded = encode_file(make_tokenizer(), text_file, tmp_path / "text.bin")
    check({"encode_file": kind(encoded), "open_tokens": kind(open_tokens(tmp_path / "text.bin"))})


def test_the_file_holds_little_endian_ids_and_nothing_else(make_tokenizer, text_file, tmp_path):
    tokenizer = make_tokenizer()
    encode_file(tokenizer, text_file, tmp_path / "text.bin")
    raw = (tmp_path / "text.bin").read_bytes()
    assert raw == b"".join(token_id.to_bytes(2, "little") for token_id in tokenizer.encode(TEXT))


@pytest.mark.parametrize(
    ("vocab_size", "dtype"),
    [(256, "uint8"), (257, "uint16"), (65_536, "uint16"), (65_537, "uint32")],
)
def test_the_type_is_the_smallest_that_holds_the_vocabulary(tmp_path, vocab_size, dtype):
    tokens = [bytes([byte]) for byte in range(256)]
    tokens += [f"<{place}>".encode() for place in range(256, vocab_size)]
    last = vocab_size - 1
    tokenizer = Tokenizer(dict(enumerate(tokens)), [], [f"<{last}>"] if last > 255 else [])
    (tmp_path / "text.txt").write_text(f"ab<{last}>\u00ff", encoding="utf-8")
    ids = encode_file(tokenizer, tmp_path / "text.txt", tmp_path / "text.bin")
    assert ids.dtype.name == dtype
    assert ids.tolist() == tokenizer.encode(f"ab<{last}>\u00ff")


def test_the_header_says_what_the_ids_are(make_tokenizer, text_file, tmp_path):
    tokenizer = make_tokenizer()
    ids = encode_file(tokenizer, text_file, tmp_path / "text.bin")
    tokenizer.save(tmp_path)
    assert json.loads((tmp_path / "text.bin.json").read_text(encoding="utf-8")) == {
        "dtype": "uint16",
        "count": len(ids),
        "vocab_size": 378,
        "vocab_sha256": hashlib.sha256((tmp_path / "vocab.json").read_bytes()).hexdigest(),
        "special_tokens": {"<|endoftext|>": 376, "<|pad|>": 377},
    }


def test_which_type_the_ids_of_a_file_have(tmp_path):
    (tmp_path / "text.txt").write_text("ab<|last|>\u00ff", encoding="utf-8")

    def written(used, last):
        vocab = {byte: bytes([byte]) for byte in used} | {last: b"<|last|>"}
        tokenizer = Tokenizer(vocab, [], ["<|last|>"])
        return np.asarray(encode_file(tokenizer, tmp_path / "text.txt", tmp_path / "ids.bin"))

    few = "ab\u00ff".encode()
    cases = {f"few ids up to {i}": (few, i) for i in (255, 256, 65_535, 65_536)}
    cases |= {"ids 0 to 255": (range(255), 255), "ids 0 to 256": (range(256), 256)}
    check({name: outcome(lambda case=case: written(*case)) for name, case in cases.items()})


def test_what_stands_beside_the_ids(make_tokenizer, text_file, tmp_path):
    tokenizer = make_tokenizer()
    encode_file(tokenizer, text_file, tmp_path / "text.bin")
    tokenizer.save(tmp_path)
    header = json.loads((tmp_path / "text.bin.json").read_text(encoding="utf-8"))
    saved = hashlib.sha256((tmp_path / "vocab.json").read_bytes()).hexdigest()
    check(
        {
            "keys": sorted(header),
            "dtype": header.get("dtype"),
            "count": header.get("count"),
            "vocab_size": header.get("vocab_size"),
            "vocab": "that of save" if header.get("vocab_sha256") == saved else "another",
            "special_tokens": json.dumps(header.get("special_tokens"), sort_keys=True),
            "bytes": list((tmp_path / "text.bin").read_bytes()),
        }
    )


def test_what_is_left_when_encoding_a_file_fails(make_tokenizer, text_file, tmp_path):
    tokenizer, out = make_tokenizer(), tmp_path / "text.bin"
    encode_file(tokenizer, text_file, out)
    (tmp_path / "bad.txt").write_bytes(b"a fine day\n" * 12_000 + b"\xff")

    def written():
        encode_file(tokenizer, tmp_path / "bad.txt", out, num_workers=1)
        return "ids"

    check(
        {
            "the call": outcome(written),
            "the old ids": outcome(lambda: open_tokens(out)[:20].tolist()),
            "files": sorted(path.name for path in tmp_path.iterdir()),
        }
    )


@pytest.mark.parametrize("num_workers", [1, 2])
def test_workers_do_not_change_the_ids_of_a_file(make_tokenizer, tmp_path, draw, num_workers):
    special = "<|a b c d e f g h i j k|>"
    tokenizer = make_tokenizer([special, "\n\n", "<|a"])
    parts = ["\r\n\r\n", "naïveté", "they're", "\n\n", "日本語" * 3, "12345  ", "<|a", special]
    parts += [special] * 8
    middle = "".join(parts[i] for i in draw.integers(0, len(parts), 2000))
    (tmp_path / "text.txt").write_bytes((middle * 65).encode())
    ids = encode_file(
        tokenizer, tmp_path / "text.txt", tmp_path / "ids.bin", num_workers=num_workers
    )
    expected = np.array(tokenizer.encode(middle * 65), dtype=np.uint16)
    assert_close(np.asarray(ids), expected, f"encode of the whole, {num_workers} processes")


def test_bytes_that_are_not_utf8_leave_the_old_ids_as_they_were(
    make_tokenizer, text_file, tmp_path
):
    before = encode_file(make_tokenizer(), text_file, tmp_path / "text.bin").tolist()
    (tmp_path / "bad.txt").write_bytes(b"fine\n" * 300_000 + b"\xff")
    with pytest.raises(ValueError, match=r"bad\.txt.*1500000"):
        encode_file(make_tokenizer(), tmp_path / "bad.txt", tmp_path / "text.bin", num_workers=1)
    assert open_tokens(tmp_path / "text.bin").tolist() == before
    left = {path.name for path in tmp_path.iterdir()} - {"bad.txt", "text.txt"}
    assert left == {"text.bin", "text.bin.json"}, "a half-written file is left over"


def test_an_empty_file_has_no_ids(make_tokenizer, tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    encode_file(make_tokenizer(), tmp_path / "empty.txt", tmp_path / "empty.bin")
    ids = open_tokens(tmp_path / "empty.bin")
    assert (ids.shape, ids.dtype) == ((0,), np.uint16)


def test_a_missing_text_file_is_said_to_be_missing(make_tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.txt"):
        encode_file(make_tokenizer(), tmp_path / "nowhere.txt", tmp_path / "ids.bin")
    assert list(tmp_path.iterdir()) == []


def test_encoding_a_file_with_no_workers_is_refused(make_tokenizer, text_file, tmp_path):
    with pytest.raises(ValueError, match="num_workers"):
        encode_file(make_tokenizer(), text_file, tmp_path / "ids.bin", num_workers=0)


def test_memory_does_not_grow_with_the_encoded_file(make_tokenizer, tmp_path):
    def peak(megabytes):
        line = b"aaaaaaa" * 40 + b"\n"
        (tmp_path / "text.txt").write_bytes(line * (megabytes * 1_000_000 // len(line)))
        tokenizer = make_tokenizer()
        tracemalloc.start()
        try:
            encode_file(tokenizer, tmp_path / "text.txt", tmp_path / "ids.bin", num_workers=1)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    growth = peak(7) - peak(3)
    check({"4 MB more of the same word": "more memory" if growth > 1_500_000 else "no more memory"})


def test_opened_tokens_are_the_ones_written(make_tokenizer, text_file, tmp_path):
    written = encode_file(make_tokenizer(), text_file, tmp_path / "text.bin")
    ids = open_tokens(tmp_path / "text.bin")
    assert_close(np.asarray(ids), np.asarray(written), "what encode_file returned")
    assert isinstance(ids, np.memmap)
    assert not ids.flags.writeable


@pytest.mark.parametrize(
    "header",
    [None, "not json", "{}", '{"dtype": "uint16"}', '{"dtype": "int16", "count": 3}'],
    ids=["missing", "words", "empty", "no_count", "other_type"],
)
def test_ids_without_a_usable_header_are_refused(tmp_path, header):
    (tmp_path / "ids.bin").write_bytes(b"\1\0\2\0\3\0")
    if header is not None:
        (tmp_path / "ids.bin.json").write_text(header, encoding="utf-8")
    with pytest.raises(ValueError, match=r"ids\.bin") as caught:
        open_tokens(tmp_path / "ids.bin")
    assert "\n" not in str(caught.value), "one line"


@pytest.mark.parametrize(
    "change", [-1, -2, 1, 2], ids=["a_byte_less", "one_less", "a_byte_more", "one_more"]
)
def test_ids_of_another_length_than_the_header_says_are_refused(
    make_tokenizer, text_file, tmp_path, change
):
    path = tmp_path / "text.bin"
    encode_file(make_tokenizer(), text_file, path)
    raw = path.read_bytes()
    path.write_bytes(raw[:change] if change < 0 else raw + raw[:change])
    with pytest.raises(ValueError, match=r"text\.bin"):
        open_tokens(path)


def test_a_missing_file_of_ids_is_said_to_be_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.bin"):
        open_tokens(tmp_path / "nowhere.bin")


def test_special_tokens_with_spaces_are_never_cut(given, tmp_path):
    special = "‹|конец этого текста|›"
    text = f"the crow {special}" * 50_000  # wherever a large file is cut, a token is near
    tokenizer = Tokenizer(*given(), [special])
    (tmp_path / "text.txt").write_bytes(text.encode())
    ids = encode_file(tokenizer, tmp_path / "text.txt", tmp_path / "text.bin", num_workers=1)
    once = tokenizer.encode(f"the crow {special}")
    assert ids.tolist() == once * 50_000
