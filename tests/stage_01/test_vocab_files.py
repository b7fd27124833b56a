import json

import pytest
from hypothesis import Phase, settings
from hypothesis import given as for_all

from groundup.testing import assert_close, check, outcome
from s01_bpe import Tokenizer, to_tiktoken

REPEATABLE = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=200,
    phases=set(Phase) - {Phase.explain},
)


def saved(tokenizer, folder, special_tokens=None):
    tokenizer.save(folder)
    return Tokenizer.from_files(folder / "vocab.json", folder / "merges.txt", special_tokens)


def test_what_was_saved_is_what_is_loaded(make_tokenizer, tmp_path):
    tokenizer = make_tokenizer()
    loaded = saved(tokenizer, tmp_path, list(tokenizer.special_tokens))
    assert loaded.vocab == tokenizer.vocab, "all 256 bytes and every token, byte for byte"
    assert loaded.merges == tokenizer.merges
    assert loaded.special_tokens == tokenizer.special_tokens


def test_the_saved_vocabulary_as_text(make_tokenizer, tmp_path):
    make_tokenizer().save(tmp_path)
    ids = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    check([f"{token_id} {text}" for token_id, text in sorted((i, t) for t, i in ids.items())])


def test_vocab_json_writes_bytes_as_gpt2_does(make_tokenizer, tmp_path):
    make_tokenizer().save(tmp_path)
    ids = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    assert sorted(ids.values()) == list(range(378))
    kept = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    moved = [byte for byte in range(256) if byte not in kept]
    expected = {chr(byte): byte for byte in kept}
    expected |= {chr(256 + place): byte for place, byte in enumerate(moved)}
    assert {text: i for text, i in ids.items() if i < 256} == expected
    assert ids["Ġthe"] == make_tokenizer().encode(" the")[0], "a space is written Ġ"
    assert ids["<|endoftext|>"] == 376


def test_merges_txt_is_gpt2s(make_tokenizer, given, tmp_path):
    make_tokenizer().save(tmp_path)
    version, *lines, end = (tmp_path / "merges.txt").read_text(encoding="utf-8").split("\n")
    assert (version, end) == ("#version: 0.2", "")
    vocab = json.loads((tmp_path / "vocab.json").read_text(encoding="utf-8"))
    found = [tuple(vocab[part] for part in line.split(" ")) for line in lines]
    id_of = {token: token_id for token_id, token in given()[0].items()}
    assert found == [(id_of[first], id_of[second]) for first, second in given()[1]]


def test_the_saved_merges_as_text(make_tokenizer, tmp_path):
    make_tokenizer().save(tmp_path)
    lines = (tmp_path / "merges.txt").read_text(encoding="utf-8").split("\n")
    check({"first": lines[:1], "others": lines[1:]})


def test_what_is_loaded_from_files(make_tokenizer, tmp_path):
    special_tokens, text = ["<|pad|>", "<|endoftext|>"], "the naïve crow<|pad|> Zoë 🙃<|endoftext|>"
    ids = {"\u0120": 0, "a": 1, "\u0120a": 2, "#": 3, "##": 4, "##a": 5, "\u0143": 6, "b": 7}
    (tmp_path / "v.json").write_text(json.dumps(ids), encoding="utf-8")
    (tmp_path / "m.txt").write_text("# #\n\u0120 a\n## a\n", encoding="utf-8")

    def loaded():
        return Tokenizer.from_files(tmp_path / "v.json", tmp_path / "m.txt")

    def again():
        return saved(make_tokenizer(special_tokens), tmp_path / "new", special_tokens)

    check(
        {
            "without version": outcome(lambda: [f"{a!r} {b!r}" for a, b in loaded().merges]),
            "vocab of others": outcome(lambda: [repr(loaded().vocab.get(i)) for i in range(8)]),
            "ids of others": outcome(lambda: loaded().encode("##a ## a# a a##a")),
            "vocab": outcome(lambda: [f"{i} {t!r}" for i, t in sorted(again().vocab.items())]),
            "ids": outcome(lambda: again().encode(text)),
            "special tokens": outcome(lambda: [again().special_tokens[t] for t in special_tokens]),
        }
    )


