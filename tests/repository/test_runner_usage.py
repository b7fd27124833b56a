"""What a user does wrong is told in one line, with exit code 2 or 1, never with a traceback."""

import errno
import os
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch

from groundup.__main__ import main
from groundup.commands import train
from groundup.commands.common import Refusal, in_one_line

CASES = {
    "chek": "No such command 'chek'. Did you mean 'check'? See groundup --help.",
    "check 9": "'9' is not a stage; write a number from 1 to 8",
    "check --reference 9": "reference: '9' is not a stage; write numbers from 1 to 8, "
    "as in 1,2, or all",
    "data tinystory": "'tinystory' is not a corpus; write embedded or tinystories, or give your "
    "own text with --train-file and --valid-file",
    "data tinystories --stories 3": "--stories and --valid-stories are for the embedded corpus",
    "data --name ..": "--name ..: expected the name of a folder in data, found a path",
    "data --name a/b": "--name a/b: expected the name of a folder in data, found a path",
    "data --name ' '": "--name ' ': expected a name without blanks around it",
    "data --name 'a\nb'": "--name 'a\\nb': expected a name without blanks around it",
    "data --train-file here.txt": "--valid-file is missing: give both, of different text",
    "data embedded --train-file here.txt --valid-file here.txt": "give 'embedded' or your own "
    "files, not both",
    "train demmo": "'demmo' is not a preset; write demo",
    "train small": "'small' is not a preset; write demo or tinystories-cpu or tinystories-mps "
    "or tinystories-4090 or tinystories-17m",
    "train demo --data x --train-file here.txt": "give --data, or your own files, not both",
}


@pytest.mark.parametrize("words", CASES)
def test_wrong_usage_is_one_line_and_exit_code_2(words, capsys):
    assert main(shlex.split(words)) == 2
    assert capsys.readouterr() == ("", f"groundup: {CASES[words]}\n")


@pytest.mark.parametrize(
    "words",
    ["check --all=3", "generate"]
    + [f"generate x {option}" for option in ("--batch 0", f"--seed {2**63}", f"--top-k {2**63}")],
)
def test_wrong_options_are_one_line_and_exit_code_2(words, capsys):
    assert main(words.split()) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("See groundup --help.")


BAD_TEXTS = {
    "empty.txt": (b"", "expected text in {path}, found an empty file; check the path"),
    "latin.txt": (
        b"caf\xe9 ol\xe9",
        "expected UTF-8 text in {path}, found byte 0xe9 at offset 3; convert the file to UTF-8",
    ),
    "cut.txt": (
        b"x" * (1 << 20) + "é".encode()[:1],
        "expected UTF-8 text in {path}, found byte 0xc3 at offset 1,048,576; "
        "convert the file to UTF-8",
    ),
}


@pytest.mark.parametrize("name", BAD_TEXTS)
def test_bad_text_is_refused_with_the_place(name, tmp_path):
    from groundup.commands.common import Refusal
    from groundup.commands.sources import check_text

    path = tmp_path / name
    content, message = BAD_TEXTS[name]
    path.write_bytes(content)
    with pytest.raises(Refusal) as refused:
        check_text(path)
    assert str(refused.value) == message.format(path=path)


def test_text_with_a_character_across_two_pieces_is_fine(tmp_path):
    from groundup.commands.sources import check_text

    path = tmp_path / "text"
    path.write_bytes(b"x" * ((1 << 20) - 1) + "é".encode() + b"y" * (1 << 20))
    check_text(path)


NO_FILES = {
    "nowhere.txt": "nothing; check the path",
    ".": "a folder; check the path",
    "pipe": "a pipe or a device; write its text to a file",
}


