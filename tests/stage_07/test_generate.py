import pytest
import torch

from groundup.testing import assert_close, check
from s04_transformer import ModelConfig, TransformerLM
from s07_decoding import generate

PROMPTS = [[3, 1, 4], [1, 5, 9, 2, 6, 5, 3], [58], [9, 7, 9, 3, 2]]
BOTH = pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])


def by_hand(prompt, steps):
    """What the clockwork model answers, while all tokens fit into its context."""
    tokens = list(prompt)
    for _ in range(steps):
        total = sum((token + 1) * (position + 2) for position, token in enumerate(tokens))
        tokens.append(66 * total % 97)
    return tokens[len(prompt) :]


@BOTH
@pytest.mark.points(2)
def test_each_token_follows_from_all_tokens_before_it(make_clockwork, use_cache):
    found = generate(make_clockwork(32), [[3, 1, 4]], 12, temperature=0.0, use_cache=use_cache)
    assert_close(found, [by_hand([3, 1, 4], 12)], "the sum that the model computes, by hand")


@BOTH
def test_greedy_tokens_of_prompts_of_different_lengths(make_clockwork, use_cache):
    found = generate(make_clockwork(32), PROMPTS, 10, temperature=0.0, use_cache=use_cache)
    check({f"row {row}": ids for row, ids in enumerate(found)})


@BOTH
def test_rows_do_not_see_each_other(make_clockwork, use_cache):
    # 20 tokens cross the context of 8 several times, each row at steps of its own.
    model = make_clockwork()
    settings = {"temperature": 0.0, "use_cache": use_cache}
    alone = [generate(model, [prompt], 20, **settings)[0] for prompt in PROMPTS]
    found = generate(model, PROMPTS, 20, **settings)
    assert_close(found, alone, "the same prompts one at a time")


def test_cached_and_uncached_decoding_of_a_transformer_draw_the_same_tokens(draw):
    config = ModelConfig(
        vocab_size=40, context_length=8, d_model=12, num_layers=3, num_heads=2, d_ff=20
    )
    model, prompts = TransformerLM(config), [[1, 5, 9, 2, 6], [3, 1, 7, 8, 2]]
    draw.weights(model)
    # Drawn tokens and not the likeliest: those would hide small differences of the logits.
    cached, uncached = (
        generate(model, prompts, 30, generator=torch.Generator().manual_seed(0), use_cache=use)
        for use in (True, False)
    )
    assert_close(cached, uncached, "the same draws without a cache")


@BOTH
@pytest.mark.parametrize("count", [0, 1, 9])
def test_exactly_max_new_tokens_without_the_prompt(make_clockwork, use_cache, count):
    model = make_clockwork(32)
    found = generate(model, PROMPTS, count, temperature=0.0, use_cache=use_cache)
    assert [len(ids) for ids in found] == [count] * 4, f"max_new_tokens is {count}"
    assert found == [by_hand(prompt, count) for prompt in PROMPTS]


def test_new_ids_are_plain_lists_of_int(make_clockwork):
    found = generate(make_clockwork(), PROMPTS, 2)
    kinds = {type(found)} | {type(row) for row in found} | {type(id) for row in found for id in row}
    assert kinds == {list, int}, f"found {kinds}"


@BOTH
@pytest.mark.points(2)
def test_a_row_ends_before_its_stop_id_and_the_others_go_on(make_clockwork, use_cache):
    whole = [by_hand(prompt, 12) for prompt in PROMPTS]
    stop_ids = {whole[0][4], whole[3][0], whole[1][7]}
    expected = []
    for row in whole:
        ends = [place for place, token in enumerate(row) if token in stop_ids]
        expected.append(row[: min(ends, default=12)])
    assert len({len(row) for row in expected}) == 4, "the four rows end at four places"
    found = generate(
        make_clockwork(32), PROMPTS, 12, stop_ids=stop_ids, temperature=0.0, use_cache=use_cache
    )
    assert_close(found == expected, True, f"stop ids {stop_ids}: {expected}, found {found}")


def test_a_stop_id_in_the_prompt_stops_nothing(make_clockwork):
    expected = by_hand([3, 1, 4], 5)
    found = generate(make_clockwork(32), [[3, 1, 4]], 5, stop_ids=[1, 4], temperature=0.0)
    assert found == [expected], "only new tokens can stop a row"


def test_the_model_rests_once_all_rows_have_stopped(make_clockwork):
    model, first = make_clockwork(32), by_hand([3, 1, 4], 3)
    generate(model, [[3, 1, 4]], 20, stop_ids=first[2:], temperature=0.0)
    assert len(model.calls) <= 4, f"the row stopped at its 3rd token; {len(model.calls)} calls"


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


def test_prompts_stay_as_they_were(make_clockwork):
    prompts = [list(prompt) for prompt in PROMPTS]
    generate(make_clockwork(), prompts, 6)
    assert prompts == PROMPTS, "generate changed the prompts it was given"


def test_no_prompts_give_no_rows(make_clockwork):
    assert generate(make_clockwork(), [], 5) == []


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
    model, expected = make_clockwork(), generate(make_clockwork(), PROMPTS, 12, temperature=0.0)
    # A tensor made without saying where now goes to "meta", and cannot meet the model's.
    with torch.device("meta"):
        found = generate(model, PROMPTS, 12, temperature=0.0, use_cache=use_cache, stop_ids=[96])
    assert found == [row[: row.index(96)] if 96 in row else row for row in expected]
