"""Where the reference goes another way for large inputs, it computes the same.

Small inputs are sent along these ways, and compared with torch's own functions in float64.
"""

import math

import pytest
import torch
from torch.nn import functional
from torch.testing import assert_close

MASKS = {
    "causal": torch.ones(70, 70, dtype=torch.bool).tril(),
    "one key": torch.eye(70, dtype=torch.bool),
    "any": torch.rand(70, 70, generator=torch.Generator().manual_seed(0)) < 0.3,
    "none for some": torch.ones(70, 70, dtype=torch.bool).tril(-66),
    "wide": torch.ones(3, 90, dtype=torch.bool).tril(80),
    "nothing": torch.zeros(5, 6, dtype=torch.bool),
}


CLOSE = {"atol": 2e-6, "rtol": 1e-5}


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator).to(dtype).requires_grad_()


def gradients(out: torch.Tensor, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
    weights = normal(*out.shape, seed=9).detach().to(out.dtype)
    return torch.autograd.grad((out * weights).sum(), inputs)


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
@pytest.mark.parametrize("scores", [1, 500, 2**20], ids="room for {} scores".format)
def test_attention_in_blocks(load, mask, scores, monkeypatch):
    blocks = load(3, "blocks")
    monkeypatch.setattr(blocks, "SCORES", scores)
    queries, keys = mask.shape
    q, k, v = normal(2, 3, queries, 8), normal(2, 3, keys, 8, seed=1), normal(2, 3, keys, 5, seed=2)
    found = blocks.attention(q, k, v, mask)
    wide = [x.detach().double().requires_grad_() for x in (q, k, v)]
    weights = (wide[0] @ wide[1].mT / math.sqrt(8)).masked_fill(~mask, -torch.inf).softmax(dim=-1)
    expected = weights.masked_fill(~mask, 0) @ wide[2]
    assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)
    if mask.any(dim=-1).all():  # elsewhere the oracle's gradient is NaN
        for ours, theirs in zip(gradients(found, q, k, v), gradients(expected, *wide), strict=True):
            assert_close(ours.double(), theirs, **CLOSE)
    else:
        assert all(gradient.isfinite().all() for gradient in gradients(found, q, k, v))


def test_attention_in_blocks_in_bfloat16(load):
    blocks = load(3, "blocks")
    q, k, v = (normal(4, 100, 16, seed=seed) for seed in range(3))
    mask = torch.ones(100, 100, dtype=torch.bool).tril()
    with torch.autocast("cpu", torch.bfloat16):
        found = blocks.attention(q, k, v, mask)
    expected = functional.scaled_dot_product_attention(q, k, v, mask)
    assert found.dtype == torch.bfloat16
    assert_close(found.float(), expected, atol=0.03, rtol=0.03)
    for ours, theirs in zip(gradients(found, q, k, v), gradients(expected, q, k, v), strict=True):
        assert_close(ours, theirs, atol=0.06, rtol=0.03)


def test_attention_in_blocks_rounds_as_bfloat16_where_it_is_computed_in_float32(load, monkeypatch):
    blocks = load(3, "blocks")
    mask = torch.ones(100, 100, dtype=torch.bool).tril()
    seen, found = [], []
    products = blocks.products
    monkeypatch.setattr(blocks, "products", lambda *x: seen.append(x[0].dtype) or products(*x))
    for capability in ("AVX512", "AVX2"):
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda it=capability: it)
        q, k, v = (normal(4, 100, 16, seed=seed) for seed in range(3))
        with torch.autocast("cpu", torch.bfloat16):
            out = blocks.attention(q, k, v, mask)
        found.append([out, *gradients(out, q, k, v)])
    assert (seen[0], seen[-1]) == (torch.bfloat16, torch.float32)
    for native, emulated in zip(*found, strict=True):
        assert native.dtype == emulated.dtype
        assert_close(native, emulated, atol=0.06, rtol=0.03)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)], ids=str)
def test_a_product_as_in_bfloat16(load, shape):
    x, weight = normal(*shape, 40), normal(7, 40, seed=1)
    with torch.autocast("cpu", torch.bfloat16):
        found, expected = load(2, "emulated").Product.apply(x, weight), x @ weight.T
    assert found.dtype == expected.dtype == torch.bfloat16
    assert_close(found, expected)
    both = gradients(found, x, weight), gradients(expected, x, weight)
    for ours, theirs in zip(*both, strict=True):
        assert ours.dtype == torch.float32
        assert_close(ours, theirs, atol=0.02, rtol=0.01)


def test_products_are_emulated_for_many_numbers_without_instructions_for_them(load, monkeypatch):
    pays, many, few = load(2, "emulated").pays, torch.ones(2**19), torch.ones(2**18)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert not pays(many)
    with torch.autocast("cpu", torch.float16):
        assert not pays(many)
    with torch.autocast("cpu", torch.bfloat16):
        assert pays(many)
        assert not pays(few)
        assert not pays(many.to("meta"))
        monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
        assert not pays(many)


def test_blocks_are_for_many_scores_on_a_cpu(load):
    pays, mask = load(3, "blocks").pays, torch.ones(256, 256, dtype=torch.bool)
    many = torch.empty(64, 16, 256, 8, device="meta")
    few, large = torch.empty(2, 4, 256, 8), torch.empty(8, 16, 256, 8)
    assert pays(large, large, large, mask)
    assert not pays(few, few, few, mask)
    assert not pays(many, many, many, mask)