@pytest.mark.parametrize("path", NO_FILES)
def test_a_path_that_is_no_file_fails_with_exit_code_1(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe")
    assert main(["data", "--train-file", path, "--valid-file", path]) == 1
    assert capsys.readouterr().err == (
        f"groundup: expected a text file at {path}, found {NO_FILES[path]}\n"
    )


@pytest.mark.parametrize(
    "command",
    ["", "check", "status", "data", "train", "generate", "export", "demo"],
    ids=lambda name: name,
)
def test_help_is_the_docstring_in_plain_text(command, capsys):
    from groundup.commands import app as entry

    assert main([*command.split(), "--help"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    docstring = getattr(entry, command).__doc__ if command else entry.app.info.help
    assert " ".join(docstring.split()) in printed
    assert printed.isascii()


def test_a_stop_while_the_commands_are_loaded_is_one_line(monkeypatch, capsys):
    class Stopped(ModuleType):
        def __getattr__(self, name):
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "groundup.commands.app", None)
    monkeypatch.setitem(sys.modules, "groundup.commands", Stopped("groundup.commands"))
    assert main(["--help"]) == 130
    assert capsys.readouterr().err == "groundup: stopped\n"


def test_the_commands_are_loaded_without_torch():
    """It takes a second, for which no answer to a mistyped command should wait."""
    loaded = "import groundup.commands.app, sys; print('torch' in sys.modules)"
    words = [sys.executable, "-c", loaded]
    assert subprocess.run(words, capture_output=True, check=True).stdout == b"False\n"


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_stream_that_the_shell_has_closed_is_no_mistake(name, monkeypatch):
    monkeypatch.setattr(sys, name, None)
    assert main(["--help"]) == 0


def test_what_wandb_refuses_is_one_line_with_a_way_out():
    error = type("UsageError", (Exception,), {"__module__": "wandb.errors.errors"})
    assert in_one_line(error("No API key.")) == (
        "wandb: No API key. Or keep the metrics here, with --set wandb=offline"
    )


def raised_by(error):
    try:
        raise error
    except type(error) as raised:
        return raised


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate"
                     " memory: you tried to allocate 800000000000 bytes."),
        RuntimeError("Storage size calculation overflowed with sizes=[9223372036854775807]"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    ],
    ids=["Python", "CPU", "beyond", "CUDA"],
)  # fmt: skip
def test_too_little_memory_is_one_line_with_a_way_out(error):
    line = in_one_line(raised_by(error))
    assert line.startswith("expected memory for all that was asked for, found too little; take a ")


def test_what_the_system_refuses_is_one_line_with_the_path_and_a_way_out():
    with pytest.raises(OSError) as refused:
        Path(__file__, "inside").read_text(encoding="utf-8")
    assert in_one_line(refused.value) == (
        f"{Path(__file__, 'inside')}: {refused.value.strerror}; check the path, your rights to it, "
        "and the space left"
    )
    with pytest.raises(OSError) as refused:
        os.close(-1)  # as a full disk, an error without a path
    assert in_one_line(refused.value).startswith(f"{refused.value.strerror}; check the path, ")


def test_a_full_disk_leaves_the_tokenizer_of_a_run_whole(tmp_path, monkeypatch):
    from groundup.commands import train

    for folder in (tmp_path / "data", tmp_path / "run"):
        (folder / "tokenizer").mkdir(parents=True)
        (folder / "tokenizer" / "vocab.json").write_text("{}", encoding="utf-8")

    def copy_half(source, target):
        target.write_text("{", encoding="utf-8")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(train.shutil, "copyfile", copy_half)
    with pytest.raises(OSError, match="No space left"):
        train._keep_with_run(tmp_path / "data", None, tmp_path / "run")
    [path] = (tmp_path / "run" / "tokenizer").iterdir()
    assert path.read_text(encoding="utf-8") == "{}"


def test_weights_that_find_no_space_are_told_in_one_line(tmp_path, monkeypatch):
    import safetensors.torch

    from groundup.commands.interop import export

    def no_space(*arguments, **named):
        raise safetensors.SafetensorError("No space left on device (os error 28)")

    monkeypatch.setattr(safetensors.torch, "save_file", no_space)
    with pytest.raises(Refusal, match=r"could not write model\.safetensors \(No space left .*\?$"):
        export.save_weights({}, tmp_path)


@pytest.mark.parametrize(
    ("dtype", "device", "times", "told"),
    [
        ("bfloat16", "cpu", 30, "30 times as slowly as in float32"),
        ("bfloat16", "cpu", 1.5, ""),
        ("float32", "cpu", 30, ""),
        ("bfloat16", "cuda", 30, ""),
    ],
)
def test_a_processor_that_is_slow_in_bfloat16_is_told(
    dtype, device, times, told, capsys, monkeypatch
):
    monkeypatch.setattr(train, "seconds_of_product", {"bfloat16": times, "float32": 1.0}.get)
    train._advise_float32(SimpleNamespace(dtype=dtype, device=device))
    said = capsys.readouterr().out
    assert told in said
    assert bool(said) == bool(told)
