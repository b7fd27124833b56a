"""`groundup generate`: prompts one after another, and texts side by side."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from groundup.commands import prepared, samples
from groundup.commands.common import Refusal
from groundup.commands.generate import (
    Writer,
    converse,
    load_writer,
    tell,
    whole_characters,
    write_out,
)
from groundup.commands.moved import follow_data
from groundup.commands.prepared import opening


class Terminal:
    """Somebody who types these lines, then leaves in this way."""

    def __init__(self, *lines, leaving):
        self.lines, self.leaving, self.asked = list(lines), leaving, []

    def __call__(self, question):
        self.asked.append(question)
        if not self.lines:
            raise self.leaving
        return self.lines.pop(0)


@pytest.mark.parametrize("leaving", [EOFError, KeyboardInterrupt])
def test_prompts_are_answered_until_one_leaves_in_a_clean_line(leaving, capsys):
    terminal, answered = Terminal("Once", "", leaving=leaving), []
    converse(lambda prompt, seed: answered.append((prompt, seed)), 7, ask=terminal)
    assert answered == [("Once", 7), ("", 8)]
    assert terminal.asked == ["\nprompt: "] * 3
    assert capsys.readouterr() == ("", "\nstopped\n")


def test_ctrl_c_in_the_middle_of_a_story_leaves_too(capsys):
    def answer(prompt, seed):
        print("Once upon", end="")
        raise KeyboardInterrupt

    converse(answer, 0, ask=lambda question: "Once")
    assert capsys.readouterr() == ("Once upon", "\nstopped\n")


def test_a_prompt_that_is_no_text_is_refused_and_the_next_one_asked_for(capsys):
    def answer(prompt, seed):
        print(opening(False, prompt))

    converse(answer, 0, ask=Terminal("\udcff", "Once", leaving=EOFError))
    refused = "groundup: expected a prompt in UTF-8, found '\\udcff'; set your terminal to UTF-8\n"
    assert capsys.readouterr() == ("Once\n", f"{refused}\nstopped\n")


WRITER = SimpleNamespace(
    stream=lambda prompt, seed: iter([b" caf", b"\xc3", b"\xa9"]),
    batch=lambda prompt, seed, count: [[b" sat"] * (row + 1) for row in range(count)],
)


def test_each_story_is_followed_by_its_speed(capsys):
    tell(WRITER, "A", 0, 1)
    out, err = capsys.readouterr()
    assert out == "A café\n"
    assert err.startswith("3 tokens, ")
    assert err.endswith(" tokens/s\n")


def test_texts_side_by_side_are_numbered(capsys):
    tell(WRITER, "It", 0, 2)
    out, err = capsys.readouterr()
    assert out == "[1 of 2]\nIt sat\n[2 of 2]\nIt sat sat\n"
    assert err.startswith("3 tokens, ")


def test_a_text_ends_with_one_newline(capsys):
    assert [write_out("", []), write_out("a\n", []), write_out("", [b"b", b"\n"])] == [0, 0, 2]
    assert capsys.readouterr().out == "a\nb\n"


def test_text_comes_in_whole_characters():
    pieces = [b"caf", b"\xc3", b"\xa9 \xe6", b"\x97", b"\xa5", b"\xff", b"\xe6\x97"]
    assert list(whole_characters(iter(pieces))) == ["caf", "", "é ", "", "日", "�", "", "�"]


def test_ids_that_the_tokenizer_does_not_have_are_shown_as_unknown():
    tokenizer = SimpleNamespace(vocab={0: b"a"})
    writer = Writer(None, tokenizer, has_stories=False, max_new_tokens=2, settings={})
    assert [writer.bytes_of(each) for each in (0, 1)] == [b"a", "�".encode()]


KNOWN = prepared.Prepared(
    source={}, tokenizer_code="", tokenizer_owner="", asked_vocab_size=257, vocab_size=257,
    special_tokens=["<|endoftext|>"], train_tokens=1, valid_tokens=1, separators=1,
    entropy_floor=None,
)  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"vocab_size": "257"},
        {"special_tokens": [5]},
        {"special_tokens": None},
        {"separators": None},
        {"entropy_floor": "low"},
        {"source": 5},
    ],
    ids=str,
)
def test_a_record_of_data_with_a_field_of_another_type_is_refused(change, tmp_path):
    path = tmp_path / "data.json"
    path.write_text(json.dumps(asdict(KNOWN)), encoding="utf-8")
    assert prepared.load(tmp_path) == KNOWN
    path.write_text(json.dumps(asdict(KNOWN) | change), encoding="utf-8")
    with pytest.raises(Refusal, match=r"data\.json is not of this version; run groundup data "):
        prepared.load(tmp_path)


@pytest.mark.parametrize("name", ["vocab.json", "merges.txt"])
def test_a_missing_file_of_the_tokenizer_is_named(name, tmp_path):
    (tmp_path / "data.json").write_text(json.dumps(asdict(KNOWN)), encoding="utf-8")
    (tmp_path / "tokenizer").mkdir()
    for each in {"vocab.json", "merges.txt"} - {name}:
        (tmp_path / "tokenizer" / each).write_text("{}", encoding="utf-8")
    with pytest.raises(Refusal, match=f"expected a tokenizer's file at .*{name}, found none; "):
        prepared.load_tokenizer(tmp_path)


def test_merges_that_were_cut_at_the_end_of_a_line_are_refused(tmp_path):
    from s01_bpe import Tokenizer, train_bpe

    (tmp_path / "data.json").write_text(json.dumps(asdict(KNOWN)), encoding="utf-8")
    (tmp_path / "text").write_text("a cat, a cat", encoding="utf-8")
    vocab, merges = train_bpe(tmp_path / "text", 260, KNOWN.special_tokens)
    Tokenizer(vocab, merges, KNOWN.special_tokens).save(tmp_path / "tokenizer")
    assert prepared.load_tokenizer(tmp_path).merges == merges
    path = tmp_path / "tokenizer" / "merges.txt"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-2]))
    with pytest.raises(Refusal, match=r"for every token in .*merges\.txt, found 2 too few; put "):
        prepared.load_tokenizer(tmp_path)


def linear(value):
    model = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(model.bias, value)
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value, tmp_path, monkeypatch):
    monkeypatch.setattr("s06_training.load_model", lambda path, device: linear(value))
    with pytest.raises(Refusal, match=r"expected finite weights in .*checkpoint\.pt, found "):
        load_writer(tmp_path, 1, {})


def test_a_checkpoint_whose_model_has_no_names_is_refused(tmp_path):
    from s06_training import load_checkpoint

    path = tmp_path / "checkpoint.pt"
    parts = dict.fromkeys(("optimizer", "step", "config", "generator", "random"), 0)
    torch.save(parts | {"model": [torch.ones(2)]}, path)
    with pytest.raises(ValueError, match=r"checkpoint\.pt holds no weights by name: .* a list$"):
        load_checkpoint(path, model=torch.nn.Linear(3, 2))


def test_a_sample_of_a_ruined_model_says_so_and_stops_nothing(tmp_path, monkeypatch):
    tokenizer = SimpleNamespace(encode=lambda text: [0], vocab={0: b"a", 1: b"b"})
    monkeypatch.setattr(prepared, "load_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(prepared, "load", lambda folder: KNOWN)
    write = samples.sampler(tmp_path, "")
    model = linear(float("nan"))
    model.config = SimpleNamespace(context_length=8)
    model.forward = lambda ids: torch.full((*ids.shape, 2), float("nan"))
    assert write(model) == "no text: the logits are infinite or NaN"


def test_a_share_too_small_for_float32_keeps_the_likeliest_token():
    from s07_decoding import sample_token

    assert sample_token(torch.tensor([0.0, 1.0]), top_p=1e-300).item() == 1


@pytest.mark.parametrize("damage", [0, 1])
def test_a_damaged_checkpoint_is_not_saved_anew_for_data_that_was_moved(damage, tmp_path):
    path = tmp_path / "checkpoint.pt"
    torch.save({"config": {"train_tokens": "there"}, "model": torch.full((9,), 0.3)}, path)
    number = np.float32(0.3).tobytes()
    before = path.read_bytes().replace(number, b"\0\0\0\0", damage)
    path.write_bytes(before)
    follow_data(path, train_tokens=tmp_path / "here")
    assert (path.read_bytes() == before) == bool(damage)
