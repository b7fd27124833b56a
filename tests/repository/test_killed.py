"""A run that is killed at any moment, also while it saves, and goes on to the bit."""

import contextlib
import errno
import importlib
import json
import multiprocessing
import random
import re
import signal
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from groundup.commands.common import in_one_line
from s04_transformer import ModelConfig
from s05_adamw_schedule import AdamW
from s06_training import TrainConfig, load_model, save_checkpoint, train

CAN_FORK = sys.platform == "linux" and not torch.cuda.is_available()
KILLS = 30 if CAN_FORK else 3
STEPS = 80
IMPORTS = 4.0
"""Seconds that a new process takes to load torch, about."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def configure(tmp_path):
    def write(name, ids):
        path = tmp_path / name
        path.write_bytes(ids.astype("<u2").tobytes())
        header = {"dtype": "uint16", "count": len(ids), "vocab_size": 13}
        header |= {"vocab_sha256": "", "special_tokens": {}}
        path.with_name(f"{name}.json").write_text(json.dumps(header), encoding="utf-8")
        return path

    ids = np.random.RandomState(0).randint(0, 13, 200)
    files = {"train_tokens": write("train.bin", ids), "valid_tokens": write("valid.bin", ids[:49])}
    model = ModelConfig(
        vocab_size=13, context_length=6, d_model=8, num_layers=1, num_heads=2, d_ff=12
    )

    def make(run, **changes):
        settings = {
            "model": model, "run_dir": tmp_path / run, "steps": STEPS, "batch_size": 2,
            "max_lr": 0.05, "min_lr": 0.005, "warmup_steps": 2, "eval_every": 5, "eval_windows": 1,
            "checkpoint_every": 2, "log_every": 1, "keep_last": 2, "keep_best": True,
            "device": "cpu", "seed": 7, "progress": False,
        }  # fmt: skip
        return TrainConfig(**files, **(settings | changes))

    return make


def untimed(config):
    text = (config.run_dir / "metrics.jsonl").read_text(encoding="utf-8")
    clock = ("seconds", "tokens_per_second")
    lines = map(json.loads, text.splitlines())
    return [{name: line[name] for name in line if name not in clock} for line in lines]


def run_for(seconds, config):
    """Train until the process has computed for so long. The system then ends it as SIGKILL does:
    nobody has asked for this signal, and nothing of the process runs any more."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    train(config)


def killed_after(seconds, config):
    """Whether a run in a process of its own was killed before its end."""
    if CAN_FORK:
        process = multiprocessing.get_context("fork").Process(
            target=run_for, args=(seconds, config)
        )
        process.start()
    else:
        process = multiprocessing.get_context("spawn").Process(target=train, args=(config,))
        process.start()
        time.sleep(IMPORTS + seconds)
        process.kill()
    process.join()
    return process.exitcode != 0


def test_a_run_killed_at_random_moments_goes_on_to_the_bit(configure):
    whole, killed, chance = configure("whole"), configure("killed"), random.Random(0)
    train(configure("before", steps=5))  # einx solves every shape once, which takes a second
    seconds = []
    for _ in range(2):  # the second time, it only looks at what there is
        began = time.process_time()
        train(whole)
        seconds.append(time.process_time() - began)
    longest = seconds[1] + seconds[0] / 20
    kills = sum(killed_after(chance.uniform(1e-3, longest), killed) for _ in range(KILLS))
    assert kills > KILLS / 2, f"only {kills} of {KILLS} came before the end of the run"
    train(killed)
    assert untimed(killed) == untimed(whole), "losses, norms and rates, to the last bit"
    names = [
        sorted(path.name for path in config.run_dir.iterdir() if path.suffix == ".pt")
        for config in (whole, killed)
    ]
    assert names[0] == names[1]
    for name in names[0]:
        states = [load_model(c.run_dir / name).state_dict() for c in (whole, killed)]
        assert all(torch.equal(states[0][key], states[1][key]) for key in states[0]), name


def test_a_broken_line_of_a_run_costs_no_other_line(configure):
    config = configure("run", steps=6)
    result = train(config)
    path = config.run_dir / "metrics.jsonl"
    first, _, *others = path.read_bytes().splitlines(keepends=True)
    broken = [b'{"step": 2, "tr\n', b"5\n", b"{}\n", b"\xff\n", b'{"step": "two"}\n']
    broken += [b"[" * 200_000 + b"\n"]
    for wrong in ({"valid_loss": "x"}, {"tokens_per_second": 0}, {"seconds": 0}):
        broken += [json.dumps(json.loads(first) | wrong).encode() + b"\n"]
    path.write_bytes(b"".join([first, *broken, *others]))
    assert train(config) == result
    assert path.read_bytes() == b"".join([first, *others])


def test_a_run_whose_last_line_has_no_validation_loss_is_said_to_have_no_end(configure):
    config = configure("run", steps=6)
    train(config)
    path = config.run_dir / "metrics.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("valid_loss", "v"), encoding="utf-8")
    with pytest.raises(ValueError, match="the end of its metrics.jsonl is missing"):
        train(config)


@pytest.mark.parametrize("config", [{}, [], {"model": {"of_another_version": 1}}])
def test_a_checkpoint_of_a_model_of_another_version_is_refused(configure, tmp_path, config):
    path = tmp_path / "checkpoint.pt"
    write(path, configure("run"), 1)
    torch.save(torch.load(path, weights_only=True) | {"config": config}, path)
    with pytest.raises(ValueError, match="a model that ModelConfig does not describe") as refused:
        load_model(path)
    assert in_one_line(refused.value) == str(refused.value)


