"""The progress bar of a file that is being read: seen on a terminal, nowhere else."""

import io
import sys

import pytest

from groundup import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def text_file(tmp_path, monkeypatch):
    monkeypatch.setattr(progress, "LEAST_BYTES", 1000)
    path = tmp_path / "text.txt"
    path.write_bytes(b"a crow\n" * 1000)
    return path


def read_all(path, monkeypatch, stderr):
    monkeypatch.setattr(sys, "stderr", stderr)
    with progress.open_with_progress(path) as file:
        data = b"".join(iter(lambda: file.read(500), b""))
    assert data == path.read_bytes()
    return stderr.getvalue()


def test_a_terminal_shows_how_much_is_read_how_fast_and_what_is_left(text_file, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    shown = read_all(text_file, monkeypatch, Terminal())
    assert "text.txt" in shown
    assert "7.0/7.0 kB" in shown
    assert "/s" in shown
    assert "0:00:00" in shown


def test_nothing_is_shown_where_nobody_watches(text_file, monkeypatch):
    assert read_all(text_file, monkeypatch, io.StringIO()) == ""


def test_nothing_is_shown_for_a_small_file(text_file, monkeypatch):
    monkeypatch.setattr(progress, "LEAST_BYTES", 10_000)
    assert read_all(text_file, monkeypatch, Terminal()) == ""
