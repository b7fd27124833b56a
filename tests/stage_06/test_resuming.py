import dataclasses
import signal

import pytest
import torch

from s06_training import train


def press_ctrl_c():
    signal.raise_signal(signal.SIGINT)


def untimed(lines):
    clock = ("seconds", "tokens_per_second")
    return [{name: value for name, value in line.items() if name not in clock} for line in lines]


@pytest.mark.points(3)
@pytest.mark.parametrize("call", [2, 5], ids="killed in step {}".format)
def test_a_killed_run_resumes_to_the_bit(configure, cut_short, read_metrics, call):
    whole, killed = configure("whole"), configure("killed")
    train(whole)
    cut_short(killed, call)
    train(killed)
    expected, found = untimed(read_metrics(whole)), untimed(read_metrics(killed))
    assert [line["step"] for line in found] == [1, 2, 3, 4, 5, 6], "each step is logged once"
    assert found == expected, "losses, norms, rates and validation losses, to the last bit"


def test_the_weights_of_a_resumed_run_are_the_same(configure, cut_short):
    whole, killed = configure("whole"), configure("killed")
    train(whole)
    cut_short(killed, 5)
    train(killed)
    states = [torch.load(c.run_dir / "checkpoint.pt", weights_only=True) for c in (whole, killed)]
    for name, value in states[0]["model"].items():
        assert torch.equal(states[1]["model"][name], value), f"{name} differs after resuming"
    assert torch.equal(states[0]["generator"], states[1]["generator"])


def test_a_run_resumes_with_accumulation(configure, cut_short, read_metrics):
    whole, killed = (configure(run, accumulation_steps=2) for run in ("whole", "killed"))
    train(whole)
    cut_short(killed, 10)  # In the middle of update 5.
    train(killed)
    assert untimed(read_metrics(killed)) == untimed(read_metrics(whole))


def test_a_line_cut_off_while_writing_is_dropped(configure, cut_short, read_metrics):
    whole, killed = configure("whole"), configure("killed")
    train(whole)
    cut_short(killed, 5)
    with (killed.run_dir / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 5, "train_lo')
    train(killed)
    assert untimed(read_metrics(killed)) == untimed(read_metrics(whole))


@pytest.mark.points(2)
def test_ctrl_c_saves_between_two_updates(configure, cut_short, read_metrics):
    whole, stopped = configure("whole"), configure("stopped", checkpoint_every=100)
    train(whole)
    error = cut_short(stopped, 2, press_ctrl_c, KeyboardInterrupt)
    assert str(error), "the message says how to go on"
    state = torch.load(stopped.run_dir / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2, "the update under way is finished, then saved"
    train(stopped)
    assert untimed(read_metrics(stopped)) == untimed(read_metrics(whole))


def test_ctrl_c_belongs_to_the_caller_again_after_a_run(configure):
    before = signal.getsignal(signal.SIGINT)
    train(configure())
    assert signal.getsignal(signal.SIGINT) is before


def test_metrics_without_a_checkpoint_are_of_another_run(configure, read_metrics):
    config = configure()
    config.run_dir.mkdir()
    (config.run_dir / "metrics.jsonl").write_text('{"step": 1, "train_loss": 9}\n', "utf-8")
    train(config)
    assert [line["step"] for line in read_metrics(config)] == [1, 2, 3, 4, 5, 6]
    assert read_metrics(config)[0]["train_loss"] != 9


def test_a_complete_run_is_not_touched_again(configure):
    config = configure()
    result = train(config)
    files = {path: path.read_bytes() for path in config.run_dir.iterdir()}
    assert train(configure(log_every=2)) == result  # nor is its config.json
    assert {path: path.read_bytes() for path in config.run_dir.iterdir()} == files


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", 8), ("max_lr", 0.04), ("batch_size", 5), ("steps", 7), ("dtype", "bfloat16"),
     ("weight_decay", 0.4), ("max_grad_norm", None), ("accumulation_steps", 2)],
)  # fmt: skip
def test_another_configuration_is_refused_by_name(configure, name, value):
    train(configure(steps=2))
    with pytest.raises(ValueError, match=name) as error:
        train(configure(**({"steps": 2} | {name: value})))
    text = str(error.value)
    assert str(value) in text and "\n" not in text, "one line with both values"


def test_another_model_is_refused_by_its_field(configure):
    config = configure(steps=2)
    train(config)
    wider = dataclasses.replace(config.model, d_ff=16)
    with pytest.raises(ValueError, match="d_ff"):
        train(configure(steps=2, model=wider))


def test_what_no_loss_depends_on_may_change(configure, cut_short, read_metrics):
    cut_short(configure(), 5)
    changed = configure(eval_every=2, log_every=2, checkpoint_every=1, eval_windows=1, keep_last=1,
                        checkpoint_minutes=9.0, entropy_floor=0.0, device=None)  # fmt: skip
    assert train(changed).step == 6
    assert [line["step"] for line in read_metrics(changed)] == [1, 2, 3, 4, 6]