@pytest.mark.parametrize("first_line", ["#version: 0.2\n", ""], ids=["version", "no_version"])
def test_files_written_by_others_are_read(tmp_path, first_line):
    ids = {"\u0120": 0, "a": 1, "\u0120a": 2, "#": 3, "##": 4}
    (tmp_path / "v.json").write_text(json.dumps(ids, ensure_ascii=True), encoding="utf-8")
    (tmp_path / "m.txt").write_text(f"{first_line}# #\n\u0120 a", encoding="utf-8")
    tokenizer = Tokenizer.from_files(tmp_path / "v.json", tmp_path / "m.txt")
    assert tokenizer.vocab == {0: b" ", 1: b"a", 2: b" a", 3: b"#", 4: b"##"}
    assert tokenizer.merges == [(b"#", b"#"), (b" ", b"a")], "`# #` is a merge, no comment"


def test_special_tokens_are_special_only_if_named_again(make_tokenizer, tmp_path):
    named = saved(make_tokenizer(), tmp_path, ["<|pad|>"])
    assert named.encode("<|pad|>") == [377]
    assert len(named.encode("<|endoftext|>")) > 1, "not named, so it is ordinary text"


@pytest.mark.parametrize("special", ["<|end of\ttext|>", "¡ß日🙃", "Ġ"], ids=["space", "utf8", "G"])
def test_any_special_token_survives_the_files(make_tokenizer, tmp_path, special):
    loaded = saved(make_tokenizer([special]), tmp_path, [special])
    assert loaded.special_tokens == {special: 376}
    assert loaded.encode(f"a{special}a") == [97, 376, 97]


def test_saving_makes_the_folder_and_replaces_what_is_there(make_tokenizer, tmp_path):
    folder = tmp_path / "new" / "folder"
    make_tokenizer(["<|first|>"]).save(folder)
    make_tokenizer(["<|second|>"]).save(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["merges.txt", "vocab.json"]
    loaded = Tokenizer.from_files(folder / "vocab.json", folder / "merges.txt")
    assert loaded.vocab[376] == b"<|second|>"


@pytest.mark.parametrize(
    "text", ["not json", "[1, 2]", '{"a b": 0}', '{"a": "b"}'], ids=["words", "list", "space", "id"]
)
def test_a_file_that_is_no_vocabulary_is_refused(tmp_path, text):
    (tmp_path / "vocab.json").write_text(text, encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocab\.json"):
        Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")


@pytest.mark.parametrize("line", ["a", "a b c", "a \u65e5"], ids=["one", "three", "no_byte"])
def test_a_file_of_no_merges_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "ab": 2}', encoding="utf-8")
    (tmp_path / "merges.txt").write_text(f"#version: 0.2\na b\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"merges\.txt.*3"):
        Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")


def test_to_tiktoken_gives_the_same_tokenizer(make_tokenizer, hostile):
    tokenizer = make_tokenizer()
    encoding = to_tiktoken(tokenizer)
    assert encoding.n_vocab == 378
    assert encoding.special_tokens_set == {"<|endoftext|>", "<|pad|>"}

    @REPEATABLE
    @for_all(hostile)
    def compare(text):
        ids = make_tokenizer().encode(text)
        assert_close(encoding.encode(text, allowed_special="all"), ids, f"encode of {text!r}")
        assert encoding.decode(ids) == text

    compare()


def test_to_tiktoken_refuses_ids_that_are_not_in_order_of_merging(given):
    vocab, merges = given()
    vocab[256], vocab[257] = vocab[257], vocab[256]
    with pytest.raises(ValueError, match="order"):
        to_tiktoken(Tokenizer(vocab, merges))
