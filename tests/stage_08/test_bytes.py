import pytest

from groundup.testing import assert_close, check, keys
from s04_transformer import ModelConfig
from s08_benchmarking import Device, forward_flops, moved_bytes, predict_step

# No two sizes are equal, so that none can stand in for another.
SIZES = {"vocab_size": 101, "context_length": 16, "d_model": 36, "num_layers": 5, "num_heads": 3}
OPERATIONS = ("q_proj", "k_proj", "v_proj", "scores", "weighted_values", "o_proj", "ffn", "lm_head")
CASES = [
    ({}, 7, 11),
    ({"ffn": "silu", "tie_embeddings": True}, 2, 9),
    ({"num_heads": 2, "num_layers": 3}, 4, 13),
    ({"d_model": 42, "d_ff": 61, "vocab_size": 89}, 6, 5),
]


def config(**changes):
    return ModelConfig(**(SIZES | {"d_ff": 52} | changes))


def worked_example():
    return ModelConfig(
        vocab_size=10_000, context_length=256, d_model=512, num_layers=4, num_heads=16, d_ff=1344
    )


@pytest.mark.parametrize(("dtype", "size"), [("float32", 4), ("tf32", 4), ("bfloat16", 2)])
def test_bytes_of_a_product_are_its_operands_and_its_result(dtype, size):
    found = moved_bytes(config(), 7, 11, dtype)
    numbers = 77 * 36 + 36 * 101 + 77 * 101
    assert_close(found["lm_head"], numbers * size, "(77, 36) times (36, 101) gives (77, 101)")


def test_bytes_of_attention_are_moved_by_each_head():
    found = moved_bytes(config(), 7, 11, "float32")
    numbers = 5 * 7 * 3 * (2 * 11 * 12 + 11 * 11)
    why = "5 layers of 7 sequences of 3 heads: (11, 12) times (12, 11)"
    assert_close(found["scores"], numbers * 4, why)
    assert_close(found["weighted_values"], numbers * 4, "(11, 11) times (11, 12)")


@pytest.mark.points(2)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_bytes_moved_by_operation(dtype):
    found = [moved_bytes(config(**changes), batch, seq, dtype) for changes, batch, seq in CASES]
    observation = {name: [moved.get(name, -1) for moved in found] for name in OPERATIONS}
    check(keys(set().union(*found), OPERATIONS) | observation)


def test_scores_do_few_flop_for_each_byte():
    flops = forward_flops(worked_example(), 32, 256)
    moved = moved_bytes(worked_example(), 32, 256, "bfloat16")
    # 2 · 256 · 32 · 256 FLOP, and 2 · (2 · 256 · 32 + 256 · 256) bytes, for each head.
    assert_close(flops["scores"] / moved["scores"], 25.6, "arithmetic intensity", rtol=1e-12)
    # Tokens 8,192: 2 · 512 · 512 FLOP and 2 · (2 · 512 + 512 · 512 / 8,192) bytes for each.
    found = flops["o_proj"] / moved["o_proj"]
    assert_close(found, 524_288 / 2112, "arithmetic intensity of a projection", rtol=1e-12)


def test_a_step_moves_the_bytes_of_three_forward_passes():
    slow = Device(name="test", peak_flops={"float32": 1e40}, bandwidth=1e6, source="this test")
    seconds = predict_step(config(), 7, 11, slow, "float32").seconds
    moved = moved_bytes(config(), 7, 11, "float32")
    found = {name: seconds[name] * 1e6 / moved[name] for name in OPERATIONS}
    for name, ratio in found.items():
        assert_close(ratio, 3.0, f"{name}: forward, and twice backward", rtol=1e-9)


@pytest.mark.parametrize("dtype", ["float64", "float16", "int8"])
def test_moved_bytes_refuses_an_unknown_dtype(dtype):
    with pytest.raises(ValueError, match=dtype):
        moved_bytes(config(), 7, 11, dtype)
