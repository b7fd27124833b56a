import json
import math

import pytest
import torch

from groundup.testing import assert_close, check
from s04_transformer import TransformerLM
from s05_adamw_schedule import AdamW, cosine_schedule
from s06_training import load_model, train


@pytest.fixture
def on_step(monkeypatch):
    """Call a function with the optimizer whenever it is about to take a step."""

    def register(function):
        original = AdamW.step

        def step(self, *args, **kwargs):
            function(self)
            return original(self, *args, **kwargs)

        monkeypatch.setattr(AdamW, "step", step)

    return register


def column(lines, name):
    return [line[name] for line in lines]


def trace(config, model):
    """What `config` logged of its updates, and some of the weights that they led to."""
    lines = [json.loads(line) for line in (config.run_dir / "metrics.jsonl").open(encoding="utf-8")]
    state = {name: value.detach() for name, value in model.named_parameters()}
    weights = {name: state[name] for name in ("embed_tokens.weight", "norm.weight")}
    return {name: column(lines, name) for name in ("train_loss", "grad_norm", "lr")} | weights


@pytest.mark.points(3)
def test_losses_and_norms_of_eight_updates(configure, fixed_weights):
    config = configure(steps=8, eval_every=8, eval_windows=4)
    train(config)
    check(trace(config, fixed_weights[0]), rtol=1e-5, atol=2e-6)


@pytest.mark.points(2)
def test_losses_and_norms_of_accumulated_updates(configure, fixed_weights):
    config = configure(steps=5, accumulation_steps=3, eval_every=5, eval_windows=4)
    train(config)
    check(trace(config, fixed_weights[0]), rtol=1e-5, atol=2e-6)


@pytest.mark.points(2)
def test_lines_between_steps_without_one(configure, fixed_weights):
    config = configure(steps=8, log_every=3, eval_every=4, eval_windows=4)
    train(config)
    check(trace(config, fixed_weights[0]), rtol=1e-5, atol=2e-6)


def oracle(config, draw):
    """The same run in torch's own words: losses, norms, and the model in the end."""
    model, losses, norms = TransformerLM(config.model), [], []
    groups = [[p for p in model.parameters() if (p.ndim > 1) == matrix] for matrix in (1, 0)]
    optimizer = torch.optim.AdamW(
        [{"params": groups[0], "weight_decay": 0.5}, {"params": groups[1], "weight_decay": 0.0}],
        betas=config.betas, eps=config.eps,
    )  # fmt: skip
    tokens = torch.frombuffer(bytearray(config.train_tokens.read_bytes()), dtype=torch.int16).long()
    windows, generator = tokens.unfold(0, 7, 1), torch.Generator().manual_seed(config.seed)
    for step in range(config.steps):
        for group in optimizer.param_groups:
            group["lr"] = cosine_schedule(step, 0.05, 0.005, 2, config.steps)
        drawn = [torch.randint(len(tokens) - 6, (2,), generator=generator) for _ in range(3)]
        batch = windows[torch.cat(drawn)]
        logits = model(batch[:, :-1]).flatten(0, 1)
        loss = torch.nn.functional.cross_entropy(logits, batch[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5).item())
        optimizer.step()
        losses.append(loss.item())
    return losses, norms, model


@pytest.mark.points(3)
def test_a_run_agrees_with_torchs_own_optimizer(configure, fixed_weights, read_metrics, draw):
    config = configure(accumulation_steps=3, batch_size=2)
    train(config)
    losses, norms, model = oracle(config, draw)
    lines = read_metrics(config)
    assert_close(column(lines, "train_loss"), losses, "the loss of each update", rtol=1e-4)
    assert_close(column(lines, "grad_norm"), norms, "the norm before clipping", rtol=2e-4)
    trained = load_model(config.run_dir / "checkpoint.pt").state_dict()
    for name, value in model.state_dict().items():
        assert_close(trained[name], value, f"{name} after the last update", atol=1e-4)


@pytest.mark.parametrize("seed", [0, 7])
def test_the_seed_decides_the_first_weights(configure, seed):
    # The first learning rate is 0: nothing moves.
    config = configure(steps=1, warmup_steps=1, seed=seed)
    torch.manual_seed(99)
    train(config)
    torch.manual_seed(config.seed)
    expected = TransformerLM(config.model).state_dict()
    found = load_model(config.run_dir / "checkpoint.pt").state_dict()
    for name, value in expected.items():
        assert_close(found[name], value, f"{name} after torch.manual_seed(seed)")


def test_the_schedule_reaches_every_parameter_group(configure, on_step, read_metrics):
    config, used = configure(), []
    on_step(lambda optimizer: used.append([group["lr"] for group in optimizer.param_groups]))
    train(config)
    expected = [cosine_schedule(step, 0.05, 0.005, 2, 6) for step in range(6)]
    for group in zip(*used, strict=True):
        assert_close(list(group), expected, "lr in param_groups at each step", rtol=1e-9)
    logged = column(read_metrics(config), "lr")
    assert_close(logged, expected, "lr in metrics.jsonl: the one of this update", rtol=1e-9)


