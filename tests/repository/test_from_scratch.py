"""What a learner is to write may not be taken from torch: it is found, and told with its line."""

import pytest

from groundup.from_scratch import findings
from groundup.stages import STAGES


def found(tmp_path, source, stage=2):
    (tmp_path / "adapter.py").write_text(source, encoding="utf-8")
    place = f"{(tmp_path / 'adapter.py').as_posix()}:"
    return [str(f).removeprefix(place) for f in findings(STAGES[stage - 1], tmp_path)]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import torch.nn.functional as F\nF.silu(x)", "2 uses torch.nn.functional.silu: nothing"),
        ("from torch.nn import functional\nfunctional.silu(x)", "1 uses torch.nn.functional"),
        ("from torch.nn.functional import silu", "1 uses torch.nn.functional.silu"),
        ("import torch\ntorch.nn.functional.gelu(x)", "2 uses torch.nn.functional.gelu"),
        (
            "from torch import nn\n\nlayer = nn.Linear(2, 3)",
            "3 uses torch.nn.Linear: from torch.nn",
        ),
        ("from torch.nn import Linear", "1 uses torch.nn.Linear"),
        ("import torch\ntorch.optim.AdamW(p)", "2 uses torch.optim.AdamW: from torch.optim only"),
        ("from torch.nn.utils import clip_grad_norm_", "1 uses torch.nn.utils.clip_grad_norm_"),
        ("import torch as t\nt.softmax(x, -1)", "2 uses torch.softmax: it is torch.nn.functional"),
        ("y = (x + 1).softmax(-1)", "1 uses Tensor.softmax"),
    ],
)
def test_a_use_is_found_with_its_line(tmp_path, source, words):
    lines = found(tmp_path, source)
    assert lines and lines[0].startswith(words), lines


def test_what_is_allowed_is_not_found(tmp_path):
    source = """
import torch
from torch import nn
from torch.optim import Optimizer

class Layer(nn.Module):
    def __init__(self):
        self.w = nn.Parameter(torch.empty(2))
        nn.init.trunc_normal_(self.w)
        self.layers = nn.ModuleList([nn.Sequential()])

    def forward(self, x):
        return self.softmax(torch.sigmoid(x).exp())

def softmax(x): ...

softmax(torch.ones(2))
"""
    assert not found(tmp_path, source)


def test_stage_08_may_measure_the_fused_kernels(tmp_path):
    source = "import torch.nn.functional as F\nF.scaled_dot_product_attention(q, k, v)"
    assert found(tmp_path, source) and not found(tmp_path, source, stage=8)


def test_a_file_that_is_not_python_is_left_to_the_tests(tmp_path):
    assert not found(tmp_path, "def :")


USE = "import torch.nn.functional\n\ngiven = torch.nn.functional.silu\n"


def test_a_finding_stands_beside_the_tests_and_fails_only_if_asked(run, course):
    target = course / "assignments/02_layers/s02_layers"
    for file in (course / "solutions/02_layers/s02_layers").glob("*.py"):
        (target / file.name).write_bytes(file.read_bytes())
    with (target / "adapter.py").open("a", encoding="utf-8") as file:
        file.write(USE)
    test = "tests/stage_02/test_activations.py"
    done = run("pytest", test, "-q", cwd=course)
    line = "assignments/02_layers/s02_layers/adapter.py:"
    assert done.returncode == 0, done.stdout
    assert "not from scratch" in done.stdout and line in done.stdout
    assert run("pytest", test, "-q", "--strict-from-scratch", cwd=course).returncode == 1
