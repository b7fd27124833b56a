"""What the model is fed: how often, and what when the row no longer fits into the context."""

from functools import partial

import pytest

from groundup.testing import assert_close, check, outcome
from s07_decoding import generate

PROMPT = [7, 3, 5]
BOTH = pytest.mark.parametrize("use_cache", [True, False], ids=["cached", "uncached"])


def windows_by_hand(lengths, context):
    """Grow to the context, then start again at half of it, as a table for a row's length."""
    sizes = list(range(1, context + 1))
    while len(sizes) < max(lengths):
        sizes += range(max(1, context // 2), context + 1)
    return [sizes[length - 1] for length in lengths]


def decode_by_hand(prompt, steps, context):
    tokens = list(prompt)
    for size in windows_by_hand(range(len(prompt), len(prompt) + steps), context):
        total = sum((token + 1) * (place + 2) for place, token in enumerate(tokens[-size:]))
        tokens.append(66 * total % 97)
    return tokens[len(prompt) :]


def fed(model):
    return sum(len(row) for call in model.calls for row in call.tokens)


@BOTH
@pytest.mark.points(2)
@pytest.mark.parametrize("context", [8, 7, 3, 2, 1])
def test_a_full_window_is_cut_to_half_the_context(make_clockwork, use_cache, context):
    model = make_clockwork(context)
    found = generate(model, [PROMPT], 30, temperature=0.0, use_cache=use_cache)
    assert_close(found, [decode_by_hand(PROMPT, 30, context)], "the windows of the contract")


@BOTH
@pytest.mark.parametrize("length", [7, 8, 9, 12, 13, 14, 40])
def test_a_long_prompt_keeps_its_last_tokens_by_the_same_rule(make_clockwork, use_cache, length):
    prompt = [(5 * place + 3) % 97 for place in range(length)]
    found = generate(make_clockwork(8), [prompt], 12, temperature=0.0, use_cache=use_cache)
    assert_close(found, [decode_by_hand(prompt, 12, 8)], f"a prompt of {length} tokens, context 8")


@BOTH
def test_tokens_far_beyond_the_context(make_clockwork, by_row, use_cache):
    prompts, model = [PROMPT, [2] * 8, list(range(20))], make_clockwork(8)
    settings = {"temperature": 0.0, "use_cache": use_cache}
    check(by_row(lambda: generate(model, prompts, 24, **settings), count=3))


@BOTH
def test_tokens_of_single_rows_up_to_the_context_and_beyond(make_clockwork, by_row, use_cache):
    model, settings, found = make_clockwork(8), {"temperature": 0.0, "use_cache": use_cache}, {}
    for length, count in [(3, 6), (3, 16), (8, 3), (9, 8), (13, 8)]:
        prompt = [(5 * place + 3) % 97 for place in range(length)]
        row = by_row(partial(generate, model, [prompt], count, **settings), count=1)
        found[f"{length} tokens and {count} more"] = row["row 0"]
    check(found)


@BOTH
def test_how_many_tokens_the_model_sees(make_clockwork, use_cache):
    found, settings = {}, {"temperature": 0.0, "use_cache": use_cache}
    for context, length in [(8, 3), (7, 3), (5, 2), (8, 8), (8, 9), (8, 11), (8, 13), (7, 40)]:
        model = make_clockwork(context, counting=True)
        seen = outcome(partial(generate, model, [[4] * length], 16, **settings))
        name = f"context {context}, prompt of {length} tokens: tokens seen, step by step"
        # Which error it is depends on how a cache was written, not on what is wrong.
        found[name] = "an error" if isinstance(seen, str) else seen[0]
    check(found)


def test_what_the_model_is_fed(make_clockwork):
    found = {}
    for context, count, use_cache in [(32, 12, True), (6, 20, True), (6, 20, False)]:
        model = make_clockwork(context)
        outcome(partial(generate, model, [PROMPT], count, temperature=0.0, use_cache=use_cache))
        name = f"{'cached' if use_cache else 'uncached'}, context {context}"
        rows = [row for call in model.calls for row in call.positions]
        found[f"{name}: passes a cache"] = sorted({call.cached for call in model.calls})
        if use_cache:
            found[f"{name}: positions"] = [place for row in rows for place in row]
        else:
            found[f"{name}: longest"] = max(len(row) for row in rows)
            found[f"{name}: first positions"] = sorted({row[0] for row in rows})
    check(found)


def test_how_much_a_batch_is_fed(make_clockwork):
    found, model = {}, make_clockwork(64)
    generate(model, [[4] * 5, [6] * 2, [8] * 3], 30, temperature=0.0)
    few = "at most 102: each once, and some padding"
    found["tokens fed for 3 rows"] = few if fed(model) <= 102 else "more than 102"
    model = make_clockwork(32)
    generate(model, [[4] * (1 + 3 * row) for row in range(8)], 60, temperature=0.0)
    few = "under 2,000: only the rows that are cut"
    found["tokens fed for 8 rows with cuts"] = few if fed(model) < 2000 else "2,000 or more"
    check(found)


@BOTH
def test_decoding_can_go_on_from_any_of_its_own_tokens(make_clockwork, use_cache):
    model = make_clockwork(8)
    settings = {"temperature": 0.0, "use_cache": use_cache}
    (whole,) = generate(model, [PROMPT], 20, **settings)
    for step in (1, 5, 6, 7, 13):
        rest = generate(model, [PROMPT + whole[:step]], 20 - step, **settings)
        assert_close(rest, [whole[step:]], f"begun again after {step} new tokens")


def test_the_cache_spares_the_model_all_tokens_but_the_newest(make_clockwork):
    model = make_clockwork(64)
    generate(model, [PROMPT], 30, temperature=0.0)
    # 3 tokens of the prompt and 29 new ones; the 30th is not fed to anyone.
    assert fed(model) == 32, f"the model was fed {fed(model)} tokens instead of 32"
    assert all(call.cached for call in model.calls)


def test_the_cache_spares_a_batch_too(make_clockwork):
    model = make_clockwork(64)
    generate(model, [[4] * 5, [6] * 2, [8] * 3], 30, temperature=0.0)
    # 10 tokens of the prompts with at most 5 of padding, 29 new ones for each of 3 rows.
    assert fed(model) <= 10 + 5 + 3 * 29, f"the model was fed {fed(model)} tokens, not 97 to 102"


def test_a_cut_feeds_half_a_context_and_no_more(make_clockwork):
    model = make_clockwork(8)
    generate(model, [PROMPT], 36, temperature=0.0)
    # Windows of 3 to 8, then six times 4 to 8: 3 + 5, then 4 + 4 each time.
    assert fed(model) == 8 + 6 * 8, f"the model was fed {fed(model)} tokens instead of 56"


def test_cuts_of_a_batch_feed_the_rows_that_are_cut(make_clockwork):
    model = make_clockwork(32)
    generate(model, [[4] * (1 + 3 * row) for row in range(8)], 60, temperature=0.0)
    # With refills of the cut rows alone: 8 · 59 new tokens, 8 · 22 of the prompts and their
    # padding, and 16 for each of the 24 cuts: about 1,000. The whole batch at each cut: 3,600.
    assert fed(model) < 2000, f"the model was fed {fed(model)} tokens; about 1,000 are needed"


def test_positions_start_at_zero_in_every_window(make_clockwork):
    model = make_clockwork(6)
    generate(model, [PROMPT], 20, temperature=0.0)
    positions = [place for call in model.calls for row in call.positions for place in row]
    # Windows of 3 to 6, then 3 to 6 again, four more times.
    assert positions == [*range(6)] * 5, f"fed at positions {positions}"


def test_without_the_cache_the_model_is_fed_whole_windows(make_clockwork):
    model = make_clockwork(8)
    generate(model, [PROMPT], 10, temperature=0.0, use_cache=False)
    assert not any(call.cached for call in model.calls), "use_cache=False, and a cache was passed"
    starts = {tuple(row[:1]) for call in model.calls for row in call.positions}
    assert starts == {(0,)}, "every call begins at position 0 of the window"
