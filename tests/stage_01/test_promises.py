"""Sentences of the contract that only hurt with unusual inputs: an iterator, a path that is a
string, ids with gaps, a file that ends too early."""

import json

import numpy as np
import pytest

from groundup.testing import assert_close
from s01_bpe import Tokenizer, encode_file, open_tokens, to_tiktoken, train_bpe

SAMPLE = "the naïve crow <|endoftext|> they're\r\n\r\n  home 🙃🙃<|pad|> aaaaa 1234"


@pytest.fixture
def with_gaps(given):
    """The given vocabulary, but with ids 100, 103, 106 and so on in another order."""
    vocab, merges = given()
    moved = {100 + 3 * (7 * i % len(vocab)): token for i, token in vocab.items()}
    return moved, merges


def in_order_with_gaps(vocab, merges):
    moved = {100 + 3 * i: token for i, token in vocab.items()} | {2000: b"<|b|>"}
    return Tokenizer(moved, merges, ["<|b|>", "<|a|>"])


def test_merges_and_special_tokens_may_be_iterators(given):
    vocab, merges = given()
    special_tokens = ["<|endoftext|>", "<|pad|>"]
    once = Tokenizer(vocab, iter(merges), iter(special_tokens))
    expected = Tokenizer(vocab, merges, special_tokens)
    assert once.merges == merges, "the attribute holds all merges, as a list"
    assert once.special_tokens == expected.special_tokens
    why = "an iterator is empty after one pass: whoever goes through it twice merges nothing"
    assert_close(once.encode(SAMPLE), expected.encode(SAMPLE), why)


def test_special_tokens_of_files_may_be_an_iterator(make_tokenizer, tmp_path):
    tokenizer = make_tokenizer()
    tokenizer.save(tmp_path)
    special_tokens = iter(["<|endoftext|>", "<|pad|>"])
    loaded = Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt", special_tokens)
    assert loaded.special_tokens == tokenizer.special_tokens
    assert_close(loaded.encode(SAMPLE), tokenizer.encode(SAMPLE), "the same tokenizer")


def test_ids_to_decode_may_be_an_iterator(make_tokenizer):
    tokenizer = make_tokenizer()
    text = tokenizer.decode(iter(tokenizer.encode(SAMPLE)))
    assert text == SAMPLE, "ids that come one by one can be gone through only once"


def test_an_unknown_id_of_an_iterator_is_refused(make_tokenizer):
    with pytest.raises(ValueError, match="378"):
        make_tokenizer().decode(iter([97, 378, 98]))


def test_an_id_in_a_gap_of_the_vocabulary_is_refused(given):
    tokenizer = in_order_with_gaps(*given())
    assert tokenizer.decode([100 + 3 * 97, 2000, 2001]) == "a<|b|><|a|>"
    with pytest.raises(ValueError, match="1999"):
        tokenizer.decode([100 + 3 * 97, 1999])


def test_the_special_tokens_of_training_follow_in_the_order_given(tmp_path):
    (tmp_path / "text.txt").write_bytes("ab<|b|>ab<|ä|>ab<|longest|>ab".encode())
    special_tokens = ("<|b|>", "<|longest|>", "<|ä|>")
    vocab, merges = train_bpe(tmp_path / "text.txt", 300, special_tokens)
    assert merges == [(b"a", b"b")], "nothing of a special token is learned"
    found = [vocab[i].decode() for i in (257, 258, 259)]
    assert found == list(special_tokens), "neither sorted by length nor by text"


def test_training_leaves_the_list_of_special_tokens_as_it_was(tmp_path):
    (tmp_path / "text.txt").write_bytes(b"ab ab<|b|>ab")
    special_tokens = ["<|b|>", "<|longest|>", "<|a|>"]
    train_bpe(tmp_path / "text.txt", 300, special_tokens)
    assert special_tokens == ["<|b|>", "<|longest|>", "<|a|>"], "the caller's list was changed"


@pytest.mark.parametrize("step", [1, 2, 5])
def test_strings_may_be_cut_anywhere_without_special_tokens(make_tokenizer, step):
    tokenizer = make_tokenizer([])
    strings = [SAMPLE[start : start + step] for start in range(0, len(SAMPLE), step)]
    why = f"encode of the whole; the strings have {step} characters"
    assert_close(list(tokenizer.encode_iterable(strings)), tokenizer.encode(SAMPLE), why)


def test_two_streams_of_one_tokenizer_do_not_mix(make_tokenizer):
    tokenizer, texts = make_tokenizer(), ["the other crow went home", "naïve <|pad|>1234 Zoë"]
    found = [[], []]
    streams = [tokenizer.encode_iterable(list(text)) for text in texts]
    for pair in zip(*streams, strict=False):
        for ids, token_id in zip(found, pair, strict=True):
            ids.append(token_id)
    for ids, text in zip(found, texts, strict=True):
        why = "two iterators, read in turn: what is held back belongs to each of them"
        assert_close(ids, tokenizer.encode(text)[: len(ids)], why)


def test_encoding_between_the_ids_of_a_stream_changes_nothing(make_tokenizer):
    tokenizer, ids = make_tokenizer(), []
    for token_id in tokenizer.encode_iterable(list(SAMPLE)):
        tokenizer.encode("crows <|pad|>")
        ids.append(token_id)
    assert_close(ids, tokenizer.encode(SAMPLE), "encode() may be called while a stream goes on")


