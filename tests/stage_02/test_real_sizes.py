"""At the sizes of real models, where a rule made for small ones no longer hides."""

import torch

from groundup.testing import assert_close, load_weights
from s02_layers import Embedding, Linear, RMSNorm, SwiGLU, cross_entropy, softmax

FUNCTIONAL = torch.nn.functional


def test_a_wide_linear_agrees_with_torch(draw):
    x, weight = draw.normal(2, 3, 2048), draw.normal(32, 2048, scale=2048**-0.5)
    layer = Linear(2048, 32)
    load_weights(layer, {"weight": weight})
    assert_close(layer(x), FUNCTIONAL.linear(x, weight), "F.linear, d_in = 2048", atol=1e-4)


def test_a_large_embedding_finds_its_last_rows():
    layer, token_ids = Embedding(50_257, 16), torch.tensor([[0, 50_256], [32_768, 33_000]])
    rows = layer.state_dict()["weight"][token_ids]
    assert_close(layer(token_ids), rows, "rows of a table of 50,257")


def test_rmsnorm_of_a_wide_stream_agrees_with_torch(draw):
    x, gain = draw.normal(2, 3, 8192), 1 + draw.normal(8192, scale=0.3)
    layer = RMSNorm(8192, eps=1e-2)
    load_weights(layer, {"weight": gain})
    expected = FUNCTIONAL.rms_norm(x, (8192,), gain, 1e-2)
    assert_close(layer(x), expected, "F.rms_norm, d_model = 8192", atol=1e-5)


def test_a_wide_swiglu_agrees_with_torch(draw):
    x, layer = 3 * draw.normal(2, 512), SwiGLU(512, 1376)
    draw.weights(layer)
    gate, up, down = (layer.state_dict()[f"{name}.weight"] for name in ("gate", "up", "down"))
    inner = FUNCTIONAL.silu(FUNCTIONAL.linear(x, gate)) * FUNCTIONAL.linear(x, up)
    assert_close(layer(x), FUNCTIONAL.linear(inner, down), "down(F.silu(gate) · up)", atol=2e-4)


def test_softmax_of_a_large_vocabulary_agrees_with_torch(draw):
    x = 4 * draw.normal(2, 5_000)
    assert_close(softmax(x, dim=-1), x.softmax(dim=-1), "torch.softmax of 5,000", rtol=1e-4)


def test_a_large_vocabulary_agrees_with_torch(draw):
    logits, targets = 4 * draw.normal(2, 3, 50_257), draw.integers(0, 50_257, 2, 3)
    expected = FUNCTIONAL.cross_entropy(logits.flatten(0, 1), targets.flatten())
    assert_close(cross_entropy(logits, targets), expected, "F.cross_entropy", rtol=1e-4)
