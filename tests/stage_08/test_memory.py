import pytest
import torch

from groundup.testing import assert_close, check, keys
from s04_transformer import ModelConfig, TransformerLM
from s08_benchmarking import peak_memory, training_memory

SIZES = {"vocab_size": 101, "context_length": 16, "d_model": 36, "num_layers": 5, "num_heads": 3}
BATCH, SEQ = 7, 11
MEBI = 2**20
KINDS = ("parameters", "gradients", "optimizer_state", "activations")
# What is another than in SIZES, batch, seq: the order of the values in an observation.
CASES = [
    ({}, 7, 11),
    ({"norm": "post"}, 5, 13),
    ({"norm": "none"}, 7, 10),
    ({"ffn": "silu"}, 3, 14),
    ({"tie_embeddings": True}, 7, 9),
    ({"num_heads": 2, "num_layers": 3}, 4, 11),
    ({"norm": "none", "ffn": "silu", "tie_embeddings": True}, 2, 13),
    ({"d_model": 42, "d_ff": 61, "vocab_size": 89}, 6, 5),
]


def config(**changes):
    return ModelConfig(**(SIZES | {"d_ff": 52} | changes))


@pytest.mark.points(2)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_training_memory_by_kind_in_every_ablation(dtype):
    observation = {}
    for change, batch, seq in CASES:
        found = training_memory(config(**change), batch, seq, dtype)
        for kind in KINDS:
            name = f"{kind} (batch {batch}, seq {seq}, {change or 'nothing changed'})"
            observation[name] = found.get(kind, -1)
    check(keys(found, KINDS) | observation)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_gradients_and_moments_stay_in_float32(dtype):
    model = TransformerLM(config(), device="meta")
    numbers = sum(parameter.numel() for parameter in model.parameters())
    found = training_memory(config(), BATCH, SEQ, dtype)
    assert_close(found["gradients"], 4 * numbers, "4 bytes for each parameter")
    assert_close(found["optimizer_state"], 8 * numbers, "AdamW keeps two moments of 4 bytes each")


def test_mixed_precision_adds_copies_of_the_matrices_of_products():
    def parameters(dtype, tied):
        return training_memory(config(tie_embeddings=tied), BATCH, SEQ, dtype)["parameters"]

    # 5 layers of 4 · 36² + 3 · 36 · 52, and the head of 101 · 36; tied or not, one of them.
    copies = 2 * (5 * (4 * 36**2 + 3 * 36 * 52) + 101 * 36)
    for tied in (False, True):
        added = parameters("bfloat16", tied) - parameters("float32", tied)
        assert_close(added, copies, f"2 bytes for every weight of a product, tied: {tied}")


def test_activations_of_one_layer_worked_by_hand():
    one = ModelConfig(vocab_size=10, context_length=4, d_model=6, num_layers=1, num_heads=1, d_ff=5)
    # T = 2 · 3 = 6 tokens, A = 2 · 1 · 3² = 18 scores; 4 bytes a number.
    layer = 6 * 6 * 6 + 2 * 18 + 5 * 6 * 5  # inputs and q, k, v; softmax twice; gating
    norms = 3 * 2 * 6 * 6  # two in the layer and the final one
    end = 6 * 6 + 6 * 10  # the head's input, the exponentials of the loss
    found = training_memory(one, 2, 3, "float32")["activations"]
    assert_close(found, 4 * (layer + norms + end), "activations of one layer")


@pytest.mark.parametrize(("dtype", "size"), [("float32", 8), ("bfloat16", 6)])
def test_activations_keep_the_scores_twice(dtype, size):
    def kept(seq):
        return training_memory(config(), BATCH, seq, dtype)["activations"]

    # Whatever grows with seq alone drops out of the second difference, which is 2 for seq².
    found = kept(12) - 2 * kept(11) + kept(10)
    expected = 2 * 5 * BATCH * 3 * size
    assert_close(found, expected, f"exponentials and weights, {size} bytes for each score")


def test_only_activations_depend_on_the_batch():
    small, large = (training_memory(config(), batch, SEQ, "bfloat16") for batch in (1, 9))
    assert large == small | {"activations": 9 * small["activations"]}


def test_training_memory_refuses_an_unknown_dtype():
    with pytest.raises(ValueError, match="float16"):
        training_memory(config(), BATCH, SEQ, "float16")


SCRIPTS = {(4, 2, 0, 3): 6, (1, 0, 5, 0, 2): 5, (3, 2, 1): 6, (2, 0, 3, 1, 0): 4}
"""What steps allocate, with the most that each holds at one moment."""


def allocate(script, kept):
    """Each number allocates so many times 16 MiB; 0 frees what there is. The rest is kept."""
    held = []
    for place, size in enumerate(script):
        held = [*held, of_two_operations(size * 16 * MEBI, place)] if size else []
    kept.extend(held)


def of_two_operations(count, place):
    """So many bytes that are never written to; what allocates them changes from place to place."""
    if place % 2:
        return torch.empty_strided((count,), (1,), dtype=torch.uint8)
    return torch.empty(count, dtype=torch.uint8)


