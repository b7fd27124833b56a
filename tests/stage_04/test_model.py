import inspect
import math

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s03_attention_rope import RotaryEmbedding
from s04_transformer import ModelConfig, TransformerLM

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}
FUNCTIONAL = torch.nn.functional


def given(draw, **changes):
    """Three layers, each with its own weights and gains; 2 sequences of 7 different tokens."""
    model = TransformerLM(ModelConfig(**{**SIZES, **changes}))
    draw.weights(model)
    return model, draw.distinct(23, 2, 7)


def names(layers=3):
    block = [f"attn.{name}_proj" for name in "qkvo"] + [f"ffn.{n}" for n in ("gate", "up", "down")]
    block += ["attn_norm", "ffn_norm"]
    inner = {f"layers.{i}.{name}.weight" for i in range(layers) for name in block}
    return inner | {"embed_tokens.weight", "norm.weight", "lm_head.weight"}


def unchecked(model, token_ids):
    """The logits of whatever shape, which tells more than a type checker's refusal."""
    return inspect.unwrap(type(model).forward)(model, token_ids)


def slope(model, token_ids, cotangent):
    """The gradient of the embedding."""
    (model(token_ids) * cotangent).sum().backward()
    return model.embed_tokens.weight.grad / 8


@pytest.mark.points(3)
def test_logits_of_the_whole_model(draw, give_weights):
    config = ModelConfig(**SIZES)
    model, token_ids = give_weights(TransformerLM(config), config), draw.distinct(23, 2, 7)
    cotangent = draw.normal(2, 7, 23)
    observed = {"logits": unchecked(model, token_ids)}
    observed["gradient of embed_tokens"] = outcome(lambda: slope(model, token_ids, cotangent))
    check(observed, atol=2e-5, rtol=1e-5)


@pytest.mark.points(2)
def test_model_logits_at_any_positions(draw, give_weights):
    config = ModelConfig(**SIZES, rope_theta=50.0, norm_eps=0.3)
    model, token_ids = give_weights(TransformerLM(config), config), draw.distinct(23, 2, 7)
    positions = torch.tensor([[3, 0, 7, 7, 1, 12, 15], [2, 4, 5, 9, 10, 14, 13]])
    check(model(token_ids, positions), atol=2e-5, rtol=1e-5)


def turned(x, theta):
    frequencies = theta ** (-torch.arange(0, 8, 2, dtype=torch.float64) / 8)
    angles = torch.arange(x.shape[-2])[:, None] * frequencies
    pairs = torch.view_as_complex(x.double().unflatten(-1, (4, 2)))
    return torch.view_as_real(pairs * torch.polar(torch.ones_like(angles), angles)).flatten(-2)


def plain_transformer(weights, token_ids, *, theta, eps):
    """An independent oracle, in float64, made of torch's own functions."""
    weights = {name.removesuffix(".weight"): value.double() for name, value in weights.items()}
    x = weights["embed_tokens"][token_ids]
    for i in range(3):
        own = {n.removeprefix(f"layers.{i}."): w for n, w in weights.items() if f"layers.{i}." in n}
        normed = FUNCTIONAL.rms_norm(x, (24,), own["attn_norm"], eps)
        q, k, v = (
            (normed @ own[f"attn.{name}_proj"].T).unflatten(-1, (3, 8)).transpose(1, 2)
            for name in "qkv"
        )
        mixed = FUNCTIONAL.scaled_dot_product_attention(
            turned(q, theta), turned(k, theta), v, is_causal=True
        )
        x = x + mixed.transpose(1, 2).flatten(-2) @ own["attn.o_proj"].T
        normed = FUNCTIONAL.rms_norm(x, (24,), own["ffn_norm"], eps)
        gated = FUNCTIONAL.silu(normed @ own["ffn.gate"].T) * (normed @ own["ffn.up"].T)
        x = x + gated @ own["ffn.down"].T
    return FUNCTIONAL.rms_norm(x, (24,), weights["norm"], eps) @ weights["lm_head"].T


