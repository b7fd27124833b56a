import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from groundup.testing import assert_close, check, keys
from s04_transformer import ModelConfig, TransformerLM
from s08_benchmarking import count_parameters, forward_flops, training_flops

# No two sizes are equal, so that none can stand in for another.
SMALL = {"vocab_size": 101, "context_length": 16, "d_model": 36, "num_layers": 5, "num_heads": 3}
BATCH, SEQ = 7, 11
OPERATIONS = ("q_proj", "k_proj", "v_proj", "scores", "weighted_values", "o_proj", "ffn", "lm_head")
# What is another than in SMALL, batch, seq: the order of the values in an observation.
CASES = [
    ({}, 7, 11),
    ({"tie_embeddings": True}, 3, 13),
    ({"ffn": "silu"}, 5, 14),
    ({"ffn": "silu", "tie_embeddings": True}, 2, 9),
    ({"num_heads": 2}, 4, 11),
    ({"num_layers": 3}, 6, 13),
    ({"d_model": 42, "d_ff": 61}, 7, 5),
    ({"vocab_size": 89}, 3, 10),
]


def worked_example():
    return ModelConfig(
        vocab_size=10_000, context_length=256, d_model=512, num_layers=4, num_heads=16, d_ff=1344
    )


def config(**changes):
    return ModelConfig(**(SMALL | {"d_ff": 52} | changes))


def ablations():
    choices = itertools.product(("pre", "post", "none"), ("swiglu", "silu"), (False, True))
    for norm, ffn, tied in choices:
        yield f"{norm} {ffn} {tied}", config(norm=norm, ffn=ffn, tie_embeddings=tied)


def test_parameters_of_the_worked_example():
    # Two tables of 10,000 · 512; in each layer 4 · 512² + 3 · 512 · 1344 and two gains of 512;
    # a final gain of 512.
    assert count_parameters(worked_example()) == 22_696_448


@pytest.mark.points(2)
def test_parameters_are_those_of_the_model_in_every_ablation():
    for name, ablation in ablations():
        model = TransformerLM(ablation, device="meta")
        expected = sum(parameter.numel() for parameter in model.parameters())
        assert_close(count_parameters(ablation), expected, f"numel of the model, {name}")


def test_parameters_in_every_ablation():
    sizes = {"vocab_size": 89}, {"num_layers": 3}, {"d_model": 42}, {"d_ff": 61}
    others = {str(change): config(**change) for change in sizes}
    observed = dict(ablations()) | others | {"worked example": worked_example()}
    check({name: count_parameters(each) for name, each in observed.items()})


def test_forward_flops_of_the_worked_example():
    flops = forward_flops(worked_example(), 32, 256)
    found = {name: round(value / 1e9, 1) for name, value in flops.items()}
    projections = dict.fromkeys(("q_proj", "k_proj", "v_proj", "o_proj"), 17.2)
    expected = projections | {
        "scores": 8.6,
        "weighted_values": 8.6,
        "ffn": 135.3,
        "lm_head": 83.9,
    }
    assert found == expected, f"GFLOP at batch 32, seq 256: expected {expected}, found {found}"


def test_forward_flops_by_operation():
    found = [forward_flops(config(**changes), batch, seq) for changes, batch, seq in CASES]
    observation = {name: [flops.get(name, -1) for flops in found] for name in OPERATIONS}
    check(keys(set().union(*found), OPERATIONS) | observation)


def test_training_flops_of_different_models():
    found = [training_flops(config(**changes), batch, seq) for changes, batch, seq in CASES]
    rule = [6 * count_parameters(config(**changes)) * batch * seq for changes, batch, seq in CASES]
    check({"FLOP": found, "all are 6 · count_parameters · tokens": found == rule})


def test_forward_flops_are_what_torch_counts_for_each_product():
    def counted(times, left, right):
        with FlopCounterMode(display=False) as counter:
            torch.empty(left, device="meta") @ torch.empty(right, device="meta")
        return times * counter.get_total_flops()

    tokens, layers, heads = BATCH * SEQ, 5, 7 * 3
    projection = counted(layers, (tokens, 36), (36, 36))
    expected = {
        "q_proj": projection,
        "k_proj": projection,
        "v_proj": projection,
        "scores": counted(layers, (heads, SEQ, 12), (heads, 12, SEQ)),
        "weighted_values": counted(layers, (heads, SEQ, SEQ), (heads, SEQ, 12)),
        "o_proj": projection,
        "ffn": 2 * counted(layers, (tokens, 36), (36, 52))
        + counted(layers, (tokens, 52), (52, 36)),
        "lm_head": counted(1, (tokens, 36), (36, 101)),
    }
    found = forward_flops(config(), BATCH, SEQ)
    assert found == expected, f"torch's FlopCounterMode: expected {expected}, found {found}"


def test_only_attention_grows_with_the_square_of_seq():
    once, twice = forward_flops(config(), BATCH, SEQ), forward_flops(config(), BATCH, 2 * SEQ)
    growth = {name: twice[name] / once[name] for name in once}
    expected = {name: 4.0 if name in ("scores", "weighted_values") else 2.0 for name in once}
    assert growth == expected, f"growth when seq doubles: expected {expected}, found {growth}"


def test_flops_grow_with_the_batch():
    one, seven = forward_flops(config(), 1, SEQ), forward_flops(config(), BATCH, SEQ)
    assert seven == {name: 7 * flops for name, flops in one.items()}


def test_flops_do_not_depend_on_norms_positions_or_tying():
    same = config(norm="none", position="none", tie_embeddings=True)
    assert forward_flops(same, BATCH, SEQ) == forward_flops(config(), BATCH, SEQ), (
        "a tied head is still a product, norms and RoPE are none"
    )


def test_the_backward_pass_costs_twice_the_forward_pass():
    def counted(backward):
        x = torch.empty(77, 36, device="meta", requires_grad=True)
        weight = torch.empty(36, 101, device="meta", requires_grad=True)
        with FlopCounterMode(display=False) as counter:
            y = x @ weight
            if backward:
                y.sum().backward()
        return counter.get_total_flops()

    ratio = counted(backward=True) // counted(backward=False)
    forward = sum(forward_flops(config(), BATCH, SEQ).values())
    assert_close(training_flops(config(), BATCH, SEQ), ratio * forward, "forward and backward")


def test_training_flops_of_the_worked_example():
    found = training_flops(worked_example(), 32, 256) / 1e9
    assert_close(found, 915.2, "GFLOP of a step at batch 32, seq 256", atol=0.05)
