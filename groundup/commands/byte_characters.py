"""The characters that GPT-2's files write for the 256 bytes (Radford et al. 2019)."""


def byte_of_each() -> dict[str, int]:
    """`bytes_to_unicode` the other way round."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    characters = [chr(byte) for byte in printable]
    characters += [chr(256 + place) for place in range(len(others))]
    return dict(zip(characters, printable + others, strict=True))