@pytest.mark.parametrize(
    ("theta", "eps"), [(10_000.0, 1e-5), (50.0, 0.3)], ids=["defaults", "others"]
)
def test_model_agrees_with_a_plain_transformer(draw, theta, eps):
    model, token_ids = given(draw, rope_theta=theta, norm_eps=eps)
    expected = plain_transformer(model.state_dict(), token_ids, theta=theta, eps=eps).float()
    assert_close(model(token_ids), expected, "torch's own functions, in float64", atol=2e-5)


@pytest.mark.points(2)
def test_model_ignores_future_tokens(draw):
    model, token_ids = given(draw)
    before = model(token_ids)
    for changed in range(1, 7):
        other = token_ids.clone()
        other[:, changed:] = (other[:, changed:] + 5) % 23
        why = f"changing tokens from index {changed} changed earlier logits: the future leaks"
        assert_close(model(other)[:, :changed], before[:, :changed], why, atol=2e-6)


def test_model_gives_each_position_the_logits_of_its_prefix(draw):
    model, token_ids = given(draw)
    whole = model(token_ids)
    for length in (1, 4, 6):
        why = f"the first {length} tokens alone give the same logits as in the whole sequence"
        assert_close(model(token_ids[:, :length]), whole[:, :length], why, atol=1e-5)


def test_model_treats_each_sequence_alone(draw):
    model, token_ids = given(draw)
    alone = torch.cat([model(token_ids[:1]), model(token_ids[1:])])
    assert_close(model(token_ids), alone, "one sequence at a time", atol=1e-5)


def test_model_returns_logits_not_probabilities(draw):
    model, token_ids = given(draw)
    total = model(token_ids).logsumexp(dim=-1)
    assert total.abs().min() > 1e-3, "logsumexp is 0: return the logits, not their log-softmax"
    assert (model(token_ids) < 0).any(), "no logit below 0: return the logits, not their softmax"


def test_model_state_dict_has_the_documented_names(draw):
    found = set(TransformerLM(ModelConfig(**SIZES)).state_dict())
    missing, extra = sorted(names() - found), sorted(found - names())
    assert not missing, f"missing from the state dict: {missing}; it also has {extra}"
    assert not extra, f"in the state dict, but not in the contract: {extra}"


def test_model_parameter_count_is_the_formula():
    model = TransformerLM(ModelConfig(**SIZES))
    layer = 4 * 24 * 24 + 3 * 24 * 40 + 2 * 24
    expected = 2 * 23 * 24 + 3 * layer + 24
    found = sum(parameter.numel() for parameter in model.parameters())
    assert found == expected, (
        f"2 V d + L (4 d² + 3 d d_ff + 2 d) + d is {expected}, found {found}. Too few: layers "
        "in a plain list instead of a ModuleList, or one layer used several times."
    )


def test_model_learns_in_every_parameter(draw):
    model, token_ids = TransformerLM(ModelConfig(**SIZES)), draw.distinct(23, 2, 7)
    FUNCTIONAL.cross_entropy(model(token_ids).flatten(0, 1), token_ids.flatten()).backward()
    still = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert not still, f"no gradient reaches {still}"


@pytest.mark.points(2)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_model_first_loss_is_about_log_vocab(draw, tied):
    torch.manual_seed(0)
    config = ModelConfig(**{**SIZES, "vocab_size": 300, "d_model": 36}, tie_embeddings=tied)
    token_ids, targets = draw.integers(0, 300, 8, 16), draw.integers(0, 300, 8 * 16)
    loss = FUNCTIONAL.cross_entropy(TransformerLM(config)(token_ids).flatten(0, 1), targets).item()
    why = f"the first loss is {loss:.2f}; a model that knows nothing has ln 300 = 5.70"
    # Logits of variance 2 d / (d + V) = 0.21 cost half of that more than equal ones.
    assert math.log(300) - 0.1 < loss < math.log(300) + 0.4, why