def test_matrices_decay_and_vectors_do_not(configure, on_step):
    decays = {}

    def look(optimizer):
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                decays.setdefault(id(parameter), (parameter.ndim, group["weight_decay"]))

    on_step(look)
    config = configure()
    train(config)
    assert set(decays.values()) == {(1, 0.0), (2, 0.5)}, "(dimensions, weight_decay) of parameters"
    total = len(list(TransformerLM(config.model).parameters()))
    assert len(decays) == total, f"{len(decays)} of {total} parameters are in the optimizer"


def norm_of_gradients(optimizer):
    gradients = [p.grad.flatten() for group in optimizer.param_groups for p in group["params"]]
    return torch.cat(gradients).norm().item()


def test_gradients_are_clipped_before_the_step(configure, on_step, read_metrics):
    config, used = configure(max_grad_norm=0.2), []
    on_step(lambda optimizer: used.append(norm_of_gradients(optimizer)))
    train(config)
    assert_close(used, [0.2] * 6, "the norm that the optimizer sees", rtol=1e-4)
    assert min(column(read_metrics(config), "grad_norm")) > 0.2, "the log has it before clipping"


def test_no_limit_means_no_clipping(configure, on_step, read_metrics):
    config, used = configure(max_grad_norm=None), []
    on_step(lambda optimizer: used.append(norm_of_gradients(optimizer)))
    train(config)
    logged = column(read_metrics(config), "grad_norm")
    smaller = [min(pair) for pair in zip(used, logged, strict=True)]
    why = "max_grad_norm is None, yet gradients were clipped; expected is their norm before that"
    assert_close(smaller, logged, why, rtol=1e-4)
    assert_close(logged, used, "the norm in the log is that of the gradients", rtol=1e-4)


def test_accumulation_equals_one_large_batch(configure, write_ids, read_metrics):
    # A file of one window: every batch holds the same, however many there are.
    tokens = write_ids("one.bin", range(1, 8))
    lines = []
    for run, accumulation, batch in (("large", 1, 6), ("small", 3, 2)):
        config = configure(
            run, train_tokens=tokens, accumulation_steps=accumulation, batch_size=batch
        )
        train(config)
        lines.append(read_metrics(config))
    for name in ("train_loss", "grad_norm"):
        large, small = column(lines[0], name), column(lines[1], name)
        assert_close(small, large, f"{name} of 3 batches of 2, and of 1 of 6", rtol=1e-4)


def test_one_window_can_be_learned_by_heart(configure, write_ids):
    tokens = write_ids("one.bin", range(1, 8))
    config = configure(train_tokens=tokens, valid_tokens=tokens, steps=40, weight_decay=0.0,
                       max_grad_norm=None, log_every=40, eval_every=40)  # fmt: skip
    result = train(config)
    assert result.valid_loss < 0.1 < math.log(13), f"after 40 steps on 7 ids: {result.valid_loss}"


def autocast_seen(on_forward):
    seen = []
    on_forward(lambda call, logits: seen.append((torch.is_autocast_enabled("cpu"), logits.dtype)))
    return seen


def test_bfloat16_is_autocast_with_float32_parameters(configure, on_forward, read_metrics):
    seen, lines = autocast_seen(on_forward), []
    for dtype in ("float32", "bfloat16"):
        config = configure(dtype, dtype=dtype)
        train(config)
        lines.append(column(read_metrics(config), "train_loss"))
    assert set(seen[:6]) == {(False, torch.float32)}, "float32: no autocast"
    assert set(seen[6:]) == {(True, torch.bfloat16)}, "bfloat16: under autocast"
    model = torch.load(config.run_dir / "checkpoint.pt", weights_only=True)["model"]
    assert {value.dtype for value in model.values()} == {torch.float32}, "parameters stay float32"
    assert lines[0] != lines[1]
    assert_close(lines[1], lines[0], "about the same losses", rtol=0.02)


def test_the_loss_of_bfloat16_is_computed_in_float32(configure, on_forward, read_metrics):
    # In bfloat16, a loss of 2 to 4 would be a multiple of 1/64.
    config = configure(dtype="bfloat16")
    train(config)
    losses = column(read_metrics(config), "train_loss")
    coarse = [loss for loss in losses if (loss * 128).is_integer()]
    assert len(coarse) < 3, f"losses that look rounded to bfloat16: {coarse}"


@pytest.mark.parametrize("wanted", [True, False])
def test_the_model_is_compiled_on_request(configure, monkeypatch, wanted):
    compiled = []

    def remember(model, *args, **kwargs):
        compiled.append(model)
        return model

    monkeypatch.setattr(torch, "compile", remember)
    train(configure(compile=wanted, steps=2))
    assert len(compiled) == wanted, "torch.compile is called once if asked for, and else never"
