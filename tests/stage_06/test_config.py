import dataclasses

import pytest
from jaxtyping import config as jaxtyping_config

from groundup.testing import check

WRONG = [
    ("steps", 0), ("batch_size", 0), ("accumulation_steps", 0), ("eval_every", 0),
    ("checkpoint_every", 0), ("log_every", -1), ("eval_windows", 0), ("warmup_steps", -1),
    ("warmup_steps", 7), ("max_lr", 0.0), ("min_lr", -0.1), ("min_lr", 0.06),
    ("betas", (0.9, 1.0)), ("betas", (-0.1, 0.9)), ("eps", -1e-8), ("weight_decay", -0.1),
    ("max_grad_norm", 0.0), ("max_grad_norm", -1.0), ("dtype", "float16"), ("wandb", "on"),
    ("seed", -1), ("entropy_floor", -0.5), ("keep_last", -1), ("checkpoint_minutes", 0.0),
]  # fmt: skip


@pytest.fixture
def no_type_checks():
    """So that a choice that does not exist reaches the configuration, as it does in training."""
    jaxtyping_config.update("jaxtyping_disable", True)
    yield
    jaxtyping_config.update("jaxtyping_disable", False)


def test_which_configurations_are_refused(configure, no_type_checks, answer):
    configure()
    check({f"{n} {v}": answer(lambda n=n, v=v: configure(**{n: v})) for n, v in WRONG})


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_field_that_makes_no_sense_is_named(configure, no_type_checks, name, value):
    configure()
    with pytest.raises(ValueError, match=name) as error:
        configure(**{name: value})
    assert "\n" not in str(error.value), "one line is enough to say what is wrong"


@pytest.mark.parametrize(
    ("name", "value"),
    [("warmup_steps", 0), ("warmup_steps", 6), ("min_lr", 0.0), ("min_lr", 0.05), ("eps", 0.0),
     ("betas", (0.0, 0.0)), ("weight_decay", 0.0), ("max_grad_norm", None), ("eval_windows", None),
     ("entropy_floor", 0.0), ("seed", 0), ("dtype", "bfloat16"), ("wandb", "offline"),
     ("keep_last", 0), ("keep_last", 1), ("checkpoint_minutes", 0.5)],
)  # fmt: skip
def test_the_last_value_that_makes_sense_is_taken(configure, name, value):
    assert getattr(configure(**{name: value}), name) == value


def test_a_configuration_cannot_be_changed(configure):
    with pytest.raises(dataclasses.FrozenInstanceError):
        configure().steps = 7
