"""What stage 06's reference changes around itself is afterwards as it was."""

import importlib.util

import pytest
import torch

from groundup.stages import STAGES


@pytest.fixture
def surroundings():
    file = STAGES[5].solution / STAGES[5].package / "surroundings.py"
    spec = importlib.util.spec_from_file_location("reference_surroundings", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("warn_only", [True, False])
def test_deterministic_algorithms_are_asked_for_as_before(surroundings, warn_only):
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    before = torch.get_deterministic_debug_mode()
    with surroundings.sums_in_fixed_order(torch.device("cpu")):
        assert torch.get_deterministic_debug_mode() == 2
    assert torch.get_deterministic_debug_mode() == before
