import pytest
import torch

from groundup.testing import assert_close, check
from s04_transformer import ModelConfig, TransformerLM
from s07_decoding import KVCache


def new_cache(*sizes, **settings):
    """A cache where memory that was taken without being filled holds NaN, and nothing by chance."""
    torch.use_deterministic_algorithms(True)
    try:
        return KVCache(*sizes, **settings)
    finally:
        torch.use_deterministic_algorithms(False)


def make(draw, dtype=None):
    """A model with three layers, a cache for each of them, and two rows of nine tokens."""
    config = ModelConfig(
        vocab_size=23, context_length=12, d_model=12, num_layers=3, num_heads=2, d_ff=20
    )
    model = TransformerLM(config, dtype=dtype)
    draw.weights(model)
    caches = [new_cache(2, 2, 12, 6, dtype=dtype) for _ in range(config.num_layers)]
    return model, caches, draw.distinct(23, 2, 9)


@torch.no_grad()
def forced(model, caches, tokens, chunks):
    """The logits when the rows are fed in pieces of these lengths, whatever the model prefers."""
    pieces, start = [], 0
    for length in chunks:
        positions = torch.arange(start, start + length)
        fed = tokens[:, start : start + length]
        pieces.append(model(fed, positions=positions, cache=caches))
        start += length
    return pieces


@pytest.mark.points(2)
def test_every_forced_step_gives_the_logits_of_the_whole_sequence(draw):
    model, caches, tokens = make(draw)
    found = torch.cat(forced(model, caches, tokens, [4, 1, 1, 1, 1, 1]), dim=1)
    assert_close(found, model(tokens), "the same tokens without a cache", atol=1e-5, rtol=1e-5)


def test_logits_of_a_prefill_and_four_steps(draw):
    model, caches, tokens = make(draw)
    pieces = forced(model, caches, tokens, [4, 1, 1, 1, 1])
    names = ["prefill", "step 1", "step 2", "step 3", "step 4"]
    check(dict(zip(names, pieces, strict=True)), atol=1e-5, rtol=1e-5)


def test_logits_of_a_prompt_in_pieces_and_of_a_new_start(draw):
    model, caches, tokens = make(draw)
    names = ["first piece", "second piece", "one more", "anew", "anew, step 1", "anew, step 2"]
    pieces = forced(model, caches, tokens, [4, 4, 1])
    pieces += forced(model, caches, tokens.flip(1), [4, 1, 1])
    check(dict(zip(names, pieces, strict=True)), atol=1e-5, rtol=1e-5)


def test_logits_of_two_rows_of_different_lengths(draw):
    model, caches, tokens = make(draw)
    rows, prefill = torch.arange(2)[:, None], tokens[:, :4].clone()
    prefill[1, 2:] = 0  # the second row has two tokens and two of padding
    found = {}
    with torch.no_grad():
        logits = model(prefill, positions=torch.arange(4), cache=caches)
        found["last of the prefill"] = logits[rows, torch.tensor([[3], [1]])]
        for step in range(4):
            positions = torch.tensor([[4 + step], [2 + step]])
            logits = model(tokens[rows, positions], positions=positions, cache=caches)
            found |= {f"long row, step {step}": logits[0], f"short row, step {step}": logits[1]}
    check(found, atol=1e-5, rtol=1e-5)


def test_what_update_returns(draw):
    cache, k, v = new_cache(2, 3, 9, 4), draw.normal(2, 3, 5, 4), draw.normal(2, 3, 5, 4)
    found, last = {}, 0
    for name, length, positions in [
        ("prefill", 5, torch.arange(5)),
        ("step", 1, torch.tensor([[5], [2]])),
        ("piece", 2, torch.tensor([[6, 7], [3, 4]])),
        ("new start", 3, torch.arange(1, 4)),
    ]:
        keys, values, mask = cache.update(k[:, :, :length], v[:, :, :length], positions)
        # Slots that nobody has written may be there or not; nobody may attend to them.
        last = max(last, int(positions.max()))
        found[f"{name}: keys"] = keys[:, :, : last + 1].clone()
        found[f"{name}: values"] = values[:, :, : last + 1].clone()
        found[f"{name}: mask"] = mask[:, 0, :, :5].expand(2, -1, -1)
        found[f"{name}: attends beyond"] = bool(mask[..., last + 1 :].any())
        k, v = k.roll(1, dims=2), v.roll(1, dims=2)
    check(found, atol=1e-6)


