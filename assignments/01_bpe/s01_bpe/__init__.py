"""Stage 01: byte-pair encoding, from text to token ids and back."""

from .adapter import PRETOKEN_PATTERN, Tokenizer, encode_file, open_tokens, to_tiktoken, train_bpe

__all__ = [
    "PRETOKEN_PATTERN",
    "Tokenizer",
    "encode_file",
    "open_tokens",
    "to_tiktoken",
    "train_bpe",
]
