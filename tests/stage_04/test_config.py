import dataclasses

import pytest

from groundup.testing import Mismatch, check, outcome
from s04_transformer import ModelConfig

SIZES = {
    "vocab_size": 23,
    "context_length": 16,
    "d_model": 24,
    "num_layers": 3,
    "num_heads": 3,
    "d_ff": 40,
}


def refusal(**changes):
    """The message of the ValueError that the changed sizes must raise."""
    try:
        config = ModelConfig(**{**SIZES, **changes})
    except ValueError as error:
        return str(error)
    raise Mismatch(f"{config} was accepted, but {changes} cannot be: raise ValueError")


def answer(changes):
    """Whether the changed sizes are accepted, or which exception says what of them."""
    try:
        ModelConfig(**{**SIZES, **changes})
    except ValueError as error:
        fields = [(name, value) for name, value in changes.items() if value != "none"]
        words = [str(word) for field in fields for word in field if not isinstance(word, float)]
        return "ValueError" if all(word in str(error) for word in words) else "unclear ValueError"
    return "accepted"


CANNOT_BE = [
    *({name: size} for name in SIZES for size in (0, -3)),
    *({name: x} for name in ("rope_theta", "norm_eps") for x in (0.0, -1.0, float("nan"))),
    *({"d_model": d_model, "num_heads": heads} for d_model, heads in ((10, 4), (14, 5), (2, 9))),
    *({"d_model": d_model, "num_heads": heads} for d_model, heads in ((15, 3), (18, 6), (35, 5))),
    *({"norm": "layer"}, {"norm": ""}, {"position": "sinusoidal"}, {"ffn": "relu"}),
    *({"d_model": 10, "num_heads": n, "position": "none"} for n in (4, 3)),
]
CAN_BE = [
    *({name: 1} for name in ("vocab_size", "context_length", "num_layers", "d_ff")),
    *({"d_model": 15, "num_heads": heads, "position": "none"} for heads in (3, 5, 1)),
    *({"rope_theta": 1e-3}, {"norm_eps": 1e-12}, {"d_model": 14, "num_heads": 7}),
]


def test_answers_to_configurations_that_can_and_cannot_be():
    observed = {}
    for changes in CANNOT_BE + CAN_BE:
        name = ", ".join(f"{field} {value}" for field, value in changes.items())
        observed[name] = outcome(lambda changes=changes: answer(changes))
    check(observed)


def test_config_keeps_what_it_is_given_and_defaults_to_llamas_choices():
    defaults = {"rope_theta": 10_000.0, "norm_eps": 1e-5, "norm": "pre", "position": "rope"}
    defaults |= {"ffn": "swiglu", "tie_embeddings": False}
    assert dataclasses.asdict(ModelConfig(**SIZES)) == SIZES | defaults


def test_config_is_frozen_keyword_only_and_comparable():
    config = ModelConfig(**SIZES)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.d_model = 48
    with pytest.raises(TypeError):
        ModelConfig(*SIZES.values())
    assert ModelConfig(**dataclasses.asdict(config)) == config
    assert dataclasses.replace(config, d_ff=41) != config


@pytest.mark.parametrize("field", SIZES)
@pytest.mark.parametrize("size", [0, -3])
def test_config_refuses_sizes_below_one(field, size):
    message = refusal(**{field: size})
    assert field in message, f"the message should name {field}: {message!r}"
    assert str(size) in message, f"the message should say what was found: {message!r}"


@pytest.mark.parametrize("field", ["rope_theta", "norm_eps"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_config_refuses_what_is_not_positive(field, value):
    assert field in refusal(**{field: value})


def test_config_refuses_heads_that_do_not_divide_d_model_and_names_both():
    message = refusal(d_model=10, num_heads=4)
    for part in ("d_model", "10", "num_heads", "4"):
        assert part in message, f"the message should have {part}: {message!r}"


def test_config_refuses_an_odd_head_width_with_rope_and_names_both():
    message = refusal(d_model=15, num_heads=3)
    for part in ("d_model", "15", "num_heads", "3"):
        assert part in message, f"the message should have {part}: {message!r}"


def test_config_allows_an_odd_head_width_without_rope():
    config = ModelConfig(**{**SIZES, "d_model": 15, "position": "none"})
    assert config.d_model // config.num_heads == 5


@pytest.mark.parametrize(
    ("field", "value"), [("norm", "layer"), ("position", "sinusoidal"), ("ffn", "relu")]
)
def test_config_refuses_a_choice_that_does_not_exist(field, value):
    message = refusal(**{field: value})
    assert field in message, f"the message should name {field}: {message!r}"
    assert value in message, f"the message should say what was found: {message!r}"


@pytest.mark.parametrize("choices", [("pre", "rope", "swiglu"), ("post", "none", "silu")])
def test_config_accepts_the_choices_that_exist(choices):
    norm, position, ffn = choices
    config = ModelConfig(**SIZES, norm=norm, position=position, ffn=ffn, tie_embeddings=True)
    assert (config.norm, config.position, config.ffn) == choices
    assert config.tie_embeddings
