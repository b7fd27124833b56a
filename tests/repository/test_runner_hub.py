"""`groundup data tinystories`: fetched in as many goes as it takes, checked, and kept."""

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from textwrap import dedent

import pytest

from groundup.commands import sources

TRAIN, VALID = sources.TINYSTORIES_FILES
TEXT = "Once there was a cat. It sat.\n<|endoftext|>\n"
WORDS = ["data", "tinystories", "--vocab-size", "300", "--reference", "1"]
# What the hub's library has received is written to disk in pieces of 10 MB.
IN_SMALL_PIECES = """
    import sys
    from huggingface_hub import constants
    from groundup.__main__ import main

    constants.DOWNLOAD_CHUNK_SIZE = 100
    sys.exit(main(sys.argv[1:]))
"""
BODIES = {TRAIN: (TEXT * 20).encode(), VALID: (TEXT * 4).encode()}


class Hub(BaseHTTPRequestHandler):
    """As much of the Hugging Face hub as it takes to download a file, on a line that may break."""

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2]
        known = self.path == f"/datasets/{sources.TINYSTORIES}/resolve/main/{name}"
        body = BODIES.get(name, b"")
        start = int(self.headers.get("Range", "bytes=0-")[len("bytes=") : -1])
        is_down = start and self.server.cut_at is not None
        self.send_response(503 if is_down else 206 if start else 200 if known and body else 404)
        self.send_header("ETag", f'"{self.server.etag or hashlib.sha256(body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", "0" if is_down else str(len(body) - start))
        self.end_headers()
        if self.command == "GET" and body:
            self.server.asked.append((name, start))
            self.wfile.write(body[start : self.server.cut_at])

    do_HEAD = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def hub():
    """`asked` has the name and the first byte of every download; `cut_at` is where they break."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.cut_at, server.etag = [], None, ""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def fetch(hub, run, tmp_path_factory, copy_course):
    """`fetch(home, *words)` runs the command with a cache in `home`."""
    course = copy_course(tmp_path_factory.mktemp("hub"))
    (course / "in_small_pieces.py").write_text(dedent(IN_SMALL_PIECES), encoding="utf-8")
    url = f"http://127.0.0.1:{hub.server_port}"

    def fetched(home, *words, **changes):
        surroundings = {"HF_ENDPOINT": url, "HF_HOME": str(home), "NO_PROXY": "127.0.0.1"}
        return run("in_small_pieces", *WORDS, *words, cwd=course, **surroundings | changes)

    return fetched


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def broken_off(hub, fetch, home):
    hub.cut_at = 500
    result = fetch(home)
    hub.cut_at = None
    return result


@pytest.fixture(scope="module")
def complete(broken_off, fetch, home):
    return fetch(home)


def refusal(result):
    assert result.returncode == 1
    return result.stderr.splitlines()[-1]


def test_a_download_that_broke_off_is_told_in_one_line(broken_off):
    line = refusal(broken_off)
    assert line.startswith(f"groundup: {TRAIN} could not be fetched from {sources.TINYSTORIES} (")
    assert "503" in line
    assert line.endswith("or download it yourself and give --train-file and --valid-file")


def test_the_next_command_goes_on_where_it_broke_off(hub, complete):
    assert complete.returncode == 0, complete.stderr
    assert f"going on with {TRAIN} after 0.0 MB\n" in complete.stdout
    # huggingface_hub tried by itself to go on at once, in vain; then the command began again.
    assert hub.asked[:4] == [(TRAIN, 0), (TRAIN, 500), (TRAIN, 500), (VALID, 0)]
    assert "training text encoded" in complete.stdout
    assert "entropy floor" not in complete.stdout


def test_without_a_network_the_cache_is_used_and_checked(hub, complete, fetch, home):
    asked = list(hub.asked)
    offline = fetch(home, "--force", HF_HUB_OFFLINE="1")
    assert offline.returncode == 0, offline.stderr
    digest = hashlib.sha256(BODIES[VALID]).hexdigest()
    [blob] = home.rglob(f"blobs/{digest}")
    blob.write_bytes(BODIES[VALID].replace(b"cat", b"dog"))
    line = refusal(fetch(home, "--force", HF_HUB_OFFLINE="1"))
    assert line.startswith(f"groundup: expected SHA-256 {digest} of {VALID}, found ")
    assert line.endswith(f"; delete {blob.resolve()} and run this again")
    assert hub.asked == asked


def test_what_the_hub_gives_is_checked_against_its_checksum(hub, fetch, tmp_path, monkeypatch):
    monkeypatch.setattr(hub, "etag", "0" * 64)
    line = refusal(fetch(tmp_path, "--force"))
    assert line.startswith(f"groundup: expected SHA-256 {'0' * 64} of {TRAIN}, found ")
    assert line.endswith("; what was fetched is deleted, run this again")
    assert not [path for path in tmp_path.rglob("blobs/*") if path.is_file()]


def test_a_hub_without_the_file_is_told_in_one_line(fetch, hub, tmp_path):
    gone = f"http://127.0.0.1:{hub.server_port}/gone"
    line = refusal(fetch(tmp_path, "--force", HF_ENDPOINT=gone))
    assert line.startswith(f"groundup: {TRAIN} could not be fetched from")
