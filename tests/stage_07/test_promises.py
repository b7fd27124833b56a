"""Sentences of the contract that are easily kept for the usual arguments alone."""

import pytest
import torch

from groundup.testing import assert_close
from s07_decoding import KVCache, generate, sample_token, stream, token_probabilities

PROMPT = [3, 1, 4]
BOTH = pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])


def fed(model):
    return sum(len(row) for call in model.calls for row in call.tokens)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"top_k": 3}, {"top_p": 0.7}])
def test_probabilities_are_float32_whatever_the_logits_are(draw, dtype, settings):
    found = token_probabilities(draw.normal(2, 9).to(dtype), **settings)
    assert found.dtype == torch.float32, f"{settings} of {dtype} gave {found.dtype}"


def test_top_p_that_is_not_a_number_is_refused():
    # Every comparison with NaN is false, so ask for what is right and not for what is wrong.
    with pytest.raises(ValueError, match="top_p"):
        token_probabilities(torch.zeros(4), top_p=float("nan"))


@pytest.mark.parametrize("settings", [{}, {"temperature": 0.0}, {"top_k": 5}, {"top_p": 0.5}])
def test_a_vocabulary_of_one_token_gives_it_all(settings):
    found = token_probabilities(torch.tensor([[2.0], [-3.0]]), **settings)
    assert_close(found, torch.ones(2, 1), "the only token has all the probability")


@pytest.mark.parametrize(
    ("settings", "count"), [({"temperature": 0.0}, 1), ({"top_k": 40}, 40), ({"top_p": 0.5}, 256)]
)
def test_of_hundreds_of_equal_tokens_the_lowest_ids_stay(settings, count):
    # 512 equal tokens, each with 1/512, which is exact in binary: 256 of them reach 1/2.
    kept = token_probabilities(torch.zeros(2, 512), **settings) > 0
    expected = (torch.arange(512) < count).expand(2, -1)
    assert_close(kept, expected, f"{settings} keeps the ids below {count} of equal tokens")


def test_temperature_zero_takes_the_lowest_id_of_the_largest_logits():
    logits = torch.tensor([[1.0, 4.0, 2.0, 4.0], [3.0, 0.0, 3.0, 3.0]])
    found = sample_token(logits, temperature=0.0)
    assert_close(found, torch.tensor([1, 0]), "of equally likely tokens the lower id is likelier")
    many = torch.zeros(3, 1000).index_fill(1, torch.tensor([123, 456, 999]), 5.0)
    assert_close(sample_token(many, temperature=0.0), torch.full((3,), 123), "the lowest of three")


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("leading", [(1,), (1, 1), (2, 1), (1, 3)], ids=str)
def test_leading_axes_of_one_are_kept(draw, temperature, leading):
    found = sample_token(draw.normal(*leading, 7), temperature=temperature)
    assert tuple(found.shape) == leading, f"one id for each of {leading}, found {found.shape}"


def test_logits_may_lie_in_memory_in_any_order():
    # Row (i, j) allows the id 2 j + i alone; in memory j comes first.
    allowed = torch.arange(6).reshape(3, 2)
    logits = torch.full((3, 2, 6), -torch.inf).scatter(-1, allowed[..., None], 0.0)
    found = sample_token(logits.transpose(0, 1))
    assert_close(found, allowed.T, "the only id that each row allows")


def test_one_row_of_positions_may_have_a_batch_axis():
    cache, kv = KVCache(3, 2, 6, 4), torch.arange(1.0, 5).reshape(1, 1, 4, 1).expand(3, 2, 4, 4)
    keys, values, mask = cache.update(kv, 2 * kv, torch.arange(4)[None])
    assert_close(keys[:, :, :4], kv, "(1, seq): one row of positions for all rows")
    assert_close(values[:, :, :4], 2 * kv, "(1, seq): one row of positions for all rows")
    expected = torch.ones(4, 4).tril().bool().expand(3, 1, 4, 4)
    assert_close(mask[..., :4], expected, "a mask for each of the three rows")


def test_keys_and_values_of_a_cache_show_what_was_written():
    cache, kv = KVCache(1, 1, 4, 2), torch.ones(1, 1, 1, 2)
    memory = cache.keys.data_ptr(), cache.values.data_ptr()
    cache.update(kv, 3 * kv, torch.tensor([0]))
    cache.update(2 * kv, 4 * kv, torch.tensor([1]))
    assert_close(cache.keys[0, 0, :, 0], torch.tensor([1.0, 2.0, 0.0, 0.0]), "written in place")
    assert_close(cache.values[0, 0, :, 0], torch.tensor([3.0, 4.0, 0.0, 0.0]), "written in place")
    assert (cache.keys.data_ptr(), cache.values.data_ptr()) == memory, "the memory is taken once"


