from functools import partial

import pytest
import torch

from groundup.testing import check, outcome
from s07_decoding import generate, stream

PROMPT = [3, 1, 4]
BOTH = pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])


@BOTH
def test_streamed_tokens(make_clockwork, use_cache):
    settings = {"temperature": 0.0, "use_cache": use_cache}
    whole = outcome(lambda: list(stream(make_clockwork(32), PROMPT, 9, **settings)))
    stop = [90] if isinstance(whole, str) else whole[6:7]
    cut = outcome(lambda: list(stream(make_clockwork(8), PROMPT, 20, **settings)))
    stopped = list(stream(make_clockwork(32), PROMPT, 9, stop_ids=stop, **settings))
    check({"within the context": whole, "beyond it": cut, "up to a stop id": stopped})


@BOTH
def test_what_happens_between_two_tokens(make_clockwork, use_cache):
    model = make_clockwork(32)
    model.train()
    tokens = stream(model, PROMPT, 20, temperature=0.0, use_cache=use_cache)
    calls, training, gradients = [len(model.calls)], [], []
    for _ in range(3):
        next(tokens)
        calls.append(len(model.calls))
        training.append(model.training)
        gradients.append(torch.is_grad_enabled())
    tokens.close() if hasattr(tokens, "close") else None
    torch.set_grad_enabled(True)
    found = {
        "calls before the first token": calls[0],
        "calls for the first token are few": calls[1] <= 2,
        "calls for each later token": [calls[2] - calls[1], calls[3] - calls[2]],
        "the model trains in between": training,
        "gradients in between": gradients,
        "trained during": any(True in call.modes for call in model.calls),
        "gradients during": any(call.gradients for call in model.calls),
    }
    check(found)


def test_when_a_stream_complains(make_clockwork):
    found = {}
    for prompt, count, settings in [
        ([], 3, {}),
        ([97], 3, {}),
        ([1], -1, {}),
        ([1], 3, {"top_p": 1.5}),
        ([1], 3, {"temperature": -1.0}),
    ]:
        name = f"{prompt} {count} {settings}"
        tokens = outcome(partial(stream, make_clockwork(), prompt, count, **settings))
        found[f"{name}: at the call"] = tokens if isinstance(tokens, str) else "silent"
        later = outcome(partial(list, "" if isinstance(tokens, str) else tokens))
        found[f"{name}: later"] = later if isinstance(later, str) else len(later)
    check(found)


@BOTH
@pytest.mark.parametrize("prompt", [[3, 1, 4], [9] * 11], ids=["short", "beyond-context"])
def test_stream_yields_the_tokens_of_generate(make_clockwork, use_cache, prompt):
    settings = {"temperature": 0.0, "use_cache": use_cache}
    (expected,) = generate(make_clockwork(), [prompt], 20, **settings)
    found = list(stream(make_clockwork(), prompt, 20, **settings))
    assert found == expected
    assert {type(token) for token in found} == {int}


def test_stream_draws_as_generate_does(make_clockwork):
    model = make_clockwork(8, vocab_size=5, logits=torch.tensor([0.1, 2.0, 0.5, 1.0, 0.0]))
    settings = {"temperature": 1.3, "top_k": 4, "top_p": 0.9}
    (expected,) = generate(
        model, [PROMPT], 40, generator=torch.Generator().manual_seed(2), **settings
    )
    found = list(stream(model, PROMPT, 40, generator=torch.Generator().manual_seed(2), **settings))
    assert found == expected


def test_stream_ends_before_a_stop_id(make_clockwork):
    (whole,) = generate(make_clockwork(32), [PROMPT], 9, temperature=0.0)
    found = list(stream(make_clockwork(32), PROMPT, 9, stop_ids=[whole[6]], temperature=0.0))
    assert found == whole[: whole.index(whole[6])]


def test_stream_computes_a_token_when_it_is_asked_for(make_clockwork):
    model = make_clockwork(32)
    tokens = stream(model, PROMPT, 20, temperature=0.0)
    assert not model.calls, "nothing was asked for yet"
    counts = []
    for _ in range(3):
        next(tokens)
        counts.append(len(model.calls))
    assert counts[1:] == [counts[0] + 1, counts[0] + 2], f"calls after 1, 2, 3 tokens: {counts}"
    assert counts[0] <= 2, f"{counts[0]} calls for the first token"


def test_stream_leaves_the_mode_alone_between_tokens(make_clockwork):
    model = make_clockwork(32)
    model.train()
    tokens = stream(model, PROMPT, 20)
    for _ in range(3):
        next(tokens)
        assert model.training, "the model is the caller's between two tokens"
        assert torch.is_grad_enabled(), "gradients stayed switched off between two tokens"
    assert all(call.modes == {False} and not call.gradients for call in model.calls)


@pytest.mark.parametrize(
    ("prompt", "count", "settings", "message"),
    [
        ([], 3, {}, "empty"),
        ([97], 3, {}, "vocab_size"),
        ([1], -1, {}, "max_new_tokens"),
        ([1], 3, {"top_p": 1.5}, "top_p"),
    ],
    ids=["empty", "id-97", "count", "top_p"],
)
def test_stream_refuses_at_the_call(make_clockwork, prompt, count, settings, message):
    with pytest.raises(ValueError, match=message):
        stream(make_clockwork(), prompt, count, **settings)


def test_stream_of_no_tokens_is_empty(make_clockwork):
    model = make_clockwork()
    assert list(stream(model, PROMPT, 0)) == []
    assert not model.calls
