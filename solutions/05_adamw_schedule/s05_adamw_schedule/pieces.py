"""Large tensors in pieces that stay in the cache of a CPU while one line after the other runs."""

from collections.abc import Iterable

from torch import Tensor

NUMBERS = 2**18


def pieces(*tensors: Tensor) -> Iterable[tuple[Tensor, ...]]:
    """The same part of each tensor, one part after the other; what is small is one part.

    On a GPU, where every call takes time, so is all else.
    """
    first = tensors[0]
    if first.device.type != "cpu" or first.numel() <= NUMBERS:
        return [tensors]
    if not all(each.is_contiguous() for each in tensors):
        return [tensors]
    return zip(*(each.view(-1).split(NUMBERS) for each in tensors), strict=True)
