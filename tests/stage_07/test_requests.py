"""What generate does besides the tokens: settings, refusals, modes, devices."""

from functools import partial

import pytest
import torch

from groundup.testing import assert_close, check, outcome
from s07_decoding import generate

PROMPTS = [[3, 1, 4], [1, 5, 9, 2, 6, 5, 3], [58], [9, 7, 9, 3, 2]]
BOTH = pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])


def test_which_settings_reach_the_sampler(make_clockwork):
    logits = torch.tensor([0.05, 0.5, 0.12, 0.3, 0.03]).log()
    model, found = make_clockwork(8, vocab_size=5, logits=logits), {}
    for settings in (
        {"temperature": 0.0},
        {"temperature": 0.02},
        {"temperature": 50.0, "top_k": 3},
        {"top_k": 2},
        {"top_p": 0.6},
        {},
    ):
        rows = generate(
            model, [[0]] * 300, 4, generator=torch.Generator().manual_seed(0), **settings
        )
        found[str(settings)] = sorted({token for row in rows for token in row})
    before = torch.get_rng_state()
    first, again = (
        generate(model, [[0, 3]], 40, generator=torch.Generator().manual_seed(1)) for _ in range(2)
    )
    found["the same seed, the same tokens"] = first == again
    found["the global generator is left alone"] = torch.equal(torch.get_rng_state(), before)
    check(found)


def test_what_is_done_with_requests_that_make_no_sense(make_clockwork):
    requests = [
        ([[1], []], 3, {}),
        ([[1], [2, 97]], 3, {}),
        ([[5, -1]], 3, {}),
        ([[1]], -1, {}),
        ([[1]], 3, {"temperature": -1.0}),
        ([[1]], 0, {"top_k": 0}),
        ([[1]], 3, {"temperature": 0.0, "top_p": 2.0}),
    ]
    found = {}
    for prompts, count, settings in requests:
        model, settings = make_clockwork(), {"temperature": 0.0} | settings
        name = f"{prompts} {count} {settings}"
        rows = outcome(partial(generate, model, prompts, count, **settings))
        found[name] = rows if isinstance(rows, str) else [len(row) for row in rows]
        found[f"{name}: the model ran"] = bool(model.calls)
    check(found)


@BOTH
def test_modes_and_gradients_during_and_after(make_clockwork, use_cache):
    model = make_clockwork()
    model.train()
    model.inner.eval()
    generate(model, PROMPTS, 12, temperature=0.0, use_cache=use_cache)
    found = {
        "some module trains during": any(True in call.modes for call in model.calls),
        "gradients during": any(call.gradients for call in model.calls),
        "training afterwards": [module.training for module in model.modules()],
        "gradients afterwards": torch.is_grad_enabled(),
    }
    model = make_clockwork().eval()
    generate(model, PROMPTS, 2, temperature=0.0, use_cache=use_cache)
    found["training afterwards if it was not"] = [module.training for module in model.modules()]
    model = make_clockwork()
    model.read = lambda *_: 1 / 0
    found["an error"] = outcome(lambda: generate(model, PROMPTS, 2, use_cache=use_cache))
    found["training after an error"] = [module.training for module in model.modules()]
    found["gradients after an error"] = torch.is_grad_enabled()
    torch.set_grad_enabled(True)
    check(found)


@BOTH
def test_where_and_of_what_dtype_tensors_are_made(make_clockwork, use_cache):
    model = make_clockwork()
    # A tensor made without saying where now goes to "meta", and cannot meet the model's.
    with torch.device("meta"):
        try:
            generate(model, PROMPTS, 12, temperature=0.0, use_cache=use_cache)
            where = "on the device of the model"
        except Exception:
            where = "elsewhere"
    model = make_clockwork().bfloat16()
    generate(model, PROMPTS, 2, temperature=0.0, use_cache=use_cache)
    dtypes = {dtype for call in model.calls for dtype in call.cache_dtypes}
    check({"tensors": where, "caches of a bfloat16 model": ", ".join(sorted(dtypes))})


