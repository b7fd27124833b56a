"""Stage 01's reference beside the tools it must agree with."""

import base64
import importlib.util
import random
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import tiktoken
import tokenizers

from groundup.corpus import write_corpus

SPECIAL_TOKENS = ["<|endoftext|>", "<|a|><|a|>", "<|a|>"]
PARTS = [
    *["a", "aa", "the", "crow", "'", "'s", "'l", "l", "'r", "e", "1", "12", "²", "!", "\\", "_"],
    *[" ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u0085", "\x1c", "\0", "\u200d"],
    *["é", "e\u0301", "ß", "日本", "🙃", "<|", "|>", "<|endoftext|>", "<|a|>", "<|endo", "ftext|>"],
]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "stories.txt"
    write_corpus(path, num_stories=200, seed=0)
    return path


@pytest.fixture(scope="module")
def tokenizer(bpe, corpus):
    return bpe.Tokenizer(*bpe.train_bpe(corpus, 700, SPECIAL_TOKENS), SPECIAL_TOKENS)


def hostile_texts(count, seed):
    rng = random.Random(seed)
    return ["".join(rng.choices(PARTS, k=rng.randrange(30))) for _ in range(count)]


def test_tokenizers_reads_our_files_and_gives_the_same_ids(tokenizer, corpus, tmp_path):
    tokenizer.save(tmp_path)
    model = tokenizers.models.BPE.from_file(
        str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt")
    )
    peer = tokenizers.Tokenizer(model)
    peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    peer.decoder = tokenizers.decoders.ByteLevel()
    peer.add_special_tokens(SPECIAL_TOKENS)
    assert peer.get_vocab_size() == len(tokenizer.vocab)
    for text in [corpus.read_text(encoding="utf-8"), *hostile_texts(500, seed=1)]:
        ids = tokenizer.encode(text)
        assert peer.encode(text).ids == ids, repr(text)
        assert peer.decode(ids, skip_special_tokens=False) == text


def test_tokens_written_by_tokenizers_are_read_by_us(bpe, corpus, tmp_path):
    peer = tokenizers.ByteLevelBPETokenizer()
    peer.train(str(corpus), vocab_size=600, show_progress=False)
    peer.save_model(str(tmp_path))
    ours = bpe.Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert len(ours.vocab) == peer.get_vocab_size()
    for text in hostile_texts(200, seed=2):
        assert ours.encode(text) == peer.encode(text).ids, repr(text)


@pytest.mark.parametrize("piece_bytes", [1, 7, 100])
def test_a_file_may_be_cut_into_pieces_of_any_size(
    bpe, tokenizer, tmp_path, monkeypatch, piece_bytes
):
    monkeypatch.setattr(sys.modules[f"{bpe.__name__}.pieces"], "PIECE_BYTES", piece_bytes)
    path = tmp_path / "text.txt"
    for text in hostile_texts(60, seed=3):
        path.write_bytes(text.encode())
        ids = bpe.encode_file(tokenizer, path, tmp_path / "ids.bin", num_workers=1)
        assert ids.tolist() == tokenizer.encode(text), repr(text)


def test_what_is_before_a_safe_cut_never_changes(bpe, tokenizer):
    for start, end in pairwise(hostile_texts(2000, seed=4)):
        cut = tokenizer.pretokenizer.last_cut(start)
        parts = tokenizer.encode(start[:cut]) + tokenizer.encode(start[cut:] + end)
        assert tokenizer.encode(start + end) == parts, f"{start!r} cut at {cut}, then {end!r}"


def test_a_pool_of_spawned_processes_works_under_python_m_pytest(run):
    tests = ["tests/stage_01/test_token_files.py", "-k", "workers_do_not_change"]
    result = run("pytest", *tests, "--reference=1", "-q")
    assert result.returncode == 0, result.stdout
    assert "2 passed" in result.stdout


def test_two_merges_may_make_the_same_token(bpe):
    """Training never learns such merges, but a foreign merges.txt may hold them."""
    merges = [(b"b", b"c"), (b"a", b"bc"), (b"a", b"b"), (b"ab", b"c"), (b"abc", b"d")]
    tokens = [bytes([byte]) for byte in range(256)] + [b"bc", b"abc", b"ab", b"abcd"]
    tokenizer = bpe.Tokenizer(dict(enumerate(tokens)), merges)
    assert tokenizer.encode("abcd") == [259]
    assert tokenizer.encode("abc") == [257]


def test_merges_that_are_not_text_are_refused_by_name(bpe, tmp_path):
    (tmp_path / "vocab.json").write_text("{}", encoding="utf-8")
    (tmp_path / "merges.txt").write_bytes(b"a \xff")
    with pytest.raises(ValueError, match=r"merges\.txt is not a merges\.txt"):
        bpe.Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")


WHISPER = importlib.util.find_spec("whisper")  # found, not imported


@pytest.mark.skipif(WHISPER is None, reason='pip install -e ".[gpt2]" brings the vocabulary')
def test_the_vocabulary_of_gpt2_gives_the_ids_of_gpt2(bpe, tmp_path):
    file = Path(WHISPER.submodule_search_locations[0], "assets", "gpt2.tiktoken")
    lines = [line.split() for line in file.read_bytes().splitlines()]
    ranks = {base64.b64decode(token): int(rank) for token, rank in lines}
    peer = tiktoken.Encoding(
        "gpt2", pat_str=bpe.PRETOKEN_PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    merges = [
        tuple(parts_of(token, ranks, rank)) for token, rank in ranks.items() if len(token) > 1
    ]
    vocab = {rank: token for token, rank in ranks.items()}
    bpe.Tokenizer(vocab, merges).save(tmp_path)
    tokenizer = bpe.Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert tokenizer.encode("Hello, how are you?") == [15496, 11, 703, 389, 345, 30]
    for text in hostile_texts(500, seed=5):
        assert tokenizer.encode(text) == peer.encode_ordinary(text), repr(text)


def parts_of(token, ranks, rank):
    """The two tokens that were merged into `token`: what the earlier merges leave of it."""
    parts = [bytes([byte]) for byte in token]
    while True:
        pairs = [a + b for a, b in pairwise(parts)]
        first = min(pairs, key=lambda pair: ranks.get(pair, rank))
        if ranks.get(first, rank) >= rank:
            return parts
        place = pairs.index(first)
        parts[place : place + 2] = [first]


def test_a_vocab_with_one_id_twice_is_refused(bpe, tmp_path):
    (tmp_path / "vocab.json").write_text('{"a": 0, "b": 1, "c": 1}', encoding="utf-8")
    (tmp_path / "merges.txt").write_text("", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocab\.json is not .*: it has 3 tokens, but only 2 ids"):
        bpe.Tokenizer.from_files(tmp_path / "vocab.json", tmp_path / "merges.txt")