def test_peak_memory_is_the_most_held_at_one_moment():
    there_before = torch.ones(8 * MEBI // 4)

    def step():
        first = torch.ones(4 * MEBI // 4)
        second = torch.ones(2 * MEBI // 4)
        del first, second
        return torch.ones(3 * MEBI // 4)

    found = peak_memory(step, "cpu")
    assert_close(found / MEBI, 6.0, "4 and 2 MiB at once, 3 later; 8 were there before", rtol=1e-3)
    del there_before
    for script, most in SCRIPTS.items():
        found = peak_memory(lambda script=script: allocate(script, []), "cpu")
        assert_close(found / MEBI, 16.0 * most, f"steps of {script} times 16 MiB", atol=0.05)


def test_peak_memory_counts_what_autograd_keeps(draw):
    x, weight = draw.normal(512, 512), draw.normal(512, 512).requires_grad_()

    def step():
        h = x
        for _ in range(4):
            h = (h @ weight).tanh()
        return h

    # Each tanh is kept for the backward pass; beside the last of them stands its product.
    found = peak_memory(step, torch.device("cpu"))
    assert_close(found / MEBI, 5.0, "five tensors of 1 MiB", rtol=1e-3)


class FakeGPU:
    """A device whose work is only done, and whose memory only taken, at synchronize."""

    def __init__(self, held=100, pool=900, peak=800, work=500, kept=30):
        self.held, self.pool, self.peak = held, pool, peak
        self.work, self.kept = work, kept
        self.queued = self.steps = 0

    def step(self):
        self.queued += 1
        self.steps += 1

    def synchronize(self, *device):
        for _ in range(self.queued):
            self.peak = max(self.peak, self.held + self.work)
            self.pool = max(self.pool, self.held + self.work)
            self.held += self.kept
        self.queued = 0

    def reset(self, *device):
        self.peak = self.held

    def empty(self):
        self.pool = self.held

    def as_cuda(self, monkeypatch):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", self.reset)
        monkeypatch.setattr(torch.cuda, "memory_allocated", lambda *device: self.held)
        monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda *device: self.peak)
        return self

    def as_mps(self, monkeypatch):
        monkeypatch.setattr(torch.mps, "synchronize", self.synchronize)
        monkeypatch.setattr(torch.mps, "empty_cache", self.empty)
        monkeypatch.setattr(torch.mps, "current_allocated_memory", lambda: self.held)
        monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: self.pool)
        return self


# Bytes held before, of the pool, of the peak before, of one step at its worst, kept after it.
MOMENTS = [(100, 900, 800, 500, 30), (70, 140, 90, 640, 0), (1000, 5300, 5100, 250, 250)]


def test_peak_memory_on_cuda_is_the_peak_since_the_step_began(monkeypatch):
    gpu = FakeGPU().as_cuda(monkeypatch)
    assert_close(peak_memory(gpu.step, "cuda"), 500, "800 were the peak of earlier work, 100 held")


def test_peak_memory_of_steps_on_cuda(monkeypatch):
    gpus = [FakeGPU(*moment) for moment in MOMENTS]
    peaks = [peak_memory(gpu.as_cuda(monkeypatch).step, "cuda") for gpu in gpus]
    check({"peaks": peaks, "calls of step": [gpu.steps for gpu in gpus]})


def test_peak_memory_on_mps_is_the_growth_of_the_emptied_pool(monkeypatch):
    gpu = FakeGPU().as_mps(monkeypatch)
    assert_close(peak_memory(gpu.step, "mps"), 500, "the pool had 900 bytes, 800 of them free")


def test_peak_memory_of_steps_on_mps(monkeypatch):
    gpus = [FakeGPU(*moment) for moment in MOMENTS]
    peaks = [peak_memory(gpu.as_mps(monkeypatch).step, "mps") for gpu in gpus]
    check({"peaks": peaks, "calls of step": [gpu.steps for gpu in gpus]})


def test_peak_memory_of_steps_on_the_cpu():
    calls, kept = [], []

    def step(script):
        calls.append(script)
        allocate(script, kept)

    peaks = [peak_memory(lambda script=script: step(script), "cpu") for script in SCRIPTS]
    found = {f"of {script}, in 16 MiB": peak for script, peak in zip(SCRIPTS, peaks, strict=True)}
    in_units = {name: round(peak / (16 * MEBI)) for name, peak in found.items()}
    check(in_units | {"calls of step": len(calls)})


def test_peak_memory_runs_the_step_once():
    calls = []
    peak_memory(lambda: calls.append(1), "cpu")
    assert len(calls) == 1, f"step ran {len(calls)} times; it may change weights, so once"


def test_peak_memory_refuses_another_device():
    with pytest.raises(ValueError, match="meta"):
        peak_memory(lambda: None, "meta")


def test_peak_memory_leaves_no_file_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "trace.json").write_text("the learner's own", encoding="utf-8")
    peak_memory(lambda: torch.ones(10), "cpu")
    found = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert found == {"trace.json": "the learner's own"}, f"what is there afterwards: {found}"