@pytest.mark.parametrize(
    ("settings", "allowed"),
    [
        ({"temperature": 0.0}, {1}),
        ({"temperature": 0.02}, {1}),
        ({"top_k": 1}, {1}),
        ({"top_k": 2}, {1, 3}),
        ({"top_p": 0.6}, {1, 3}),
        ({"temperature": 50.0, "top_k": 3}, {1, 2, 3}),
        ({}, {0, 1, 2, 3, 4}),
    ],
    ids=["T=0", "T=0.02", "top_k=1", "top_k=2", "top_p=0.6", "T=50 top_k=3", "none"],
)
def test_settings_reach_the_sampler(make_clockwork, settings, allowed):
    logits = torch.tensor([0.05, 0.5, 0.12, 0.3, 0.03]).log()
    model = make_clockwork(8, vocab_size=5, logits=logits)
    generator = torch.Generator().manual_seed(0)
    found = generate(model, [[0]] * 60, 6, generator=generator, **settings)
    assert {token for row in found for token in row} == allowed


def test_draws_follow_the_generator(make_clockwork):
    model = make_clockwork(8, vocab_size=50, logits=torch.zeros(50))
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first, again, other = (
        generate(model, PROMPTS[:1], 30, generator=torch.Generator().manual_seed(seed))
        for seed in (4, 4, 5)
    )
    assert first == again, "the same seed gave other tokens"
    assert first != other, "another seed gave the same 30 tokens"
    assert len(set(first[0])) > 10, "30 draws from 50 equal tokens gave nearly one token"
    assert_close(torch.get_rng_state(), before, "the global generator was used too")


@pytest.mark.parametrize(
    ("prompts", "count", "settings", "message"),
    [
        ([[1], []], 3, {}, "empty"),
        ([[1], [2, 97]], 3, {}, r"(?s)97.*vocab_size"),
        ([[-1]], 3, {}, r"(?s)-1.*vocab_size"),
        ([[1]], -1, {}, "max_new_tokens"),
        ([[1]], 3, {"temperature": -1.0}, "temperature"),
        ([[1]], 0, {"top_k": 0}, "top_k"),
        ([[1]], 3, {"top_p": 0.0}, "top_p"),
        ([[1]], 3, {"temperature": 0.0, "top_p": 2.0}, "top_p"),
    ],
    ids=["empty", "id-97", "id-minus-1", "count", "temperature", "top_k", "top_p", "top_p-greedy"],
)
def test_what_cannot_be_decoded_is_refused_before_the_model_runs(
    make_clockwork, prompts, count, settings, message
):
    model = make_clockwork()
    with pytest.raises(ValueError, match=message):
        generate(model, prompts, count, **settings)
    assert not model.calls, "the model was run first"


@BOTH
def test_the_model_runs_in_eval_mode_without_gradients(make_clockwork, use_cache):
    model = make_clockwork()
    model.train()
    generate(model, PROMPTS, 12, use_cache=use_cache)
    assert all(call.modes == {False} for call in model.calls), "call model.eval() first"
    assert not any(call.gradients for call in model.calls), "gradients were recorded"


@pytest.mark.parametrize("fails", [False, True], ids=["", "after an error"])
def test_every_module_is_put_back_into_its_mode(make_clockwork, fails):
    model = make_clockwork()
    model.train()
    model.inner.eval()
    before = [module.training for module in model.modules()]
    if fails:
        model.read = lambda *_: 1 / 0
        with pytest.raises(ZeroDivisionError):
            generate(model, PROMPTS, 2)
    else:
        generate(model, PROMPTS, 2)
    assert [module.training for module in model.modules()] == before, "a mode was changed"
    assert torch.is_grad_enabled(), "gradients stayed switched off"


@BOTH
def test_all_tensors_are_made_on_the_device_of_the_model(make_clockwork, use_cache):
    model, expected = (
        make_clockwork(),
        generate(make_clockwork(), PROMPTS, 12, temperature=0.0, use_cache=use_cache),
    )
    # A tensor made without saying where now goes to "meta", and cannot meet the model's.
    with torch.device("meta"):
        found = generate(model, PROMPTS, 12, temperature=0.0, use_cache=use_cache, stop_ids=[96])
    assert found == [row[: row.index(96)] if 96 in row else row for row in expected]
