"""`groundup generate`: prompts one after another, and texts side by side."""

from types import SimpleNamespace

import pytest

from groundup.commands.generate import Writer, converse, tell, whole_characters, write_out
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
