"""With many tokens, where a rule made for small ones no longer hides."""

import pytest
import torch

from groundup.testing import assert_close
from s07_decoding import token_probabilities


@pytest.mark.parametrize("top_k", [None, 50, 300])
@pytest.mark.parametrize("top_p", [None, 0.5, 0.95])
def test_filters_of_a_large_vocabulary(draw, top_k, top_p):
    logits = 3 * draw.normal(2, 1_000)
    scaled = logits.double() / 0.7
    order = scaled.argsort(dim=-1, descending=True)
    ranked = scaled.gather(-1, order)[:, : top_k or 1_000].softmax(dim=-1)
    if top_p is not None:
        ranked = ranked.masked_fill(ranked.cumsum(dim=-1) - ranked >= top_p, 0)
    expected = torch.zeros_like(scaled).scatter(-1, order[:, : top_k or 1_000], ranked)
    expected = expected / expected.sum(dim=-1, keepdim=True)
    found = token_probabilities(logits, temperature=0.7, top_k=top_k, top_p=top_p)
    # At the border of top-p, rounding may take one token more or fewer.
    assert_close(found, expected.float(), "sorted, summed and cut in float64", atol=3e-5)
