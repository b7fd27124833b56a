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
def test_greedy_tokens_of_prompts_of_different_lengths(make_clockwork, by_row, use_cache):
    model, settings = make_clockwork(32), {"temperature": 0.0, "use_cache": use_cache}
    check(by_row(lambda: generate(model, PROMPTS, 10, **settings), count=4))


@BOTH
def test_greedy_tokens_of_one_prompt(make_clockwork, by_row, use_cache):
    model, settings = make_clockwork(32), {"temperature": 0.0, "use_cache": use_cache}
    check(by_row(lambda: generate(model, [[3, 1, 4]], 12, **settings), count=1))


@BOTH
def test_where_rows_end_that_draw_stop_ids(make_clockwork, by_row, use_cache):
    # Row 0 stops at its fifth token, row 1 at its eighth, row 2 not at all, row 3 at once.
    whole = [by_hand(prompt, 12) for prompt in PROMPTS]
    settings = {"temperature": 0.0, "use_cache": use_cache}
    stop_ids = [whole[0][4], whole[1][7], whole[3][0]]
    model = make_clockwork(32)
    found = by_row(lambda: generate(model, PROMPTS, 12, stop_ids=stop_ids, **settings), count=4)
    in_prompt = generate(make_clockwork(32), [[3, 1, 4]], 5, stop_ids=[1, 4], **settings)
    found["stop ids in the prompt"] = in_prompt[0]
    model = make_clockwork(32)
    generate(model, [[3, 1, 4]], 20, stop_ids=by_hand([3, 1, 4], 3)[2:], **settings)
    found["rests once all have stopped"] = len(model.calls) <= 4
    check(found)


@BOTH
def test_how_many_tokens_and_what_prompts_are_afterwards(make_clockwork, use_cache):
    found, model = {}, make_clockwork(32)
    for count in (0, 1, 2, 9):
        prompts = [list(prompt) for prompt in PROMPTS]
        rows = generate(model, prompts, count, temperature=0.0, use_cache=use_cache)
        found[f"{count} new tokens"] = [len(row) for row in rows]
        found[f"prompts after {count}"] = [token for prompt in prompts for token in prompt]
    check(found)


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


def test_prompts_stay_as_they_were(make_clockwork):
    prompts = [list(prompt) for prompt in PROMPTS]
    generate(make_clockwork(), prompts, 6)
    assert prompts == PROMPTS, "generate changed the prompts it was given"


def test_no_prompts_give_no_rows(make_clockwork):
    assert generate(make_clockwork(), [], 5) == []
