import signal

import pytest
import torch

from groundup.testing import check
from s06_training import train


class PowerCut(Exception):
    """What ends a run without asking it."""


def column(lines, name):
    return [line[name] for line in lines if name in line]


def step_of(config):
    """The step of the checkpoint that a run left, 0 if it left none."""
    path = config.run_dir / "checkpoint.pt"
    return torch.load(path, weights_only=True)["step"] if path.exists() else 0


@pytest.fixture
def at_forward(on_forward):
    """What a forward pass for training does beside its work, by its number; the list has a 1 for
    each."""
    calls = []

    def register(actions):
        def act(count, logits):
            calls.append(1)
            return actions[count](logits) if count in actions else None

        on_forward(act)
        return calls

    return register


def test_a_run_killed_in_its_fourth_step(
    configure, fixed_weights, at_forward, read_metrics, answer
):
    def cut(logits):
        raise PowerCut

    config = {"checkpoint_every": 2, "eval_every": 2, "eval_windows": 4}
    whole, config = configure("whole", **config), configure(**config)
    answers, counts = [answer(lambda: train(whole))], []
    calls = at_forward({4: cut})
    for _ in range(3):
        answers.append(answer(lambda: train(config)))
        counts.append(len(calls) - sum(counts))
    found, expected = read_metrics(config), read_metrics(whole)
    parts = {"step": column(found, "step"), "answers": answers, "forward passes": counts}
    for name in ("train_loss", "grad_norm", "lr", "valid_loss"):
        pairs = zip(column(found, name), column(expected, name), strict=False)
        parts[f"{name}, less that of a whole run"] = [a - b for a, b in pairs]
    check(parts, atol=2e-6)


def test_a_checkpoint_of_other_settings(configure, fixed_weights, at_forward, answer):
    train(configure(steps=2, eval_windows=4))
    changes = {
        "seed": 8, "max_lr": 0.04, "betas": (0.7, 0.9), "max_grad_norm": None, "log_every": 2,
    }  # fmt: skip
    calls = at_forward({})
    configs = {name: configure(**{"steps": 2, name: value}) for name, value in changes.items()}
    parts = {name: answer(lambda config=config: train(config)) for name, config in configs.items()}
    check(parts | {"forward passes": len(calls)})


def test_a_run_whose_fourth_step_diverges(
    configure, fixed_weights, at_forward, read_metrics, answer
):
    at_forward({4: lambda logits: logits * torch.nan})
    config = configure(steps=5, checkpoint_every=2, log_every=5, eval_every=5)
    check(
        {
            "answer": answer(lambda: train(config)),
            "step of the checkpoint": step_of(config),
            "logged": [0, *column(read_metrics(config), "step")],
        }
    )


def test_a_run_whose_fourth_loss_is_infinite(configure, fixed_weights, at_forward, answer):
    def forbid(logits):  # the loss is infinite, and its gradient is finite
        return logits.masked_fill(torch.arange(logits.shape[-1]) < 9, -torch.inf)

    at_forward({4: forbid})
    config = configure(steps=5, checkpoint_every=2, log_every=5, eval_every=5)
    check({"answer": answer(lambda: train(config)), "step of the checkpoint": step_of(config)})


def test_losses_around_the_entropy_floor(configure, fixed_weights, read_metrics, answer):
    still = {"steps": 1, "warmup_steps": 0, "max_lr": 1e-9, "min_lr": 0.0, "eval_windows": 4}
    config = configure("low", **still, entropy_floor=0.0)
    parts = {"far over the floor": answer(lambda: train(config))}
    loss = read_metrics(config)[-1]["valid_loss"]
    for name, floor in (("by chance under it", loss + 0.03), ("far under it", 20.0)):
        config = configure(name, **still, entropy_floor=floor)
        parts[name] = answer(lambda config=config: train(config))
    check(parts)


def test_a_run_stopped_by_ctrl_c(configure, fixed_weights, at_forward, read_metrics, answer):
    calls = at_forward({2: lambda logits: signal.raise_signal(signal.SIGINT)})
    config, before = configure(steps=4, checkpoint_every=100), signal.getsignal(signal.SIGINT)
    parts = {"answer": answer(lambda: train(config)), "step of the checkpoint": step_of(config)}
    parts |= {"forward passes": len(calls), "logged": column(read_metrics(config), "step")}
    handler = "as before" if signal.getsignal(signal.SIGINT) is before else "the run's"
    check(parts | {"what Ctrl-C does afterwards": handler})


def test_token_files_that_do_not_fit(configure, write_ids, answer):
    files = {
        "an id too large": [*range(12), 13, 2, 3],
        "an id far too large": [*range(12), 400, 2, 3],
        "less than a window": range(6),
    }
    parts = {}
    for field in ("train_tokens", "valid_tokens"):
        for what, ids in files.items():
            run = f"{field} {what}"
            changed = configure(run, steps=2, **{field: write_ids(f"{run}.bin", ids)})
            parts[f"{field}: {what}"] = answer(lambda changed=changed: train(changed))
    check(parts)
