"""`groundup data`: from text to ids, whole or not at all."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from groundup.commands import sources

SMALL = ["--vocab-size", "300", "--reference", "1"]
STORY = "Once there was a cat. It sat.\n<|endoftext|>\n"


@pytest.fixture(scope="module")
def course(tmp_path_factory, copy_course):
    return copy_course(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def embedded(course, run):
    words = ["data", "--stories", "60", "--valid-stories", "6"]
    return run("groundup", *words, *SMALL, cwd=course)


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.name: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_data_makes_a_tokenizer_ids_and_a_record(course, embedded):
    assert (embedded.returncode, embedded.stderr) == (0, "")
    lines = embedded.stdout.splitlines()
    assert lines[0] == "code under test: 01_bpe reference"
    assert lines[1] == "60 stories to train on, 6 to validate with"
    folder = course / "data" / "embedded"
    assert {path.name for path in folder.rglob("*") if path.is_file()} == {
        *("train.txt", "train.bin", "train.bin.json", "data.json"),
        *("valid.txt", "valid.bin", "valid.bin.json", "vocab.json", "merges.txt"),
    }
    record = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    assert (record["vocab_size"], record["separators"]) == (300, 60)
    counts = [
        json.loads((folder / f"{name}.bin.json").read_text(encoding="utf-8"))["count"]
        for name in ("train", "valid")
    ]
    assert [record["train_tokens"], record["valid_tokens"]] == counts


def test_the_record_holds_the_floor_in_nats_per_predicted_token(course, embedded):
    from groundup import corpus

    folder = course / "data" / "embedded"
    record = json.loads((folder / "data.json").read_text(encoding="utf-8"))
    floor = corpus.entropy_floor(folder / "valid.txt", record["valid_tokens"] - 1)
    assert record["entropy_floor"] == floor
    assert f"{floor:.4f} nats per token" in embedded.stdout


def test_the_two_texts_share_no_story(course, embedded):
    from groundup import corpus

    folder = course / "data" / "embedded"
    train = set(corpus.read_stories(folder / "train.txt"))
    assert train.isdisjoint(corpus.read_stories(folder / "valid.txt"))


def test_data_that_matches_is_left_alone_and_other_data_is_made_anew(course, embedded, run):
    folder, words = course / "data" / "embedded", ["data", "embedded", "--valid-stories", "6"]
    before = snapshot(folder)
    same = run("groundup", *words, "--stories", "60", *SMALL, cwd=course)
    assert "data/embedded is there and matches; --force makes it anew\n" in same.stdout
    assert snapshot(folder) == before
    other = run("groundup", *words, "--stories", "60", *SMALL, "--name", "again", cwd=course)
    assert "matches" not in other.stdout
    name = ["--name", "again", "--stories", "61"]
    anew = run("groundup", *words, *name, *SMALL, cwd=course)
    assert "data/again was made of something else or by other code; making it anew\n" in anew.stdout
    assert snapshot(folder) == before


def test_a_stub_is_named_and_leaves_what_was_there(course, embedded, run):
    before = snapshot(course / "data" / "embedded")
    stopped = run("groundup", "data", cwd=course)
    assert stopped.returncode == 1
    [line] = stopped.stderr.splitlines()
    assert line.startswith("groundup: not written yet: train_bpe (assignments/01_bpe/s01_bpe/")
    assert line.endswith("; fill it in and run pytest tests/stage_01, or add --reference 1")
    assert snapshot(course / "data" / "embedded") == before
    assert [path.name for path in (course / "data").glob(".*")] == []


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as it takes to download a file."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        known = self.path == f"/datasets/{sources.TINYSTORIES}/resolve/main/{name}"
        body = (STORY * (20 if "train" in name else 4)).encode()
        self.send_response(200 if known and name in sources.TINYSTORIES_FILES else 404)
        self.send_header("ETag", f'"{len(body)}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_tinystories_is_fetched_from_the_hub(course, run, hub, tmp_path):
    words = ["data", "tinystories", *SMALL]
    surroundings = {"HF_ENDPOINT": hub, "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    fetched = run("groundup", *words, cwd=course, **surroundings)
    assert fetched.returncode == 0, fetched.stderr
    record = json.loads((course / "data/tinystories/data.json").read_text(encoding="utf-8"))
    assert (record["separators"], record["entropy_floor"]) == (20, None)
    assert "entropy floor" not in fetched.stdout


def test_a_hub_without_the_file_is_told_in_one_line(course, run, hub, tmp_path):
    surroundings = {"HF_ENDPOINT": f"{hub}/gone", "HF_HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}
    refused = run("groundup", "data", "tinystories", "--force", *SMALL, cwd=course, **surroundings)
    assert refused.returncode == 1
    [line] = refused.stderr.splitlines()
    assert line.startswith(f"groundup: {sources.TINYSTORIES_FILES[0]} could not be fetched from")
    assert line.endswith("or download it yourself and give --train-file and --valid-file")
