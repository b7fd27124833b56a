"""Stage 08's formulas against what PyTorch counts while the reference's model runs."""

import itertools
import json
import random
import subprocess
import sys

import pytest

SWITCHES = [
    {"norm": norm, "position": position, "ffn": ffn, "tie_embeddings": tied}
    for norm, position, ffn, tied in itertools.product(
        ("pre", "post", "none"), ("rope", "none"), ("swiglu", "silu"), (False, True)
    )
]


def drawn(number):
    """A configuration with sizes of its own; each ablation comes up again after 24.

    All arrays have fewer than 2¹⁸ numbers: beyond, faster code may keep less.
    """
    rng = random.Random(number)
    heads = rng.randint(3, 6)
    sizes = {"num_heads": heads, "d_model": heads * rng.choice((16, 20, 26, 32))}
    sizes |= {"num_layers": rng.randint(1, 3), "d_ff": rng.randint(60, 300)}
    config = {"vocab_size": rng.randint(90, 800), "context_length": 64} | sizes
    return config | SWITCHES[number % 24], rng.randint(6, 8), rng.randint(24, 40)


ANSWER_KEY = {"vocab_size": 10_000, "context_length": 256, "d_model": 512, "num_layers": 4}
ANSWER_KEY |= {"num_heads": 16, "d_ff": 1344}
# The last is the guide's own, with the reference's plain ways, which are a learner's.
CASES = [*(drawn(number) for number in range(30)), (ANSWER_KEY, 2, 256)]

# A process of its own, since this one may run the learner's stages.
MEASURE = """
import json, sys
from groundup import reference
reference.activate(reference.parse("all"))
import torch
from torch.utils.flop_counter import FlopCounterMode
from s02_layers import cross_entropy
from s04_transformer import ModelConfig, TransformerLM
from s05_adamw_schedule import AdamW
from s08_benchmarking import (
    count_parameters, forward_flops, memory_by_moment, peak_memory, training_flops, training_memory,
)

def loss_of(model, ids, dtype):
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        logits = model(ids[:, :-1])
    return cross_entropy(logits.float(), ids[:, 1:])

def kept_bytes(model, ids, dtype):
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}
    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = loss_of(model, ids, dtype)
    return sum(storage.nbytes() for storage in kept.values())

def peak_bytes(model, ids, dtype):
    optimizer = AdamW(model.parameters())
    def step():
        optimizer.zero_grad()
        loss_of(model, ids, dtype).backward()
        optimizer.step()
    step()
    optimizer.zero_grad()
    return 12 * sum(weight.numel() for weight in model.parameters()) + peak_memory(step, "cpu")

def counted(model, ids):
    with FlopCounterMode(display=False) as counter:
        loss = loss_of(model, ids, "float32")
        forward = counter.get_total_flops()
        loss.backward()
    return forward, counter.get_total_flops()

def row(fields, batch, seq):
    config = ModelConfig(**fields)
    model = TransformerLM(config)
    ids = torch.arange(batch * (seq + 1)).reshape(batch, -1) % config.vocab_size
    forward, training = counted(model, ids)
    found = {
        "parameters": [count_parameters(config), sum(each.numel() for each in model.parameters())],
        "forward": [sum(forward_flops(config, batch, seq).values()), forward],
        "training": [training_flops(config, batch, seq), training],
    }
    for dtype in ("float32", "bfloat16"):
        memory = training_memory(config, batch, seq, dtype)
        formula, peaks = memory["activations"], memory_by_moment(config, batch, seq, dtype)
        if dtype == "bfloat16":
            # Autograd keeps the copies of the weights too. And on the CPU, autocast computes the
            # exponentials of softmax in bfloat16, not in float32 as on CUDA.
            formula += memory["parameters"] - memory["gradients"]
            less = 2 * config.num_layers * batch * config.num_heads * seq * seq
            formula -= less
            peaks["loss"] -= less
            peaks["backward"] -= less // config.num_layers
        found[dtype] = [formula, kept_bytes(model, ids, dtype)]
        found["peak " + dtype] = [max(peaks.values()), peak_bytes(model, ids, dtype)]
    return found

torch.set_num_threads(1)
*cases, answer_key = json.loads(sys.argv[1])
rows = [row(*case) for case in cases]
torch.compiler.is_compiling = lambda: True  # then the reference takes its plain ways
print(json.dumps([*rows, row(*answer_key)]))
"""


@pytest.fixture(scope="module")
def rows():
    command = [sys.executable, "-X", "utf8", "-c", MEASURE, json.dumps(CASES)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])  # the profiler prints lines as well


@pytest.mark.parametrize("count", ["parameters", "forward", "training"])
def test_parameters_and_flops_are_what_torch_counts(rows, count):
    differing = [(CASES[n], row[count]) for n, row in enumerate(rows) if len(set(row[count])) > 1]
    assert not differing


def outside(rows, what, least, most):
    ratios = [(row[what][0] / row[what][1], CASES[number]) for number, row in enumerate(rows)]
    return [found for found in ratios if not least <= found[0] <= most]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_are_what_autograd_keeps(rows, dtype):
    """The formula leaves out per-token scalars, masks and RoPE's tables, up to 2 % here."""
    assert not outside(rows, dtype, 0.98, 1.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_peak_of_a_step_is_that_of_its_largest_moment(rows, dtype):
    """Parameters and moments, and what the profiler sees a step allocate on top of them."""
    assert not outside(rows, f"peak {dtype}", 0.9, 1.1)
