"""At the sizes of real models, where a rule made for small ones no longer hides."""

import torch

from groundup.testing import assert_close
from s03_attention_rope import RotaryEmbedding
from s04_transformer import ModelConfig, TransformerBlock, TransformerLM


def part(weights, prefix):
    return {
        name.removeprefix(prefix): value
        for name, value in weights.items()
        if name.startswith(prefix)
    }


def test_each_of_twelve_layers_is_a_whole_block(draw):
    config = ModelConfig(
        vocab_size=31, context_length=64, d_model=16, num_layers=12, num_heads=2, d_ff=24
    )
    model, token_ids = TransformerLM(config), draw.integers(0, 31, 2, 40)
    draw.weights(model)
    weights, rope = model.state_dict(), RotaryEmbedding(8, 64)
    x = weights["embed_tokens.weight"][token_ids]
    for i in range(12):
        block = TransformerBlock(config, rope)
        block.load_state_dict(part(weights, f"layers.{i}."))
        x = block(x)
    scale = torch.rsqrt(x.square().mean(dim=-1, keepdim=True) + config.norm_eps)
    expected = x * scale * weights["norm.weight"] @ weights["lm_head.weight"].T
    assert_close(model(token_ids), expected, "12 blocks that share one rope", atol=2e-4)


def test_a_long_context_reads_a_prefix_as_if_it_were_alone(draw):
    config = ModelConfig(
        vocab_size=50_257, context_length=1100, d_model=8, num_layers=2, num_heads=1, d_ff=16
    )
    model, token_ids = TransformerLM(config).eval(), draw.integers(0, 50_257, 1, 1100)
    draw.weights(model)
    with torch.no_grad():
        inner = model(token_ids)[:, [0, 700, 1050]]
        for place, length in enumerate((1, 701, 1051)):
            alone = model(token_ids[:, :length])[:, -1]
            assert_close(inner[:, place], alone, f"its first {length} tokens alone", atol=2e-4)


def test_sequences_of_other_lengths_and_batches_may_follow_each_other(draw):
    config = ModelConfig(
        vocab_size=31, context_length=16, d_model=16, num_layers=2, num_heads=2, d_ff=24
    )
    model, token_ids = TransformerLM(config).eval(), draw.integers(0, 31, 3, 9)
    draw.weights(model)
    whole, fresh = model(token_ids), TransformerLM(config).eval()
    fresh.load_state_dict(model.state_dict())
    for batch, seq in ((1, 3), (3, 9), (2, 1), (3, 5)):
        why = f"{batch} sequences of {seq} tokens, after others"
        assert_close(fresh(token_ids[:batch, :seq]), whole[:batch, :seq], why, atol=1e-4)
