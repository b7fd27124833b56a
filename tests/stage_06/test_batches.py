import tracemalloc

import numpy as np
import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s06_training import sample_batch


def batch(tokens, batch_size, context_length, seed=3, device="cpu"):
    generator = torch.Generator().manual_seed(seed)
    return sample_batch(tokens, batch_size, context_length, device=device, generator=generator)


def ids(draw, count):
    """Ids of which none comes twice, so that each window shows where it starts; a third of them
    is above 32,767."""
    return draw.distinct(50_000, count).numpy().astype(np.uint16)


def test_two_batches_of_one_generator(draw):
    tokens, generator = ids(draw, 37), torch.Generator().manual_seed(3)
    torch.manual_seed(4)
    parts = {}
    for name in ("first", "second"):
        inputs, targets = sample_batch(tokens, 7, 5, device="cpu", generator=generator)
        parts |= {f"{name} inputs": inputs, f"{name} targets": targets}
    check(parts)


def test_batches_of_the_shortest_file(draw):
    tokens = ids(draw, 6)
    check(
        {
            "inputs": outcome(lambda: batch(tokens, 3, 5)[0]),
            "targets": outcome(lambda: batch(tokens, 3, 5)[1]),
            "one id less": outcome(lambda: batch(tokens[1:], 3, 5)[0]),
        }
    )


def test_what_a_batch_asks_of_its_machine(tmp_path):
    path = tmp_path / "ids.bin"
    with path.open("wb") as file:
        file.truncate(2 * 1_000_000)  # a hole: no disk is used
    tokens = np.memmap(path, np.uint16, mode="r")
    tracemalloc.start()
    inputs, targets = batch(tokens, 4, 16, device="meta")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    check(
        {
            "memory": "the windows" if peak < 1_000_000 else "the file",
            "devices": [inputs.device.type, targets.device.type],
            "dtypes": [str(inputs.dtype), str(targets.dtype)],
        }
    )


def test_targets_are_the_inputs_one_token_later():
    inputs, targets = batch(np.arange(100, 150, dtype=np.uint16), 8, 5)
    assert inputs.shape == targets.shape == (8, 5)
    assert_close(targets, inputs + 1, "in 100, 101, 102, … the next token is one more")
    assert_close(inputs, inputs[:, :1] + torch.arange(5), "a window is consecutive")


@pytest.mark.points(2)
def test_starts_come_from_one_draw_of_the_generator():
    tokens, generator = np.arange(30, dtype=np.uint16), torch.Generator().manual_seed(3)
    starts = torch.randint(30 - 5, (16,), generator=generator)
    inputs, _ = batch(tokens, 16, 5)
    assert_close(inputs[:, 0], starts, "torch.randint(count - context_length, (batch_size,))")


def test_a_file_of_one_window_has_one_start():
    inputs, targets = batch(np.arange(6, dtype=np.uint16), 4, 5)
    expected = torch.arange(5).expand(4, 5)
    assert_close(inputs, expected, "6 ids and context_length 5: every window starts at 0")
    assert_close(targets, expected + 1, "… and ends with the last id")


def test_every_start_is_drawn_equally_often():
    inputs, _ = batch(np.arange(9, dtype=np.uint16), 4000, 5)
    counts = torch.bincount(inputs[:, 0], minlength=5)
    assert counts.shape == (5,) and counts[4] == 0, "9 ids and context_length 5: starts 0 to 3"
    # Five standard deviations of a binomial count: 5 √(4000 · 1/4 · 3/4) = 137.
    assert (counts[:4] - 1000).abs().max() < 137, f"counts of the starts: {counts.tolist()}"


def test_the_generator_alone_decides():
    tokens = np.arange(1000, dtype=np.uint16)
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, again, other = (batch(tokens, 8, 5, seed)[0] for seed in (3, 3, 4))
    assert_close(again, first, "the same seed gives the same windows")
    assert not torch.equal(other, first), "another seed gives other windows"
    assert torch.equal(torch.get_rng_state(), state), "torch's own generator was used"


def test_the_next_batch_is_another_one():
    tokens, generator = np.arange(1000, dtype=np.uint16), torch.Generator().manual_seed(3)
    first, second = (
        sample_batch(tokens, 8, 5, device="cpu", generator=generator)[0] for _ in range(2)
    )
    assert not torch.equal(first, second), "the generator has to move on"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int64])
def test_batches_are_int64_on_the_device(dtype):
    for tensor in batch(np.arange(20, dtype=dtype), 2, 5, device="meta"):
        assert (tensor.dtype, tensor.device.type) == (torch.int64, "meta")


def test_large_ids_keep_their_value():
    inputs, targets = batch(np.array([65_535, 40_000, 65_534], dtype=np.uint16), 1, 2)
    assert_close(inputs, torch.tensor([[65_535, 40_000]]), "uint16 ids above 32,767")
    assert_close(targets, torch.tensor([[40_000, 65_534]]), "uint16 ids above 32,767")


def largest_allocation(function):
    """The most that NumPy held at once, or that one operation of torch asked for, in bytes."""
    tracemalloc.start()
    function()
    _, numpy_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        function()
    return max([numpy_peak, *(event.cpu_memory_usage for event in profile.events())])


def test_only_the_windows_are_read(tmp_path):
    path = tmp_path / "large.bin"
    with path.open("wb") as file:
        file.truncate(2 * 20_000_000)  # a hole of 40 MB: no disk is used
    tokens = np.memmap(path, np.uint16, mode="r")
    found = largest_allocation(lambda: batch(tokens, 4, 16))
    assert found < 1_000_000, f"a batch of 4 windows of 16 took {found:,} bytes of memory"


def test_too_few_tokens_are_refused():
    with pytest.raises(ValueError, match="6"):
        batch(np.arange(5, dtype=np.uint16), 2, 5)
