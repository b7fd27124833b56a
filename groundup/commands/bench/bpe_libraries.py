"""How each library trains and encodes, as `child.py` calls it.

Every function prepares, and returns what is timed: from the path of a text to the result as the
library gives it. Libraries are imported in the functions, so that each process holds only its own.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from groundup.commands.bench.child import Keep, Run
from groundup.commands.byte_characters import byte_of_each
from groundup.presets import SEPARATOR

PATTERN_FILE = "pattern.txt"
"""What our training leaves beside `vocab.json` and `merges.txt`."""
PIECE_CHARACTERS = 1 << 18
"""tiktoken takes a while for each string, so it is given few."""
STORIES_AT_ONCE = 1 << 13
"""What tokenizers gives takes about 100 bytes for each token, so it is not kept."""


def train_ours(text: str, folder: str, vocab_size: int) -> Run:
    from s01_bpe import PRETOKEN_PATTERN, Tokenizer, train_bpe

    def run() -> Keep:
        vocab, merges = train_bpe(text, vocab_size, [SEPARATOR])

        def keep(path: Path | None) -> int:
            if path:
                Tokenizer(vocab, merges, [SEPARATOR]).save(folder)
                (Path(folder) / PATTERN_FILE).write_text(PRETOKEN_PATTERN, encoding="utf-8")
            return _keep_tokens([first + second for first, second in merges], path)

        return keep

    return run


def train_tokenizers(text: str, folder: str, vocab_size: int) -> Run:
    from tokenizers import Tokenizer, models, trainers
    from tokenizers.pre_tokenizers import ByteLevel, Sequence, Split

    tokenizer = Tokenizer(models.BPE())
    # Its trainer counts special tokens as text unless they are cut out.
    tokenizer.pre_tokenizer = Sequence([Split(SEPARATOR, "removed"), _gpt2_pretokens()])
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[SEPARATOR],
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )

    def run() -> Keep:
        tokenizer.train([text], trainer)
        return lambda path: _keep_tokens(_tokens_of(tokenizer), path)

    return run


def train_rustbpe(text: str, folder: str, vocab_size: int) -> Run:
    import rustbpe

    tokenizer, pattern = rustbpe.Tokenizer(), _our_pattern(folder)

    def run() -> Keep:
        # It knows no special tokens: stories come one by one, and one id less is asked for.
        tokenizer.train_from_iterator(stories(text), vocab_size - 1, pattern=pattern)
        return lambda path: _keep_tokens(
            [bytes(token) for token, rank in tokenizer.get_mergeable_ranks() if rank >= 256], path
        )

    return run


def encode_ours(text: str, folder: str, vocab_size: int) -> Run:
    from s01_bpe import encode_file

    tokenizer = _our_tokenizer(folder)

    def run() -> Keep:
        ids = encode_file(tokenizer, text, Path(folder) / "ids.bin")
        return lambda path: _keep_ids([ids], path)

    return run


def encode_tiktoken(text: str, folder: str, vocab_size: int) -> Run:
    """All of the text at once, to an array: its quickest way on one core."""
    encoding = _our_tiktoken(folder)

    def run() -> Keep:
        ids = encoding.encode_to_numpy(read(text), allowed_special={SEPARATOR})
        return lambda path: _keep_ids([ids], path)

    return run


def encode_tiktoken_batch(text: str, folder: str, vocab_size: int) -> Run:
    """Some hundred stories a string, in as many threads as it takes by default."""
    encoding = _our_tiktoken(folder)

    def run() -> Keep:
        parts = list(pieces(read(text), PIECE_CHARACTERS))
        ids = encoding.encode_batch(parts, allowed_special={SEPARATOR})
        return lambda path: _keep_ids(ids, path)

    return run


def encode_tokenizers_batch(text: str, folder: str, vocab_size: int) -> Run:
    """One story a string, which it is quickest with, in threads of its own."""
    from tokenizers import Tokenizer, models

    files = [str(Path(folder) / name) for name in ("vocab.json", "merges.txt")]
    tokenizer = Tokenizer(models.BPE.from_file(*files))
    tokenizer.pre_tokenizer = _gpt2_pretokens()
    tokenizer.add_special_tokens([SEPARATOR])

    def run() -> Keep:
        parts = list(pieces(read(text), 0))
        ids: list[list[int]] = []
        for start in range(0, len(parts), STORIES_AT_ONCE):
            batch = tokenizer.encode_batch_fast(parts[start : start + STORIES_AT_ONCE])
            ids += [encoded.ids for encoded in batch]
        return lambda path: _keep_ids(ids, path)

    return run


def encode_rustbpe_batch(text: str, folder: str, vocab_size: int) -> Run:
    """With the vocabulary it learns here before the clock starts, since it reads no other."""
    import rustbpe

    tokenizer, pattern = rustbpe.Tokenizer(), _our_pattern(folder)
    tokenizer.train_from_iterator(stories(text), vocab_size - 1, pattern=pattern)

    def run() -> Keep:
        ids = tokenizer.batch_encode(read(text).split(SEPARATOR))
        return lambda path: sum(map(len, ids)) + len(ids) - 1  # with the special token between

    return run


def read(path: str) -> str:
    return Path(path).read_bytes().decode("utf-8")  # read_text would translate newlines


def stories(path: str) -> Iterator[str]:
    """What stands between special tokens, read in blocks to keep memory low."""
    rest = ""
    with Path(path).open(encoding="utf-8", newline="") as file:
        while block := file.read(1 << 23):
            *whole, rest = (rest + block).split(SEPARATOR)
            yield from whole
    yield rest


def pieces(text: str, least: int) -> Iterator[str]:
    """`text`, cut after special tokens, where no token can cross, each `least` characters apart."""
    start = 0
    while start < len(text):
        found = text.find(SEPARATOR, start + least)
        end = len(text) if found < 0 else found + len(SEPARATOR)
        yield text[start:end]
        start = end


def _our_tokenizer(folder: str) -> Any:
    from s01_bpe import Tokenizer

    files = Path(folder) / "vocab.json", Path(folder) / "merges.txt"
    return Tokenizer.from_files(*files, special_tokens=[SEPARATOR])


def _our_pattern(folder: str) -> str:
    """From a file, because importing stage 01 would count as the memory of another library."""
    return (Path(folder) / PATTERN_FILE).read_text(encoding="utf-8")


def _our_tiktoken(folder: str) -> Any:
    from s01_bpe import to_tiktoken

    return to_tiktoken(_our_tokenizer(folder))


def _gpt2_pretokens() -> Any:
    from tokenizers.pre_tokenizers import ByteLevel

    return ByteLevel(add_prefix_space=False)


def _tokens_of(tokenizer: Any) -> list[bytes]:
    """What the merges of a byte-level tokenizer of `tokenizers` made, in their order."""
    byte_of = byte_of_each()
    by_id = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    made = [token for token, _ in by_id if len(token) > 1 and token != SEPARATOR]
    return [bytes(map(byte_of.__getitem__, token)) for token in made]


def _keep_tokens(tokens: list[bytes], path: Path | None) -> int:
    if path:
        path.write_text(json.dumps([token.hex() for token in tokens]), encoding="utf-8")
    return len(tokens)


def _keep_ids(ids: Iterable[Any], path: Path | None) -> int:
    import numpy as np

    joined = np.concatenate([np.asarray(part, dtype=np.uint32) for part in ids])
    if path:
        np.save(path, joined)
    return len(joined)


TRAINING: dict[str, Callable[..., Run]] = {
    "ours": train_ours,
    "tokenizers": train_tokenizers,
    "rustbpe": train_rustbpe,
}
ENCODING: dict[str, Callable[..., Run]] = {
    "ours": encode_ours,
    "tiktoken": encode_tiktoken,
    "tiktoken batch": encode_tiktoken_batch,
    "tokenizers batch": encode_tokenizers_batch,
    "rustbpe batch": encode_rustbpe_batch,
}