def test_blocks_are_for_what_is_not_broadcast(load):
    pays, mask = load(3, "blocks").pays, torch.ones(256, 256, dtype=torch.bool)
    large = torch.empty(8, 16, 256, 8)
    assert not pays(large, large[:, :1], large, mask)
    assert not pays(large, large, large[0], mask)
    for broadcast in (mask[None], mask[:1], mask[:, :1]):
        assert not pays(large, large, large, broadcast)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_turning_by_complex_numbers(load, dtype):
    turning = load(3, "turning")
    x = normal(2, 6, 3, 8, dtype=dtype).transpose(1, 2)
    angles = (torch.arange(6.0)[:, None] * torch.tensor([1.0, 0.1, 0.01, 0.001])).repeat_interleave(
        2, dim=-1
    )
    found = turning.turn(x, angles.cos(), angles.sin())
    turned = torch.stack([-x[..., 1::2], x[..., 0::2]], dim=-1).flatten(-2)
    expected = (x.float() * angles.cos() + turned.float() * angles.sin()).to(dtype)
    assert_close(found, expected)
    assert_close(
        gradients(found, x),
        gradients(expected, x),
        atol=1e-6 if dtype == torch.float32 else 1e-2,
        rtol=1e-2,
    )


@pytest.mark.parametrize("shape", [(7,), (3, 5, 7)], ids=str)
def test_cross_entropy_with_its_gradient_by_hand(load, shape):
    logits = normal(*shape).detach().mul_(100).requires_grad_()
    targets = torch.arange(math.prod(shape[:-1])).reshape(shape[:-1]) % shape[-1]
    found = load(2, "by_hand").CrossEntropy.apply(logits, targets.int())
    wide = logits.detach().double().requires_grad_()
    expected = functional.cross_entropy(wide.reshape(-1, shape[-1]), targets.flatten())
    assert_close(found.double(), expected, atol=1e-6, rtol=1e-6)
    [ours], [theirs] = gradients(found, logits), gradients(expected, wide)
    assert_close(ours.double(), theirs, atol=1e-7, rtol=1e-5)


@pytest.mark.parametrize("shape", [(7,), (3, 5, 7)], ids=str)
def test_the_gate_with_its_gradient_by_hand(load, shape):
    gate, up = normal(*shape).detach().mul_(9).requires_grad_(), normal(*shape, seed=1)
    found = load(2, "by_hand").Gate.apply(gate, up)
    wide = [x.detach().double().requires_grad_() for x in (gate, up)]
    expected = functional.silu(wide[0]) * wide[1]
    assert_close(found.double(), expected, **CLOSE)
    for ours, theirs in zip(gradients(found, gate, up), gradients(expected, *wide), strict=True):
        assert_close(ours.double(), theirs, **CLOSE)


@pytest.mark.parametrize("shape", [(7,), (3, 5, 7)], ids=str)
def test_the_norm_with_its_gradient_by_hand(load, shape):
    x, weight = normal(*shape), normal(7, seed=1)
    found = load(2, "by_hand").Normalise.apply(x, weight, 0.1)
    wide = [each.detach().double().requires_grad_() for each in (x, weight)]
    expected = functional.rms_norm(wide[0], (7,), wide[1], 0.1)
    assert_close(found.double(), expected, **CLOSE)
    for ours, theirs in zip(gradients(found, x, weight), gradients(expected, *wide), strict=True):
        assert_close(ours.double(), theirs, **CLOSE)


@pytest.mark.parametrize("numbers", [1, 30, 2**20], ids="{} numbers in a piece".format)
@pytest.mark.parametrize("contiguous", [True, False])
def test_the_loss_in_pieces(load, numbers, contiguous, monkeypatch):
    loss = load(6, "loss")
    monkeypatch.setitem(loss.NUMBERS, "cpu", numbers)
    logits = normal(4, 5, 11) if contiguous else normal(5, 4, 11).transpose(0, 1)
    targets = (torch.arange(24).reshape(4, 6) % 11)[:, 1:]
    expected = functional.cross_entropy(logits.flatten(0, 1), targets.flatten()) / 3
    [theirs] = torch.autograd.grad(expected, logits)
    found, ours = loss.loss_in_pieces(logits, targets, 1 / 3)
    assert_close(found, expected.detach())
    assert_close(ours, theirs)
    assert (ours.data_ptr() == logits.data_ptr()) == contiguous


@pytest.mark.parametrize("rows", [0, 1, 6])
def test_a_product_with_few_rows(load, rows):
    x, weight = normal(rows, 5).detach(), normal(16, 5, seed=1).detach()
    found = load(7, "few_rows").product(x, weight)
    assert_close(found, x @ weight.T, **CLOSE)


def test_blocks_of_weights_are_for_few_rows_and_many_weights(load, monkeypatch):
    few_rows, many = load(7, "few_rows"), torch.empty(512, 512)
    monkeypatch.setattr(few_rows, "_on_amd", lambda: True)
    assert few_rows.pays(8, many)
    assert not few_rows.pays(9, many)
    assert not few_rows.pays(1, many[:256])
    assert not few_rows.pays(1, torch.empty(1001, 512))
    monkeypatch.setattr(few_rows, "_on_amd", lambda: False)
    assert not few_rows.pays(8, many)
