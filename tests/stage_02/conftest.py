import pytest
import torch

CUT_AT_3 = 0.98658  # the standard deviation of a normal distribution cut at 3σ, in σ
EDGES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 2.5)


def what_is_built(make):
    """What `make()` learns, and where its parameters are if a device and a dtype are given."""
    elsewhere = make(device="meta", dtype=torch.float64).parameters()
    learned = [(name, p) for name, p in make().named_parameters() if p.requires_grad]
    return {
        "parameters": sorted(f"{name} {tuple(p.shape)}" for name, p in learned),
        "in float64 on meta": sorted({f"{p.dtype} on {p.device.type}" for p in elsewhere}),
    }


def spread(weight, sigma):
    """How large many random weights are, so roughly that it does not depend on the draw."""
    sizes = weight.detach().abs() / sigma
    shares = [(sizes < edge).float().mean().item() for edge in EDGES]
    return {
        "standard deviation over the stated one": f"{weight.std().item() / sigma / CUT_AT_3:.2g}",
        f"of 20 weights, how many are within {EDGES} σ": [round(20 * share) for share in shares],
        "none is beyond 3 σ": bool(sizes.max() <= 3.0001),
    }


@pytest.fixture(name="what_is_built")
def what_is_built_fixture():
    return what_is_built


@pytest.fixture(name="spread")
def spread_fixture():
    return spread
