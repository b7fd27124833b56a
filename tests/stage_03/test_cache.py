import torch

from groundup.testing import assert_close
from s03_attention_rope import CausalSelfAttention, RotaryEmbedding

SLOTS = 9


class Slots:
    """A cache with room for 9 positions: what is not filled yet is in the way, and hidden."""

    def __init__(self):
        self.keys, self.values = torch.full((2, 2, 3, SLOTS, 8), 9.0)
        self.filled = 0

    def update(self, k, v, positions):
        first, self.filled = self.filled, self.filled + k.shape[-2]
        self.keys[:, :, first : self.filled], self.values[:, :, first : self.filled] = k, v
        last = torch.arange(first, self.filled)[:, None]
        return self.keys, self.values, torch.arange(SLOTS) <= last


def test_self_attention_never_sees_the_empty_slots_of_a_cache(draw):
    attention = CausalSelfAttention(24, 3, RotaryEmbedding(8, 64))
    draw.weights(attention)
    x, cache = draw.normal(2, 6, 24), Slots()
    with torch.no_grad():
        pieces = [
            attention(x[:, a:b], torch.arange(a, b), cache) for a, b in [(0, 3), (3, 4), (4, 6)]
        ]
        expected = attention(x)
    why = "in pieces of 3, 1 and 2, with a cache whose mask hides its empty slots"
    assert_close(torch.cat(pieces, dim=1), expected, why, atol=2e-6)
