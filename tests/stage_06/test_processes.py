"""One model in two processes, as torchrun starts them, and in one."""

import pytest
import torch

from groundup.testing import as_torchrun, assert_close, check, outcome
from s06_training import train

COLUMNS = ("train_loss", "grad_norm", "valid_loss")
NOT_YET = "raises ValueError"
"""What every process answers as long as several of them are not written."""


def column(lines, name):
    return [line[name] for line in lines if name in line]


def test_losses_of_two_processes(configure, read_metrics, monkeypatch):
    changes = {"accumulation_steps": 2, "steps": 4, "max_grad_norm": 0.2, "eval_every": 2}
    alone, *two = (configure(run, **changes) for run in ("alone", "rank 0", "rank 1"))
    torch.manual_seed(0)  # as the others find it
    train(alone)
    expected, answers = read_metrics(alone), as_torchrun(train, two)
    found = expected if answers == [NOT_YET] * 2 else read_metrics(two[0])
    parts = {
        f"{name}, less that of one process": [
            a - b for a, b in zip(column(found, name), column(expected, name), strict=False)
        ]
        for name in COLUMNS
    }
    parts["rank 1 wrote"] = "a run" if two[1].run_dir.exists() else "nothing"
    monkeypatch.setenv("WORLD_SIZE", "3")
    odd = outcome(lambda: train(configure("odd", **changes)))
    check(parts | {"3 processes, batches of 4": odd if odd == NOT_YET else "accepted"}, atol=2e-5)


def test_two_processes_go_on_where_one_stopped(configure, cut_short, read_metrics):
    whole, resumed = configure("whole"), configure("resumed")
    train(whole)
    cut_short(resumed, 5)
    answers = as_torchrun(train, [resumed, resumed])
    if answers == [NOT_YET] * 2:
        return
    assert [answer.step for answer in answers] == [6, 6], answers
    lines, expected = read_metrics(resumed), read_metrics(whole)
    assert column(lines, "step") == [1, 2, 3, 4, 5, 6], "only one of them writes lines"
    for name in COLUMNS:
        assert_close(column(lines, name), column(expected, name), name, rtol=1e-4)


@pytest.mark.parametrize("count", [3, 8])
def test_a_batch_that_cannot_be_shared_is_refused(configure, monkeypatch, count):
    monkeypatch.setenv("WORLD_SIZE", str(count))
    monkeypatch.setenv("RANK", "0")
    config = configure()
    with pytest.raises(ValueError, match="WORLD_SIZE") as error:
        train(config)
    assert "\n" not in str(error.value)
    assert not config.run_dir.exists(), "before any training"
