import pytest

from groundup.testing import assert_close, check, keys, outcome
from s04_transformer import ModelConfig
from s08_benchmarking import (
    DEVICES,
    Device,
    count_parameters,
    largest_batch,
    memory_by_moment,
    training_memory,
)

SIZES = {"vocab_size": 101, "context_length": 16, "d_model": 36, "num_layers": 5, "num_heads": 3}
MOMENTS = ("loss", "backward", "update")
# What is another than in SIZES, batch, seq: the order of the values in an observation.
CASES = [
    ({}, 7, 11),
    ({"norm": "none", "ffn": "silu"}, 5, 13),
    ({"tie_embeddings": True, "num_layers": 3}, 2, 9),
    ({"d_model": 42, "d_ff": 189, "vocab_size": 89}, 1, 5),
    ({"d_model": 48, "d_ff": 31, "vocab_size": 37}, 3, 6),
]


def config(**changes):
    return ModelConfig(**(SIZES | {"d_ff": 52} | changes))


def device(memory):
    return Device(name="test", peak_flops={}, bandwidth=1.0, source="this test", memory=memory)


def need(batch, seq=11, dtype="float32"):
    return max(memory_by_moment(config(), batch, seq, dtype).values())


@pytest.mark.points(2)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_memory_by_moment_in_different_models(dtype):
    observation = {}
    for change, batch, seq in CASES:
        found = memory_by_moment(config(**change), batch, seq, dtype)
        for moment in MOMENTS:
            name = f"{moment} (batch {batch}, seq {seq}, {change or 'nothing changed'})"
            observation[name] = found.get(moment, -1)
    check(keys(found, MOMENTS) | observation)


@pytest.mark.parametrize(("dtype", "size"), [("float32", 8), ("bfloat16", 10)])
def test_the_loss_has_no_gradients_yet_and_two_kinds_of_logits(dtype, size):
    kinds = training_memory(config(), 7, 11, dtype)
    held = kinds["parameters"] + kinds["optimizer_state"] + kinds["activations"]
    found = memory_by_moment(config(), 7, 11, dtype)["loss"]
    assert_close(found, held + size * 7 * 11 * 101, f"{size} bytes for each of 77 · 101 logits")


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_backward_pass_ends_with_the_activations_of_one_block(dtype):
    kept = training_memory(config(), 7, 11, dtype)["activations"]
    found = memory_by_moment(config(), 7, 11, dtype)["backward"]
    expected = 16 * count_parameters(config()) + (kept - 4 * 7 * 11 * 101) // 5
    why = "16 bytes for each parameter, and a fifth of the activations without the loss"
    assert_close(found, expected, why)


@pytest.mark.parametrize(
    ("sizes", "numbers"),
    [({}, 36 * 101), ({"d_ff": 310}, 36 * 310), ({"d_ff": 20, "vocab_size": 30}, 36 * 36)],
    ids=["vocabulary", "feed-forward", "attention"],
)
def test_the_update_holds_one_matrix_more(sizes, numbers):
    found = memory_by_moment(config(**sizes), 7, 11, "bfloat16")["update"]
    expected = 16 * count_parameters(config(**sizes)) + 4 * numbers
    assert_close(found, expected, "AdamW's denominator of the largest matrix")


def test_memory_by_moment_refuses_an_unknown_dtype():
    with pytest.raises(ValueError, match="float16"):
        memory_by_moment(config(), 7, 11, "float16")


def test_the_largest_batch_fits_and_one_more_does_not():
    for memory in (need(5), need(6) - 1):
        found = largest_batch(config(), 11, device(memory), "float32")
        assert_close(found, 5, f"5 sequences need {need(5):,} bytes, 6 {need(6):,}, of {memory:,}")


def test_a_batch_of_many_thousands_is_found_too():
    found = largest_batch(config(), 11, device(need(23_456)), "float32")
    assert_close(found, 23_456, "so much memory is exactly what 23,456 sequences need")


def test_nothing_fits_into_too_little_memory():
    assert_close(
        largest_batch(config(), 11, device(need(1) - 1), "float32"), 0, "a byte is missing"
    )
    assert_close(largest_batch(config(), 11, device(need(1)), "float32"), 1, "one sequence fits")


def test_largest_batches_of_different_memories():
    observation = {}
    for dtype in ("float32", "bfloat16"):
        memories = [800_000, 950_000, 4_000_001, 31_234_567, 98_765_432, need(6, dtype=dtype)]
        found = [largest_batch(config(), 11, device(memory), dtype) for memory in memories]
        observation[dtype] = found
    observation["seq 5"] = largest_batch(config(), 5, device(31_234_567), "float32")
    check(observation)


def test_the_largest_batch_of_a_device_of_unknown_memory_is_not_made_up():
    names = ("m1", "m4-max")
    check(
        {
            name: outcome(lambda name=name: largest_batch(config(), 11, DEVICES[name], "float32"))
            for name in names
        }
    )
