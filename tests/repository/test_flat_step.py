"""Stage 07's reference decodes without the modules what it would with them."""

import json
import subprocess
import sys

import pytest

# A process of its own, since this one may run the learner's stages.
DECODE = """
import json, sys, warnings
from functools import partial
from unittest.mock import patch
from groundup import reference
reference.activate(reference.parse("all"))
import torch
from s02_layers import RMSNorm
from s04_transformer import ModelConfig, TransformerLM
from s07_decoding import KVCache, few_rows, flat
from s07_decoding.decoder import Decoder, inference

warnings.simplefilter("error")
SIZES = dict(vocab_size=600, context_length=24, d_model=96, num_layers=3, num_heads=4, d_ff=256)
PROMPTS = [[599], list(range(5)), list(range(23)), list(range(24)), list(range(30))]

def new_caches(model, rows):
    config = model.config
    shape = (rows, config.num_heads, config.context_length, config.d_model // config.num_heads)
    return [KVCache(*shape) for _ in range(config.num_layers)]

def logits_of(model, prompts, with_modules):
    seen = []
    def choose(logits):
        # Not the likeliest: another machine rounds in another way, and two may be as likely.
        seen.append(logits.clone())
        return (torch.arange(len(prompts)) * 13 + len(seen) * 7) % 600
    decoder = Decoder(model, prompts, choose, partial(new_caches, model))
    if with_modules:
        decoder.flat = None
    with inference(model):
        for _ in range(40):
            decoder.step()
    return torch.stack(seen), decoder.flat is not None

def compared(model, prompts=PROMPTS):
    logits, is_flat = logits_of(model, prompts, with_modules=False)
    expected, _ = logits_of(model, prompts, with_modules=True)
    difference = float((logits - expected).abs().max() / expected.abs().max())
    return {"flat": is_flat, "difference": difference}

def model(**changes):
    torch.manual_seed(0)
    made = TransformerLM(ModelConfig(**SIZES | changes))
    with torch.no_grad():
        for name, weight in made.named_parameters():
            weight.mul_(1 + torch.rand_like(weight))  # gains that differ
    return made

class Longer(TransformerLM):
    pass

def pays(made, rows=5):
    return flat.pays(made, rows)

found = {"ragged": compared(model())}
found["as long as each other"] = compared(model(), [[1, 2, 3], [4, 5, 6]])
found["one row"] = compared(model(), [[7]])
found["tied"] = compared(model(tie_embeddings=True))
found["other constants"] = compared(model(rope_theta=50.0, norm_eps=0.3))
with patch.object(few_rows, "_on_amd", lambda: True), patch.object(few_rows, "WEIGHTS", 1):
    found["weights in blocks"] = compared(model())
shut = model()
with torch.no_grad():
    shut.layers[0].ffn.gate.weight.mul_(1e4)
found["gates that are shut"] = compared(shut)
with patch.object(RMSNorm, "forward", lambda self, x: 1.1 * self.weight * x):
    found["modules that compute something else"] = compared(model())
found["pays"] = {
    "plain": pays(model()),
    "many keys": pays(model(), rows=2000),
    "few weights": pays(model(vocab_size=30, num_layers=1)),
    "post-norm": pays(model(norm="post")),
    "no positions": pays(model(position="none")),
    "no gate": pays(model(ffn="silu")),
    "bfloat16": pays(model().bfloat16()),
    "another device": pays(model().to("meta")),
    "a class of one's own": pays(Longer(ModelConfig(**SIZES))),
}
with torch.autocast("cpu", torch.bfloat16):
    found["pays"]["autocast"] = pays(model())
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found():
    process = subprocess.run(
        [sys.executable, "-c", DECODE], capture_output=True, encoding="utf-8", check=False
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.mark.parametrize(
    "case",
    [
        "ragged",
        "as long as each other",
        "one row",
        "tied",
        "other constants",
        "weights in blocks",
        "gates that are shut",
    ],
)
def test_the_flat_step_computes_what_the_modules_do(found, case):
    assert found[case]["flat"]
    assert found[case]["difference"] < 1e-4


def test_modules_that_compute_something_else_are_used(found):
    assert found["modules that compute something else"] == {"flat": False, "difference": 0}


def test_models_that_the_flat_step_does_not_know_use_their_modules(found):
    assert [case for case, pays in found["pays"].items() if pays] == ["plain"]
