"""What the notebook of expected cost shows, without a browser."""

import re
import sys
from dataclasses import replace

import pytest

from groundup.__main__ import main


@pytest.fixture(scope="module")
def config():
    from s04_transformer import ModelConfig

    return ModelConfig(
        vocab_size=10_000, context_length=256, d_model=512, num_layers=4, num_heads=16, d_ff=1344
    )


@pytest.fixture(scope="module")
def device():
    from s08_benchmarking import DEVICES

    return DEVICES["rtx4090"]


def test_the_numbers_are_the_answer_key(config, device):
    from groundup.notebooks.drawing import summary
    from groundup.notebooks.expected import expected_cost

    cost = expected_cost(config, 32, device, "bfloat16", tokens=327_680_000, price=0.5)
    assert cost.parameters == 22_696_448
    assert f"{cost.flops / 3:.4g}" == "3.051e+11"
    assert cost.tokens_per_second == pytest.approx(32 * 256 / sum(cost.seconds.values()))
    numbers = re.findall(r'data-number="(.+?)">(.+?)</dd>', summary(cost, device))
    assert ("parameters", "22,696,448") in numbers
    assert ("FLOP a step", "915.2 G") in numbers
    assert ("largest batch", "271") in numbers
    assert cost.budget.steps == 40_000
    hours = 40_000 * cost.total / 3600
    assert ("hours for all tokens, at least", f"{hours:.2f}") in numbers
    assert ("price of them, at least", f"{hours / 2:.2f}") in numbers


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("batch", "change", "moment"),
    [
        (271, {}, "loss"),
        (8, {"num_layers": 1, "vocab_size": 100}, "backward"),
        (1, {"context_length": 2}, "update"),
    ],
)
def test_memory_is_that_of_the_worst_moment(config, device, dtype, batch, change, moment):
    from groundup.notebooks.expected import expected_cost
    from s08_benchmarking import memory_by_moment

    config = replace(config, **change)
    cost = expected_cost(config, batch, device, dtype, tokens=1)
    moments = memory_by_moment(config, batch, config.context_length, dtype)
    assert cost.moment == moment
    assert sum(cost.memory.values()) == max(moments.values())
    assert min(cost.memory.values()) > 0
    assert (sum(cost.memory.values()) <= device.memory) == (batch <= cost.largest_batch)


@pytest.mark.parametrize("dtype, size", [("float32", 4), ("tf32", 4), ("bfloat16", 2)])
def test_points_are_where_their_operations_are_on_the_roof(config, device, dtype, size):
    from groundup.notebooks.expected import expected_cost

    points = expected_cost(config, 32, device, dtype, tokens=1).points
    assert sorted(name for point in points for name in point.names) == sorted(
        ["q_proj", "k_proj", "v_proj", "scores", "weighted_values", "o_proj", "ffn", "lm_head"]
    )
    tokens, width = 32 * 256, 512
    numbers = tokens * width + width * width + tokens * width
    [square] = [point for point in points if "q_proj" in point.names]
    assert square.names == ["q_proj", "k_proj", "v_proj", "o_proj"]
    assert square.intensity == pytest.approx(2 * tokens * width * width / (size * numbers))
    for point in points:
        roof = min(device.peak_flops[dtype], device.bandwidth * point.intensity)
        assert point.rate == pytest.approx(roof)


def test_a_bar_is_as_long_as_its_parts_and_shows_where_the_limit_is(config, device):
    from groundup.notebooks.drawing import as_bytes, bar, summary
    from groundup.notebooks.expected import expected_cost

    html = bar({"a<b": 2**30, "c": 2**30}, as_bytes, limit=2**32)
    assert re.findall(r"width: ([\d.]+)%", html) == ["25.0000", "25.0000"]
    assert "left: 100.0000%" in html
    assert "a&lt;b 1 GiB" in html and "a<b" not in html
    too_long = bar({"a": 2**33}, as_bytes, limit=2**32)
    assert "width: 100.0000%" in too_long and "left: 50.0000%" in too_long
    cost = expected_cost(config, 32, device, "bfloat16", tokens=1)
    assert "it does not fit" in summary(cost, replace(device, memory=2**30))
    assert "its memory is not known" in summary(cost, replace(device, memory=None))


@pytest.mark.parametrize("slower", [1, 3, 10, 100, 1000])
def test_every_number_of_the_roofline_can_be_read(config, device, slower):
    from groundup.notebooks.drawing import roofline
    from groundup.notebooks.expected import expected_cost

    here = replace(device, peak_flops={"float32": device.peak_flops["float32"] / slower})
    drawn = roofline(expected_cost(config, 32, here, "float32", tokens=1), here, "float32")
    texts = re.findall(r"<text[^>]*>([^<]*)</text>", drawn)
    numbers = [text for text in texts if re.fullmatch(r"[\d.]+( [kMGTP])?", text.strip())]
    assert len(numbers) >= 4
    assert "$" not in drawn


def test_explore_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "marimo", None)
    assert main(["explore"]) == 1
    line = 'groundup explore needs marimo; run pip install -e ".[notebook]"'
    assert capsys.readouterr() == ("", f"groundup: {line}\n")