WEIGHT, ONES = "embed_tokens.weight", torch.ones(13, 8)
STRANGE = {
    "step": ["x", None, torch.tensor(4), -3, 4.5, True],
    "optimizer": [{}, [1], {"state": {}, "param_groups": []}],
    "optimizer.state": [{0: {"step": 1, "exp_avg": ONES[:3], "exp_avg_sq": ONES[:3]}}, {0: 5}],
    "generator": [None, torch.zeros(3, dtype=torch.uint8), torch.zeros(5056)],
    "random": [None, {}],
    "config": [None, "x"],
    "model": [None, [1]],
    f"model.{WEIGHT}": [3, "x", ONES.to_sparse(), ONES.long(), ONES.to(torch.complex64)],
}


@pytest.fixture
def stopped(configure):
    """A run that was stopped after step 4, and the path of its checkpoint."""
    config = configure("stopped", steps=8)
    with pytest.raises(Stop):
        train(config, stop)
    return config, config.run_dir / "checkpoint.pt"


@pytest.mark.parametrize(
    ("place", "value"), [(place, value) for place, values in STRANGE.items() for value in values]
)
def test_a_checkpoint_of_other_contents_is_refused_in_one_line(stopped, place, value):
    config, path = stopped
    state = torch.load(path, weights_only=True)
    name, _, inner = place.partition(".")
    state[name] = state[name] | {inner: value} if inner else value
    torch.save(state, path)
    with pytest.raises(ValueError, match=re.escape(f"{path} ")) as refused:
        train(config)
    assert in_one_line(refused.value) == str(refused.value) and "\n" not in str(refused.value)


def test_a_flipped_byte_of_a_weight_is_noticed(stopped):
    _, path = stopped
    weight = torch.load(path, weights_only=True)["model"][WEIGHT].numpy().tobytes()
    content = bytearray(path.read_bytes())
    content[content.index(weight) + 5] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no readable checkpoint, perhaps damaged"):
        load_model(path)


def write(path, config, step):
    model = torch.nn.Linear(100, 100)
    save_checkpoint(path, model=model, optimizer=AdamW(model.parameters(), lr=0.1), step=step,
                    config=config, generator=torch.Generator())  # fmt: skip


def step_of(path):
    return torch.load(path, weights_only=True)["step"]


def test_a_disk_that_is_full_half_way_leaves_the_last_checkpoint(configure, tmp_path, monkeypatch):
    path, config, real_save = tmp_path / "checkpoint.pt", configure("run"), torch.save
    write(path, config, 1)

    def save(state, file):
        real_save(state, file)
        file.truncate(file.tell() // 2)
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", save)
    with pytest.raises(
        OSError, match=r"is there space left\? A checkpoint that was there"
    ) as error:
        write(path, config, 2)
    assert "No space left on device" in str(error.value) and "\n" not in str(error.value)
    assert step_of(path) == 1
    assert sorted(path.name for path in tmp_path.glob("checkpoint*")) == ["checkpoint.pt"]


@contextlib.contextmanager
def file_size_limit(size):
    """What the system says to a file that is too large; without such limits, a stand-in for it."""
    try:
        resource = importlib.import_module("resource")
    except ImportError:  # Windows
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch, "save", too_large)
            yield
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def too_large(state, file):
    file.write(b"a part")
    raise OSError(errno.EFBIG, "File too large")


@pytest.mark.parametrize("part", [0.1, 0.6, 0.99])
def test_a_file_that_may_not_grow_leaves_the_last_checkpoint(configure, tmp_path, part):
    path, config = tmp_path / "checkpoint.pt", configure("run")
    write(path, config, 1)
    with (
        file_size_limit(int(path.stat().st_size * part)),
        pytest.raises(OSError, match="could not") as error,
    ):
        write(path, config, 2)
    assert in_one_line(error.value) == str(error.value), "as it is, without its place in the code"
    assert step_of(path) == 1
    write(path, config, 3)
    assert step_of(path) == 3


class Stop(Exception):
    """What ends a run when it shows how well the model writes."""


def stop(model):
    raise Stop


@pytest.fixture
def wandb_here(tmp_path, monkeypatch):
    for name in ("WANDB_CONFIG_DIR", "WANDB_CACHE_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    monkeypatch.setenv("WANDB_SILENT", "true")


def test_a_resumed_run_goes_on_as_the_same_run_of_wandb(configure, wandb_here, capfd):
    config = configure("seen", steps=8, wandb="offline")
    with pytest.raises(Stop):
        train(config, stop)
    assert "Traceback" not in "".join(capfd.readouterr()), "who called it tells of what stopped it"
    known = (config.run_dir / "wandb_id.txt").read_text(encoding="utf-8")
    train(config)
    folders = [path.name for path in (config.run_dir / "wandb").glob("offline-run-*")]
    assert folders and all(f"-{known}" in name for name in folders)
    assert (config.run_dir / "wandb_id.txt").read_text(encoding="utf-8") == known


@pytest.mark.parametrize("content", [b"", b" ", b"\xff", b"ab\n", b"a/../b#"])
def test_an_id_that_wandb_does_not_take_is_named_with_its_file(stopped, wandb_here, content):
    config, _ = stopped
    path = config.run_dir / "wandb_id.txt"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=re.escape(f"wandb in {path}, found ")) as refused:
        train(replace(config, wandb="offline"))
    assert in_one_line(refused.value) == str(refused.value)
