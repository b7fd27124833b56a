"""A file of a data set on the Hugging Face hub, downloaded in as many goes as it takes.

huggingface_hub goes on after a lost connection, but begins anew if the process was stopped, and
checks the length of what it got, not its checksum. So the bytes are fetched here, by its functions
and under the name that they have in its cache (`blobs/ETAG`); the rest is left to it.
"""

import hashlib
import re
from pathlib import Path

from groundup.commands.common import Refusal, say

SHA256 = re.compile("[0-9a-f]{64}")


def fetch(repository: str, name: str) -> Path:
    """The file in the hub's cache. It is not asked for over the network if it is there."""
    try:
        return _from_cache(repository, name) or _download(repository, name)
    except Refusal:
        raise
    except Exception as error:  # of the HTTP library, which is not the same in all versions
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise Refusal(
            f"{name} could not be fetched from {repository} ({reason}); try again, which goes on "
            "from here, or download it yourself and give --train-file and --valid-file"
        ) from error


def _from_cache(repository: str, name: str) -> Path | None:
    from huggingface_hub import hf_hub_download  # takes long to import
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        found = hf_hub_download(repository, name, repo_type="dataset", local_files_only=True)
    except LocalEntryNotFoundError:
        return None
    path = Path(found)
    _verify(path, path.resolve().name, name, f"delete {path.resolve()} and run this again")
    return path


def _download(repository: str, name: str) -> Path:
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url
    from huggingface_hub.file_download import http_get, repo_folder_name
    from huggingface_hub.utils import build_hf_headers

    url = hf_hub_url(repository, name, repo_type="dataset")
    about = get_hf_file_metadata(url)
    of_repository = repo_folder_name(repo_id=repository, repo_type="dataset")
    blob = Path(constants.HF_HUB_CACHE) / of_repository / "blobs" / str(about.etag)
    if not blob.is_file():
        blob.parent.mkdir(parents=True, exist_ok=True)
        part = blob.with_name(f"{blob.name}.incomplete")
        with part.open("ab") as file:
            if about.size is not None and file.tell() > about.size:
                file.truncate(0)
            if start := file.tell():
                say(f"going on with {name} after {start / 1e6:,.1f} MB")
            headers = build_hf_headers()
            http_get(url, file, resume_size=start, headers=headers, expected_size=about.size)
        try:
            _verify(part, blob.name, name, "what was fetched is deleted, run this again")
        except Refusal:
            part.unlink()
            raise
        part.replace(blob)
    return Path(hf_hub_download(repository, name, repo_type="dataset"))


def _verify(path: Path, etag: str, name: str, remedy: str) -> None:
    """The hub names large files by their checksum; for what it names otherwise there is none."""
    if SHA256.fullmatch(etag) is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != etag:
        raise Refusal(f"expected SHA-256 {etag} of {name}, found {found}; {remedy}")
