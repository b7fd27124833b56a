"""Stage 08's formulas against what PyTorch counts while the reference's model runs."""

import itertools
import json
import subprocess
import sys

import pytest

CASES = list(
    itertools.product(("pre", "post", "none"), ("rope", "none"), ("swiglu", "silu"), (False, True))
)

# A process of its own, since this one may run the learner's stages.
MEASURE = """
import json, sys
from groundup import reference
reference.activate(reference.parse("all"))
import torch
from torch.utils.flop_counter import FlopCounterMode
from s02_layers import cross_entropy
from s04_transformer import ModelConfig, TransformerLM
from s08_benchmarking import forward_flops, training_flops, training_memory

BATCH, SEQ, LAYERS, HEADS = 4, 48, 2, 6

def config_of(norm, position, ffn, tied):
    return ModelConfig(
        vocab_size=501, context_length=64, d_model=96, num_layers=LAYERS, num_heads=HEADS,
        d_ff=160, norm=norm, position=position, ffn=ffn, tie_embeddings=tied,
    )

def loss_of(model, dtype):
    ids = torch.arange(BATCH * (SEQ + 1)).reshape(BATCH, -1)
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        logits = model(ids[:, :-1])
    return cross_entropy(logits.float(), ids[:, 1:])

def kept_bytes(model, dtype):
    weights = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept = {}
    def note(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in weights:
            kept[storage.data_ptr()] = storage  # held, so that no address is used twice
        return tensor
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        loss = loss_of(model, dtype)
    return sum(storage.nbytes() for storage in kept.values())

def counted(model, backward):
    with FlopCounterMode(display=False) as counter:
        loss = loss_of(model, "float32")
        if backward:
            loss.backward()
    return counter.get_total_flops()

def row(case):
    config = config_of(*case)
    model = TransformerLM(config)
    found = {
        "forward": [sum(forward_flops(config, BATCH, SEQ).values()), counted(model, False)],
        "training": [training_flops(config, BATCH, SEQ), counted(model, True)],
    }
    for dtype in ("float32", "bfloat16"):
        memory = training_memory(config, BATCH, SEQ, dtype)
        formula = memory["activations"]
        if dtype == "bfloat16":
            # Autograd keeps the copies of the weights too. And on the CPU, autocast computes the
            # exponentials of softmax in bfloat16, not in float32 as on CUDA.
            formula += memory["parameters"] - memory["gradients"]
            formula -= 2 * LAYERS * BATCH * HEADS * SEQ * SEQ
        found[dtype] = [formula, kept_bytes(model, dtype)]
    return found

torch.set_num_threads(1)
print(json.dumps([row(case) for case in json.loads(sys.argv[1])]))
"""


@pytest.fixture(scope="module")
def rows():
    command = [sys.executable, "-X", "utf8", "-c", MEASURE, json.dumps(CASES)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(CASES, json.loads(done.stdout), strict=True))


@pytest.mark.parametrize("pass_", ["forward", "training"])
def test_flops_are_what_torch_counts(rows, pass_):
    differing = {case: row[pass_] for case, row in rows.items() if row[pass_][0] != row[pass_][1]}
    assert not differing


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_activations_are_what_autograd_keeps(rows, dtype):
    """The formula leaves out per-token scalars, masks and RoPE's tables, up to 2 % here."""
    ratios = {case: row[dtype][0] / row[dtype][1] for case, row in rows.items()}
    outside = {case: ratio for case, ratio in ratios.items() if not 0.98 <= ratio <= 1.0}
    assert not outside