@pytest.mark.parametrize("num_bytes", [1, 2, 3])
def test_a_file_that_ends_inside_a_character_is_refused(make_tokenizer, tmp_path, num_bytes):
    path = tmp_path / "cut.txt"
    path.write_bytes(b"the\ncrow\n" + "🙃".encode()[:num_bytes])
    with pytest.raises(ValueError, match=r"cut\.txt.*\b9\b"):
        train_bpe(path, 300, [])
    with pytest.raises(ValueError, match=r"cut\.txt.*\b9\b"):
        encode_file(make_tokenizer(), path, tmp_path / "ids.bin")


def test_paths_of_training_and_of_tokens_may_be_strings(make_tokenizer, tmp_path):
    (tmp_path / "text.txt").write_bytes(SAMPLE.encode())
    path, out = str(tmp_path / "text.txt"), str(tmp_path / "ids.bin")
    assert train_bpe(path, 300, [])[1], "there is a pair to merge"
    written = encode_file(make_tokenizer(), path, out)
    assert_close(np.asarray(open_tokens(out)), np.asarray(written), "the ids written")


def test_paths_of_the_vocabulary_may_be_strings(make_tokenizer, tmp_path):
    folder = tmp_path / "new" / "folder"
    make_tokenizer().save(str(folder))
    loaded = Tokenizer.from_files(str(folder / "vocab.json"), str(folder / "merges.txt"))
    assert (loaded.vocab, loaded.merges) == (make_tokenizer().vocab, make_tokenizer().merges)


def test_no_workers_are_refused_for_an_empty_file_too(make_tokenizer, tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    for num_workers in (0, -1):
        with pytest.raises(ValueError, match="num_workers"):
            train_bpe(tmp_path / "empty.txt", 300, [], num_workers=num_workers)
        with pytest.raises(ValueError, match="num_workers"):
            encode_file(
                make_tokenizer(),
                tmp_path / "empty.txt",
                tmp_path / "ids.bin",
                num_workers=num_workers,
            )


def test_saved_ids_keep_their_gaps_and_their_order(with_gaps, tmp_path):
    vocab, merges = with_gaps
    tokenizer = Tokenizer(vocab, merges, ["<|pad|>"])
    tokenizer.save(tmp_path)
    loaded = Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt", ["<|pad|>"])
    assert loaded.vocab == tokenizer.vocab, "every token keeps its own id"
    assert loaded.merges == merges, "merges stay in the order in which they were learned"


def test_a_saved_file_is_replaced_and_not_written_over(make_tokenizer, tmp_path):
    make_tokenizer(["<|first|>"]).save(tmp_path)
    before = (tmp_path / "vocab.json").read_bytes()
    (tmp_path / "old.json").hardlink_to(tmp_path / "vocab.json")  # another name of the same file
    make_tokenizer(["<|second|>"]).save(tmp_path)
    why = "the old file was written over: write the new one beside it, then rename that"
    assert (tmp_path / "old.json").read_bytes() == before, why
    assert (tmp_path / "vocab.json").read_bytes() != before


def test_tiktoken_has_the_ids_of_a_vocabulary_with_gaps(given):
    tokenizer = in_order_with_gaps(*given())
    text = "the crow<|b|> they're <|a|>naïve"
    ids, vocab = tokenizer.encode(text), dict(tokenizer.vocab)
    encoding = to_tiktoken(tokenizer)
    assert_close(encoding.encode(text, allowed_special="all"), ids, "ids 2000 and 2001 too")
    assert tokenizer.vocab == vocab, "to_tiktoken changed the tokenizer"
    assert_close(tokenizer.encode(text), ids, "encode after to_tiktoken")


@pytest.mark.parametrize("dtype", ["uint64", "float32"])
def test_ids_of_a_type_that_encode_file_never_writes_are_refused(tmp_path, dtype):
    path = tmp_path / "ids.bin"
    np.arange(3).astype(dtype).tofile(path)
    (tmp_path / "ids.bin.json").write_text(json.dumps({"dtype": dtype, "count": 3}))
    with pytest.raises(ValueError, match=r"ids\.bin"):
        open_tokens(path)


def test_an_emptied_file_of_ids_is_refused(make_tokenizer, tmp_path):
    (tmp_path / "text.txt").write_bytes(b"the crow")
    encode_file(make_tokenizer(), tmp_path / "text.txt", tmp_path / "ids.bin")
    (tmp_path / "ids.bin").write_bytes(b"")
    with pytest.raises(ValueError, match=r"ids\.bin"):
        open_tokens(tmp_path / "ids.bin")


def test_no_ids_are_a_read_only_memmap_too(make_tokenizer, tmp_path):
    (tmp_path / "empty.txt").write_bytes(b"")
    ids = encode_file(make_tokenizer(), tmp_path / "empty.txt", tmp_path / "ids.bin")
    assert isinstance(ids, np.memmap), f"np.memmap is promised, this is {type(ids).__name__}"
    writable = bool(ids.flags.writeable)
    assert not writable, "the ids are promised read-only, those of an empty file too"
