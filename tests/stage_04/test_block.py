import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s03_attention_rope import RotaryEmbedding
from s04_transformer import ModelConfig, TransformerBlock

POSITIONS = torch.tensor([3, 0, 7, 7, 1, 12])


def given(draw, **changes):
    """A block whose gains are not 1, and an x whose mean is not 0."""
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    config = ModelConfig(**sizes, num_layers=3, num_heads=3, **changes)
    block = TransformerBlock(config, RotaryEmbedding(8, 16))
    draw.weights(block)
    return block, draw.normal(2, 6, 24) + 0.3


class SeesAll:
    """A cache that lets every position see every other, and doubles the values."""

    def update(self, k, v, positions):
        return k, 2 * v, torch.ones(k.shape[-2], k.shape[-2], dtype=torch.bool)


def gradient(block, x, cotangent):
    leaf = x.clone().requires_grad_()
    (block(leaf, POSITIONS) * cotangent).sum().backward()
    return leaf.grad


KINDS = {
    "default": {},
    "post_norm": {"norm": "post"},
    "no_norm": {"norm": "none"},
    "silu": {"ffn": "silu"},
}


@pytest.mark.points(2)
@pytest.mark.parametrize("kind", KINDS)
def test_output_of_one_block(draw, give_weights, kind):
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    config = ModelConfig(**sizes, num_layers=3, num_heads=3, norm_eps=0.3, **KINDS[kind])
    block = give_weights(TransformerBlock(config, RotaryEmbedding(8, 16)), config)
    x = draw.normal(2, 6, 24) + 0.3
    cotangent = draw.normal(2, 6, 24)
    slope = outcome(lambda: gradient(block, x, cotangent))
    with_cache = block(x.clone(), POSITIONS, SeesAll())
    output = block(x, POSITIONS)
    observed = {"output": output, "output with a cache": with_cache, "x afterwards": x}
    check({**observed, "gradient of x": slope}, atol=1e-5, rtol=1e-5)


def test_block_adds_each_sublayer_of_the_normed_stream_to_the_stream(draw):
    block, x = given(draw)
    y = x + block.attn(block.attn_norm(x), POSITIONS)
    expected = y + block.ffn(block.ffn_norm(y))
    why = "y = x + attn(attn_norm(x)), then y + ffn(ffn_norm(y)), with your own submodules"
    assert_close(block(x, POSITIONS), expected, why, atol=5e-6)


def test_block_with_post_norm(draw):
    block, x = given(draw, norm="post")
    y = block.attn_norm(x + block.attn(x, POSITIONS))
    expected = block.ffn_norm(y + block.ffn(y))
    why = "y = attn_norm(x + attn(x)), then ffn_norm(y + ffn(y)), with your own submodules"
    assert_close(block(x, POSITIONS), expected, why, atol=5e-6)


def test_block_without_norms(draw):
    block, x = given(draw, norm="none")
    y = x + block.attn(x, POSITIONS)
    assert_close(block(x, POSITIONS), y + block.ffn(y), "x + attn(x), y + ffn(y)", atol=5e-6)


def test_block_norms_use_the_eps_of_the_configuration(draw):
    block, x = given(draw, norm_eps=0.5)
    for norm in (block.attn_norm, block.ffn_norm):
        expected = torch.nn.functional.rms_norm(x, (24,), norm.weight, eps=0.5)
        assert_close(norm(x), expected, "RMSNorm with norm_eps 0.5", atol=2e-6)


def test_block_feed_forward_is_swiglu_by_default(draw):
    block, x = given(draw)
    ffn = block.ffn
    gated = torch.nn.functional.silu(x @ ffn.gate.weight.T) * (x @ ffn.up.weight.T)
    assert_close(ffn(x), gated @ ffn.down.weight.T, "down(silu(gate(x)) · up(x))", atol=1e-5)


def test_block_feed_forward_without_a_gate(draw):
    block, x = given(draw, ffn="silu")
    hidden = torch.nn.functional.silu(x @ block.ffn.up.weight.T)
    assert_close(block.ffn(x), hidden @ block.ffn.down.weight.T, "down(silu(up(x)))", atol=1e-5)


def test_block_without_rope_is_the_same_at_any_positions(draw):
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    block = TransformerBlock(ModelConfig(**sizes, num_layers=3, num_heads=3))
    x = draw.normal(2, 6, 24)
    assert_close(block(x, POSITIONS), block(x), "rope is None: positions change nothing")


def test_block_hands_the_cache_to_its_attention(draw):
    block, x = given(draw)
    calls = []

    class Recorder:
        def update(self, k, v, positions):
            calls.append((tuple(k.shape), tuple(v.shape), positions.tolist()))
            return k, v, torch.ones(6, 6).bool().tril()

    y = block(x, POSITIONS, Recorder())
    assert calls == [((2, 3, 6, 8), (2, 3, 6, 8), POSITIONS.tolist())]
    assert_close(y, block(x, POSITIONS), "a cache that only looks on", atol=1e-6)


def test_block_takes_any_leading_axes(draw):
    block, x = given(draw)
    assert_close(block(x[1]), block(x)[1], "one sequence, no batch axis", atol=5e-6)


@pytest.mark.parametrize("norm", ["pre", "post", "none"])
@pytest.mark.parametrize("ffn", ["swiglu", "silu"])
def test_block_parameters_are_those_of_its_configuration(draw, norm, ffn):
    block, _ = given(draw, norm=norm, ffn=ffn)
    expected = {f"attn.{name}_proj.weight": (24, 24) for name in "qkvo"}
    expected |= {"ffn.up.weight": (40, 24), "ffn.down.weight": (24, 40)}
    if ffn == "swiglu":
        expected["ffn.gate.weight"] = (40, 24)
    if norm != "none":
        expected |= {"attn_norm.weight": (24,), "ffn_norm.weight": (24,)}
    assert {name: tuple(p.shape) for name, p in block.named_parameters()} == expected


def test_names_and_shapes_of_the_parameters_of_a_block():
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    sizes |= {"num_layers": 3, "num_heads": 3}
    observed = {}
    for kind, changes in KINDS.items():
        block = TransformerBlock(ModelConfig(**sizes, **changes), RotaryEmbedding(8, 16))
        found = [f"{name} {tuple(p.shape)}" for name, p in block.named_parameters()]
        observed[kind] = ", ".join(sorted(found))
    check(observed)


@pytest.mark.parametrize("ffn", ["swiglu", "silu"])
def test_where_the_parameters_of_a_block_are(ffn):
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    config = ModelConfig(**sizes, num_layers=3, num_heads=3, ffn=ffn)
    block = TransformerBlock(config, device="meta", dtype=torch.float64)
    found = [f"{name} {p.device.type} {p.dtype}" for name, p in block.named_parameters()]
    check(", ".join(sorted(found)))


@pytest.mark.parametrize("ffn", ["swiglu", "silu"])
def test_block_hands_device_and_dtype_to_its_layers(ffn):
    sizes = {"vocab_size": 23, "context_length": 16, "d_model": 24, "d_ff": 40}
    config = ModelConfig(**sizes, num_layers=3, num_heads=3, ffn=ffn)
    block = TransformerBlock(config, device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in block.parameters()} == {("meta", torch.float64)}
