"""What stage 06's reference changes around itself is afterwards as it was."""

import pytest
import torch


@pytest.fixture
def surroundings(load):
    yield load(6, "surroundings")
    torch.use_deterministic_algorithms(False)


@pytest.mark.parametrize("warn_only", [True, False])
def test_deterministic_algorithms_are_asked_for_as_before(surroundings, warn_only):
    torch.use_deterministic_algorithms(True, warn_only=warn_only)
    before = torch.get_deterministic_debug_mode()
    with surroundings.sums_in_fixed_order(torch.device("cpu")):
        assert torch.get_deterministic_debug_mode() == 2
    assert torch.get_deterministic_debug_mode() == before