@BOTH
def test_the_id_zero_can_be_a_stop_id(make_clockwork, use_cache):
    model = make_clockwork(8, vocab_size=5, logits=torch.tensor([9.0, 1.0, 0.0, 0.0, 0.0]))
    found = generate(model, [[3], [1, 2]], 4, stop_ids=[0], temperature=0.0, use_cache=use_cache)
    assert found == [[], []], f"every row draws 0 at once, found {found}"
    model = make_clockwork(8, vocab_size=5, logits=torch.tensor([9.0, 1.0, 0.0, 0.0, 0.0]))
    assert list(stream(model, [3], 4, stop_ids=(0,), temperature=0.0, use_cache=use_cache)) == []


def test_a_stop_id_that_is_never_drawn_stops_nothing(make_clockwork):
    model = make_clockwork(8, vocab_size=5, logits=torch.tensor([0.0, 0.0, 0.0, 0.0, 9.0]))
    found = generate(model, [[3], [1, 2]], 4, stop_ids=[-1, 5, 1000], temperature=0.0)
    assert found == [[4] * 4] * 2, f"4 is neither -1 nor 5, found {found}"


def test_the_first_and_the_last_id_of_the_vocabulary_are_fine(make_clockwork):
    found = generate(make_clockwork(), [[0, 96], [96, 0, 0]], 3, temperature=0.0)
    assert [len(row) for row in found] == [3, 3], "0 and 96 are in [0, 97)"


@pytest.mark.parametrize("begin", [generate, lambda model, rows, n: stream(model, rows[0], n)])
@pytest.mark.parametrize("strange", [97, -1])
def test_an_id_that_the_window_leaves_out_is_checked_too(make_clockwork, begin, strange):
    with pytest.raises(ValueError, match=str(strange)):
        begin(make_clockwork(8), [[strange] + [1] * 20], 3)


@pytest.mark.parametrize("begin", [generate, lambda model, rows, n: stream(model, rows[0], n)])
@pytest.mark.parametrize("prompt", [[], [97], [-1]], ids=str)
def test_a_wrong_prompt_is_refused_even_if_nothing_is_to_be_added(make_clockwork, begin, prompt):
    with pytest.raises(ValueError):
        begin(make_clockwork(), [prompt], 0)


@pytest.mark.parametrize(("count", "settings"), [(-1, {}), (3, {"top_k": 0}), (3, {"top_p": 2.0})])
def test_wrong_settings_are_refused_even_without_a_prompt(make_clockwork, count, settings):
    with pytest.raises(ValueError):
        generate(make_clockwork(), [], count, **settings)


@BOTH
def test_a_part_that_trains_inside_a_model_in_eval_mode_is_put_into_it_and_back(
    make_clockwork, use_cache
):
    model = make_clockwork()
    model.eval()
    model.inner.train()
    before = [module.training for module in model.modules()]
    generate(model, [PROMPT], 3, use_cache=use_cache)
    assert all(call.modes == {False} for call in model.calls), "some part ran in training mode"
    assert [module.training for module in model.modules()] == before, "a mode was changed"


def test_the_mode_that_the_caller_changes_between_two_tokens_stays(make_clockwork):
    model = make_clockwork(32)
    model.train()
    tokens = stream(model, PROMPT, 20)
    for training in (False, True, True, False):
        next(tokens)
        model.train(training)
        next(tokens)
        assert model.training == training, "the mode is the caller's, also if it has changed"


def test_a_stream_runs_no_step_ahead(make_clockwork):
    model = make_clockwork(32)
    tokens = stream(model, PROMPT, 20, temperature=0.0)
    found = []
    for _ in range(4):
        next(tokens)
        found.append(fed(model))
    # The prompt gives the first token; each later one needs the token before it.
    assert found == [3, 4, 5, 6], f"tokens that the model was fed after 1, 2, 3, 4: {found}"


def test_two_streams_of_one_model_do_not_disturb_each_other(make_clockwork):
    model, settings = make_clockwork(8), {"temperature": 0.0}
    prompts = [PROMPT, [7, 5]]
    expected = [list(stream(model, prompt, 12, **settings)) for prompt in prompts]
    first, second = (stream(model, prompt, 12, **settings) for prompt in prompts)
    turns = [(next(first), next(second)) for _ in range(12)]
    found = [[turn[0] for turn in turns], [turn[1] for turn in turns]]
    assert found == expected, "two streams that take turns share a cache"


@BOTH
def test_a_prompt_stays_as_it_was_while_it_streams(make_clockwork, use_cache):
    prompt = list(PROMPT)
    list(stream(make_clockwork(8), prompt, 12, temperature=0.0, use_cache=use_cache))
    assert prompt == PROMPT, f"stream changed the prompt to {prompt}"
