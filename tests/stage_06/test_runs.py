import json
import sys
import types

import pytest
import torch

from groundup.testing import assert_close, check
from s06_training import Diverged, Leak, evaluate, load_model, train


def test_lines_are_logged_when_due(configure, read_metrics):
    config = configure(steps=10, log_every=3, eval_every=4)
    train(config)
    lines = read_metrics(config)
    assert [line["step"] for line in lines] == [3, 4, 6, 8, 9, 10]
    evaluated = [line["step"] for line in lines if "valid_loss" in line]
    assert evaluated == [4, 8, 10], "valid_loss every 4 steps and at the end"


def test_a_line_holds_what_the_contract_says(configure, read_metrics):
    config = configure(steps=4, log_every=2, eval_every=4, accumulation_steps=3)
    train(config)
    first, last = read_metrics(config)
    names = {"step", "train_loss", "lr", "grad_norm", "tokens", "seconds", "tokens_per_second"}
    assert set(first) == names and set(last) == names | {"valid_loss"}
    assert (first["tokens"], last["tokens"]) == (2 * 72, 4 * 72), "3 batches of 4 windows of 6"
    rate = 144 / (last["seconds"] - first["seconds"])
    assert_close(last["tokens_per_second"], rate, "tokens by seconds since the last line", rtol=0.1)


def test_valid_loss_is_that_of_the_model_at_this_step(configure, read_metrics):
    config = configure(eval_windows=3)
    result = train(config)
    model = load_model(config.run_dir / "checkpoint.pt")
    tokens = torch.frombuffer(bytearray(config.valid_tokens.read_bytes()), dtype=torch.int16)
    expected = evaluate(model, tokens.numpy(), batch_size=4, context_length=6, max_windows=3)
    assert_close(read_metrics(config)[-1]["valid_loss"], expected, "evaluate()", rtol=1e-6)
    assert_close(result.valid_loss, expected, "the result says the same", rtol=1e-6)


def test_the_result_is_the_last_line(configure, read_metrics):
    config = configure()
    result, last = train(config), read_metrics(config)[-1]
    assert (result.step, result.run_dir) == (6, config.run_dir)
    found = (result.train_loss, result.valid_loss, result.seconds)
    assert found == (last["train_loss"], last["valid_loss"], last["seconds"])
    rate = last["tokens"] / last["seconds"]
    assert_close(result.tokens_per_second, rate, "all tokens by all seconds", rtol=1e-6)


def test_the_configuration_is_kept_beside_the_metrics(configure):
    config = configure()
    train(config)
    kept = json.loads((config.run_dir / "config.json").read_text(encoding="utf-8"))
    assert (kept["max_lr"], kept["model"]["d_model"], kept["steps"]) == (0.05, 8, 6)


def test_checkpoints_are_saved_when_due(configure, monkeypatch):
    steps, real_save = [], torch.save

    def save(state, *args, **kwargs):
        steps.append(state["step"])
        return real_save(state, *args, **kwargs)

    monkeypatch.setattr(torch, "save", save)
    train(configure(steps=10, checkpoint_every=4))
    assert steps == [4, 8, 10], "every 4 steps and at the end"