def test_what_a_cache_is_made_of(draw):
    cache = new_cache(2, 3, 7, 4)
    found = {"keys at first": cache.keys.clone(), "values at first": cache.values.clone()}
    half = KVCache(1, 2, 8, 4, device="meta", dtype=torch.bfloat16)
    found["devices"] = [half.keys.device.type, half.values.device.type]
    found["dtypes"] = [str(half.keys.dtype), str(half.values.dtype)]
    kv = draw.normal(2, 3, 1, 4)
    returned = [cache.update(kv, kv, torch.tensor([position]))[:2] for position in range(5)]
    storages = {part.untyped_storage().data_ptr() for pair in returned for part in pair}
    found["update takes new memory"] = len(storages) > 2
    kv.zero_()  # the cache holds a copy
    found["keys afterwards"] = returned[-1][0][:, :, :5].clone()
    check(found)


def test_a_prompt_may_come_in_pieces(draw):
    model, caches, tokens = make(draw)
    found = torch.cat(forced(model, caches, tokens, [4, 4, 1]), dim=1)
    assert_close(found, model(tokens), "the prompt in one piece", atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_rows_of_different_lengths_only_need_padding_on_the_right(draw):
    model, caches, tokens = make(draw)
    # The second row has two tokens; what follows them in its prefill is padding.
    padded = torch.where(torch.tensor([[True] * 4, [True, True, False, False]]), tokens[:, :4], 9)
    model(padded, positions=torch.arange(4), cache=caches)
    rows, expected = torch.arange(2)[:, None], model(tokens)
    for step in range(4):
        positions = torch.tensor([[4 + step], [2 + step]])
        found = model(tokens[rows, positions], positions=positions, cache=caches)
        why = f"step {step}, each row at a position of its own"
        assert_close(found, expected[rows, positions], why, atol=1e-5, rtol=1e-5)


def test_what_lies_after_a_new_start_is_hidden(draw):
    model, caches, tokens = make(draw)
    forced(model, caches, tokens.flip(1), [4, 4, 1])
    found = torch.cat(forced(model, caches, tokens, [4, 1, 1]), dim=1)
    expected = model(tokens)[:, :6]
    assert_close(found, expected, "the slots of the earlier text are hidden", atol=1e-5, rtol=1e-5)


def test_the_whole_context_fits(draw):
    model, caches, _ = make(draw)
    tokens = draw.distinct(23, 2, 12)
    found = torch.cat(forced(model, caches, tokens, [4, 4, 1, 1, 1, 1]), dim=1)
    assert_close(found, model(tokens), "position 11 of 12", atol=1e-5, rtol=1e-5)


def test_update_gives_back_what_was_written_at_its_slot():
    cache = KVCache(2, 3, 6, 4)
    k = torch.arange(2 * 3 * 5 * 4.0).reshape(2, 3, 5, 4)
    cache.update(k[:, :, :3], -k[:, :, :3], torch.arange(3))
    keys, values, _ = cache.update(k[:, :, 3:], -k[:, :, 3:], torch.tensor([3, 4]))
    assert_close(keys[:, :, :5], k, "slot p holds the key of position p")
    assert_close(values[:, :, :5], -k, "slot p holds the value of position p")


def test_each_row_writes_at_its_own_positions():
    cache = KVCache(2, 1, 8, 2)
    before, after = torch.zeros(2, 1, 4, 2), torch.tensor([5.0, 7.0])[:, None, None, None]
    cache.update(before, before, torch.arange(4))
    keys, values, _ = cache.update(
        after.expand(2, 1, 1, 2), -after.expand(2, 1, 1, 2), torch.tensor([[4], [2]])
    )
    expected = torch.tensor([[0.0, 0.0, 0.0, 0.0, 5.0], [0.0, 0.0, 7.0, 0.0, 0.0]])
    assert_close(keys[:, 0, :5, 0], expected, "row 0 wrote at 4, row 1 at 2")
    assert_close(values[:, 0, :5, 0], -expected, "row 0 wrote at 4, row 1 at 2")


def test_a_query_may_attend_up_to_its_own_position():
    cache, kv = KVCache(2, 2, 8, 4), torch.zeros(2, 2, 5, 4)
    _, _, prefill = cache.update(kv, kv, torch.arange(5))
    _, _, step = cache.update(kv[:, :, :1], kv[:, :, :1], torch.tensor([[5], [2]]))
    assert_close(prefill[1, 0, :, :5], torch.ones(5, 5).tril().bool(), "a prefill is causal")
    assert not prefill[..., 5:].any(), "nobody may attend to a slot that holds nothing yet"
    expected = torch.tensor([[True] * 6, [True] * 3 + [False] * 3])
    assert_close(step[:, 0, 0, :6], expected, "positions 5 and 2 see 6 and 3 slots")


def test_the_memory_is_taken_once():
    cache, kv = KVCache(2, 2, 64, 4), torch.ones(2, 2, 1, 4)
    returned = [cache.update(kv, kv, torch.tensor([position]))[:2] for position in range(5)]
    storages = [part.untyped_storage() for pair in returned for part in pair]
    places = {storage.data_ptr(): storage.nbytes() for storage in storages}
    # One tensor for each of them, or one for both.
    assert len(places) <= 2, "update copied the cache; it should write into the memory it has"
    assert sum(places.values()) == 2 * (2 * 2 * 64 * 4) * 4, "64 slots for keys and for values"


def test_keys_are_kept_as_they_are_when_their_tensor_changes():
    cache, kv = KVCache(1, 1, 4, 2), torch.ones(1, 1, 1, 2)
    cache.update(kv, kv, torch.tensor([0]))
    kv.zero_()
    keys, _, _ = cache.update(kv, kv, torch.tensor([1]))
    assert_close(keys[0, 0, :2, 0], torch.tensor([1.0, 0.0]), "the cache holds a copy")


def test_two_caches_share_nothing():
    first, second, kv = KVCache(1, 1, 4, 2), KVCache(1, 1, 4, 2), torch.ones(1, 1, 1, 2)
    first.update(kv, kv, torch.tensor([0]))
    keys, _, _ = second.update(2 * kv, 2 * kv, torch.tensor([0]))
    again, _, _ = first.update(kv, kv, torch.tensor([1]))
    found = torch.stack([keys[0, 0, 0, 0], again[0, 0, 0, 0]])
    assert_close(found, torch.tensor([2.0, 1.0]), "each cache has memory of its own")


def test_cache_is_made_with_the_device_and_dtype_it_is_given():
    cache = KVCache(1, 2, 8, 4, device="meta", dtype=torch.bfloat16)
    found = {(part.device.type, part.dtype) for part in (cache.keys, cache.values)}
    assert found == {("meta", torch.bfloat16)}, f"found {found}"


def test_what_update_returns_has_the_dtype_of_the_cache():
    kv = torch.zeros(1, 2, 3, 4, dtype=torch.bfloat16)
    found = KVCache(1, 2, 8, 4, dtype=torch.bfloat16).update(kv, kv, torch.arange(3))
    assert [part.dtype for part in found] == [torch.bfloat16, torch.bfloat16, torch.bool]


def test_a_bfloat16_model_decodes_as_without_a_cache(draw):
    model, caches, tokens = make(draw, dtype=torch.bfloat16)
    found = torch.cat(forced(model, caches, tokens, [4, 1, 1, 1, 1, 1]), dim=1)
    assert found.dtype == torch.bfloat16
    # bfloat16 has 8 bits: a logit of size 2 is known to about 0.01, and three layers add up.
    assert_close(found, model(tokens), "the same tokens without a cache", atol=0.06)