@pytest.mark.points(2)
@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
def test_model_can_learn_one_batch_by_heart(draw, tied):
    torch.manual_seed(0)
    model = TransformerLM(ModelConfig(**{**SIZES, "num_layers": 2}, tie_embeddings=tied))
    token_ids, targets = draw.integers(0, 23, 4, 8), draw.integers(0, 23, 4, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-2)
    for _ in range(40):
        optimizer.zero_grad()
        loss = FUNCTIONAL.cross_entropy(model(token_ids).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1, f"after 40 steps on one batch the loss is still {loss.item():.2f}"


def test_model_refuses_a_sequence_longer_than_its_context(draw):
    model, _ = given(draw)
    assert model(draw.integers(0, 23, 1, 16)).shape == (1, 16, 23)
    with pytest.raises(ValueError, match=r"(?s)17.*16|16.*17"):
        model(draw.integers(0, 23, 1, 17))


def test_model_keeps_its_configuration():
    config = ModelConfig(**SIZES, norm="post")
    assert TransformerLM(config).config == config


def test_model_layers_share_one_rotary_embedding(draw):
    model, _ = given(draw)
    ropes = {id(module) for module in model.modules() if isinstance(module, RotaryEmbedding)}
    assert len(ropes) == 1, f"{len(ropes)} RotaryEmbedding in the model; one table serves all"


def test_model_hands_positions_to_every_layer(draw):
    model, token_ids = given(draw)
    in_order = model(token_ids, torch.arange(7))
    assert_close(model(token_ids), in_order, "0, 1, 2, … unless given", atol=1e-6)
    moved = model(token_ids, torch.arange(9, 16))
    assert_close(moved, in_order, "only distances count: all moved on by 9", atol=5e-5)


class Recorder:
    """A cache that keeps what it was given, and lets attention see all of it so far."""

    def __init__(self):
        self.entries = []

    def update(self, k, v, positions):
        self.entries.append((k, v, positions))
        keys, values = (torch.cat([entry[i] for entry in self.entries], dim=-2) for i in (0, 1))
        earlier = keys.shape[-2] - k.shape[-2]
        return keys, values, torch.ones(k.shape[-2], keys.shape[-2]).bool().tril(earlier)


def test_model_gives_each_layer_its_own_cache(draw):
    model, token_ids = given(draw)
    caches = [Recorder() for _ in range(3)]
    pieces = [(0, 4), (4, 5), (5, 7)]
    logits = [model(token_ids[:, a:b], torch.arange(a, b), caches) for a, b in pieces]
    assert [len(cache.entries) for cache in caches] == [3, 3, 3]
    assert_close(torch.cat(logits, dim=1), model(token_ids), "in pieces of 4, 1, 2", atol=1e-5)
    first_keys = model.layers[0].attn.k_proj(
        model.layers[0].attn_norm(model.embed_tokens(token_ids[:, :1]))
    )
    found = caches[0].entries[0][0][:, :, 0].flatten(1)
    assert_close(found, first_keys[:, 0], "caches[0] belongs to layers.0", atol=2e-6)


def test_model_in_bfloat16_gives_bfloat16_logits_close_to_float32(draw):
    model, token_ids = given(draw)
    expected = model(token_ids)
    logits = model.bfloat16()(token_ids)
    assert logits.dtype == torch.bfloat16
    assert (logits.float() - expected).abs().mean() < 0.05, "bfloat16 is rough, but not that rough"


def test_model_hands_device_and_dtype_to_everything():
    model = TransformerLM(ModelConfig(**SIZES), device="meta", dtype=torch.float64)
    assert {(p.device.type, p.dtype) for p in model.parameters()} == {("meta", torch.float64)}
    logits = model(torch.zeros(2, 16, dtype=torch.int64, device="meta"))
    assert (logits.device.type, logits.dtype) == ("meta", torch.float64)