@pytest.mark.parametrize("value", [torch.nan, 1e38], ids=["loss NaN", "norm infinite"])
def test_a_run_that_diverges_stops_and_names_the_step(configure, on_forward, read_metrics, value):
    config = configure(checkpoint_every=2)
    on_forward(lambda call, logits: logits * value if call == 4 else logits)
    with pytest.raises(Diverged, match="step 4") as error:
        train(config)
    text = str(error.value)
    assert "max_lr" in text and "\n" not in text, "one line with the likely causes"
    state = torch.load(config.run_dir / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2, "the last checkpoint is from before"
    assert all(p.isfinite().all() for p in state["model"].values())
    assert [line["step"] for line in read_metrics(config)] == [1, 2, 3]


def test_an_infinite_loss_is_noticed_in_a_step_that_is_not_logged(configure, on_forward):
    def forbid(call, logits):  # of every token that is likely: the gradient stays finite
        return logits.masked_fill(torch.arange(13) < 9, -torch.inf) if call == 4 else None

    on_forward(forbid)
    with pytest.raises(Diverged, match="step 4") as error:
        train(configure(log_every=5, eval_every=6))
    assert "inf" in str(error.value)


def test_a_validation_loss_under_the_floor_is_a_leak(configure):
    with pytest.raises(Leak, match="step 3") as error:
        train(configure(entropy_floor=20.0))
    assert "20.0" in str(error.value) and "\n" not in str(error.value)


def test_chance_is_a_matter_of_the_tokens_that_were_evaluated(configure, write_ids, draw):
    ids = write_ids("long.bin", draw.integers(0, 13, 3601).numpy())
    changes = {"valid_tokens": ids, "eval_windows": 600, "steps": 1, "warmup_steps": 0}
    loss = train(configure("first", batch_size=60, **changes)).valid_loss
    with pytest.raises(Leak):  # 2/√3600 is 0.033
        train(configure("second", batch_size=60, **changes, entropy_floor=loss + 0.06))


@pytest.mark.parametrize("above", [-1.0, 1e-3], ids=["floor well under", "within chance"])
def test_a_loss_that_chance_allows_is_no_leak(configure, above):
    loss = train(configure("first")).valid_loss
    again = train(configure("second", entropy_floor=loss + above, eval_every=6))
    assert again.valid_loss == loss


def test_ids_that_the_model_does_not_have_are_refused(configure, write_ids):
    for field in ("train_tokens", "valid_tokens"):
        tokens = write_ids("large.bin", [*range(12), 13, 2, 3])
        config = configure(field, **{field: tokens})
        with pytest.raises(ValueError, match="13") as error:
            train(config)
        assert "vocab_size" in str(error.value) and "\n" not in str(error.value)
        assert not (config.run_dir / "metrics.jsonl").exists(), "before any training"


def test_files_of_less_than_a_window_are_refused(configure, write_ids):
    for field in ("train_tokens", "valid_tokens"):
        config = configure(field, **{field: write_ids("short.bin", range(6))})
        with pytest.raises(ValueError, match="7") as error:
            train(config)
        assert "context_length" in str(error.value) and "\n" not in str(error.value)
        assert not (config.run_dir / "metrics.jsonl").exists(), "before any training"


def test_a_file_of_exactly_one_window_is_enough(configure, write_ids):
    tokens = write_ids("one.bin", range(7))
    assert train(configure(train_tokens=tokens, valid_tokens=tokens)).step == 6


class FakeRun:
    """Stands for wandb and for a run of it; remembers what was logged."""

    id = "abc123"

    def __init__(self):
        self.started, self.logged, self.finished = [], [], 0

    def init(self, **settings):
        self.started.append(settings)
        return self

    def log(self, data, step=None, **_):
        self.logged.append((step, dict(data)))

    def finish(self, *_, **__):
        self.finished += 1

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.finish()


@pytest.fixture
def wandb(monkeypatch):
    fake, module = FakeRun(), types.ModuleType("wandb")
    module.init, module.log, module.finish = fake.init, fake.log, fake.finish
    module.run = fake
    monkeypatch.setitem(sys.modules, "wandb", module)
    return fake


def test_wandb_gets_every_line_in_one_call(configure, read_metrics, wandb):
    config = configure(wandb="offline", steps=10, log_every=3, eval_every=4)
    train(config, lambda model: "Once upon a time")
    assert [step for step, _ in wandb.logged] == [3, 4, 6, 8, 9, 10], "one call a step, step=n"
    for (_, data), line in zip(wandb.logged, read_metrics(config), strict=True):
        assert data.items() >= {k: v for k, v in line.items() if k != "step"}.items()
    assert [each["mode"] for each in wandb.started] == ["offline"], "init(mode=…), once"
    assert wandb.finished, "the run must be finished"


def test_what_wandb_is_told(configure, fixed_weights, read_metrics, wandb):
    config = configure(wandb="offline", steps=4, log_every=2, eval_every=3, eval_windows=4)
    train(config, lambda model: "Once upon a time")
    fields = {line["step"]: line.keys() - {"step"} for line in read_metrics(config)}
    missing = [fields.get(step, set()) - data.keys() for step, data in wandb.logged]
    check(
        {
            "step of each call": [-1 if step is None else step for step, _ in wandb.logged],
            "of its line, missing in each call": [", ".join(sorted(m)) or "-" for m in missing],
            "modes": [each.get("mode", "none given") for each in wandb.started],
            "finished": bool(wandb.finished),
        }
    )


def test_wandb_is_not_imported_unless_asked_for(configure, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # An import of it would fail.
    assert train(configure()).step == 6


def test_progress_can_be_silent(configure, capfd):
    train(configure(progress=False))
    assert capfd.readouterr() == ("", "")


def test_progress_is_plain_lines_where_there_is_no_terminal(configure, capfd):
    train(configure(progress=True))
    shown = "".join(capfd.readouterr())
    assert "\r" not in shown and "\x1b" not in shown, "a bar would fill a log file with noise"
    assert len(shown.splitlines()) >= 2 and "6" in shown, f"shown: {shown!r}"
