"""Measures the ladder of guide 01 on a text file, rung by rung, on the reference.

    python guides/figures/measure_01.py TEXT [--record]

The slow rungs see the first megabyte and learn few merges; each next one must learn the same.
With --record the seconds are kept for the figure.
"""

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import regex

from groundup import reference

reference.activate(reference.parse("1"))
from s01_bpe import PRETOKEN_PATTERN, Tokenizer, encode_file, train_bpe  # noqa: E402
from s01_bpe.training import Words, learn_merges  # noqa: E402

HERE, SPECIAL = Path(__file__).parent, "<|endoftext|>"
FEW, MANY = 100, 9743
Word = tuple[bytes, ...]


def pretokens_of(text: str) -> Iterator[str]:
    for segment in text.split(SPECIAL):
        yield from regex.findall(PRETOKEN_PATTERN, segment)


def merged(word: Word, pair: tuple[bytes, bytes]) -> Word:
    out, place = [], 0
    while place < len(word):
        width = 2 if word[place : place + 2] == pair else 1
        out.append(b"".join(word[place : place + width]))
        place += width
    return tuple(out)


def count_anew(words: list[tuple[Word, int]], num_merges: int) -> list[tuple[bytes, bytes]]:
    """The definition: all pairs of all words before each merge."""
    merges = []
    while len(merges) < num_merges:
        counts: Counter[tuple[bytes, bytes]] = Counter()
        for word, count in words:
            for pair in pairwise(word):
                counts[pair] += count
        merges.append(max(counts, key=lambda pair: (counts[pair], pair)))
        words = [(merged(word, merges[-1]), count) for word, count in words]
    return merges


def as_bytes(text: str) -> Word:
    return tuple(bytes([byte]) for byte in text.encode())


def naive(text: str, num_merges: int) -> list[tuple[bytes, bytes]]:
    return count_anew([(as_bytes(word), 1) for word in pretokens_of(text)], num_merges)


def words_once(text: str, num_merges: int) -> list[tuple[bytes, bytes]]:
    counts = Counter(pretokens_of(text))
    return count_anew([(as_bytes(word), count) for word, count in counts.items()], num_merges)


def counted(text: str) -> dict[bytes, int]:
    return {word.encode(): count for word, count in Counter(pretokens_of(text)).items()}


def index(text: str, num_merges: int) -> list[tuple[bytes, bytes]]:
    """Only words with the pair change; the greatest pair is still looked for among all."""
    words, tokens = Words(counted(text)), [bytes([byte]) for byte in range(256)]
    merges = []
    for _ in range(num_merges):
        ranked = (
            (count, tokens[ord(p[0])], tokens[ord(p[1])], p) for p, count in words.counts.items()
        )
        count, first, second, best = max(ranked)
        if not count:
            break
        merges.append((first, second))
        tokens.append(b"".join(merges[-1]))
        words.merge(best, chr(len(tokens) - 1))
    return merges


def heap(text: str, num_merges: int) -> list[tuple[bytes, bytes]]:
    return learn_merges(counted(text), num_merges)


def chunks(path: Path, num_workers: int) -> list[tuple[bytes, bytes]]:
    return train_bpe(path, 257 + MANY, [SPECIAL], num_workers=num_workers)[1]


def encode_each(text: str, tokenizer: Tokenizer, remember: Callable[..., Any]) -> list[int]:
    ranks = {pair: rank for rank, pair in enumerate(tokenizer.merges)}
    ids = {token: token_id for token_id, token in tokenizer.vocab.items()}

    @remember
    def encode(pretoken: str) -> list[int]:
        word = as_bytes(pretoken)
        while known := [pair for pair in pairwise(word) if pair in ranks]:
            word = merged(word, min(known, key=ranks.__getitem__))
        return [ids[token] for token in word]

    found = []
    for place, segment in enumerate(text.split(SPECIAL)):
        found += [tokenizer.special_tokens[SPECIAL]] if place else []
        for pretoken in regex.findall(PRETOKEN_PATTERN, segment):
            found += encode(pretoken)
    return found


def encode_whole(path: Path, tokenizer: Tokenizer) -> list[int]:
    with tempfile.TemporaryDirectory() as folder:
        return encode_file(tokenizer, path, Path(folder, "ids.bin")).tolist()


def timed(run: Callable[[], list[Any]]) -> tuple[float, list[Any]]:
    start = time.perf_counter()
    result = run()
    return time.perf_counter() - start, result


def compare(what: str, rungs: dict[str, Callable[[], list[Any]]], repeats: int) -> dict[str, float]:
    """The least time of each; all must give the same."""
    print(what)
    seconds: dict[str, list[float]] = {name: [] for name in rungs}
    for _ in range(repeats):
        results = []
        for name, run in rungs.items():
            taken, result = timed(run)
            seconds[name].append(taken)
            results.append(result)
        assert all(result == results[0] for result in results)
    best = {name: round(min(times), 3) for name, times in seconds.items()}
    for name, least in best.items():
        print(f"{least:10.3f} s  {name}")
    return best


def main(path: Path) -> None:
    text = path.read_bytes().decode()
    beginning = text[:1_000_000]
    tokenizer = Tokenizer(*train_bpe(path, 257 + MANY, [SPECIAL]), [SPECIAL])
    slow = {"naive": naive, "words once": words_once, "inverted index": index, "heap": heap}
    few = {name: partial(run, beginning, FEW) for name, run in slow.items()}
    more = {name: partial(slow[name], text, 1000) for name in ("inverted index", "heap")}
    many = {"heap": partial(heap, text, MANY), "chunks": partial(chunks, path, 1)}
    many["two processes"] = partial(chunks, path, 2)
    encode = {
        "each pre-token": partial(encode_each, text, tokenizer, lambda function: function),
        "remembered": partial(encode_each, text, tokenizer, cache),
        "chunks": partial(encode_whole, path, tokenizer),
    }
    found = {
        "megabytes": round(path.stat().st_size / 1e6, 1),
        "few": compare(f"{FEW} merges of the first {len(beginning) / 1e6:.1f} MB", few, 1),
        "more": compare("1,000 merges of all", more, 1),
        "many": compare(f"{MANY:,} merges of all", many, 3),
        "encode": compare("encode all", encode, 1),
    }
    if "--record" not in sys.argv:
        return
    (HERE / "01_ladder.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
