"""A first version: no classes, windows in plain loops, one long list of things to do in a step."""

import contextlib
import dataclasses
import io
import json
import math
import os
import time

import numpy as np
import torch

from s02_layers import cross_entropy
from s04_transformer import ModelConfig, TransformerLM
from s05_adamw_schedule import AdamW, clip_gradients, cosine_schedule

from .adapter import Diverged, Leak, TrainResult, best_device
from .data import open_checked
from .metrics import wandb_log
from .progress import show_progress
from .surroundings import interrupts_wait, sums_in_fixed_order

MAY_CHANGE = "run_dir device compile entropy_floor wandb progress eval_every eval_windows"
MAY_CHANGE = {*MAY_CHANGE.split(), "checkpoint_every", "log_every"}
MAY_CHANGE |= {"checkpoint_minutes", "keep_last", "keep_best"}
PARTS = ("model", "optimizer", "config", "generator")


def sample_batch(tokens, batch_size, context_length, *, device, generator):
    if len(tokens) < context_length + 1:
        raise ValueError(f"need {context_length + 1} ids, found {len(tokens)}")
    bound = len(tokens) - context_length
    starts = torch.randint(bound, (batch_size,), generator=generator).tolist()
    inputs = [tokens[start : start + context_length].tolist() for start in starts]
    targets = [tokens[start + 1 : start + 1 + context_length].tolist() for start in starts]
    return torch.tensor(inputs, device=device), torch.tensor(targets, device=device)


def evaluate(model, tokens, *, batch_size, context_length, max_windows=None):
    if len(tokens) < 2:
        raise ValueError(f"need at least 2 ids, found {len(tokens)}")
    device, mode = next(model.parameters()).device, model.training
    starts = list(range(0, len(tokens) - 1, context_length))[:max_windows]
    windows = [tokens[start : start + context_length + 1].astype(np.int64) for start in starts]
    whole = [window for window in windows if len(window) == context_length + 1]
    batches = [whole[i : i + batch_size] for i in range(0, len(whole), batch_size)]
    batches += [[window] for window in windows if len(window) <= context_length]
    total = count = 0
    model.eval()
    with torch.inference_mode():
        for batch in batches:
            ids = torch.from_numpy(np.stack(batch)).to(device)
            loss = cross_entropy(model(ids[:, :-1]).float(), ids[:, 1:]).item()
            total += loss * ids[:, 1:].numel()
            count += ids[:, 1:].numel()
    model.train(mode)
    return total / count


def save_checkpoint(path, *, model, optimizer, step, config, generator):
    names = model.state_dict()
    state = {
        "model": {name.removeprefix("_orig_mod."): names[name] for name in names},
        "optimizer": optimizer.state_dict(),
        "step": step,
        "config": plain(config),
        "generator": generator.get_state(),
        "random": torch.get_rng_state(),
    }
    buffer = io.BytesIO()
    unfinished = path.parent / "unfinished"
    try:
        torch.save(state, buffer)
        unfinished.write_bytes(buffer.getvalue())
        os.replace(unfinished, path)  # noqa: PTH105  as the contract says it
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def plain(config):
    return json.loads(json.dumps(dataclasses.asdict(config), default=str))


def read(path):
    if not path.exists():
        raise FileNotFoundError(path)
    try:
        state = torch.load(path, map_location=torch.device("cpu"), weights_only=True)
        return {name: state[name] for name in
                ("model", "optimizer", "step", "config", "generator", "random")}  # fmt: skip
    except Exception as error:
        raise ValueError(f"{path} cannot be read: {type(error).__name__}") from error


def put_weights(model, state, path):
    try:
        getattr(model, "_orig_mod", model).load_state_dict(state["model"])
    except RuntimeError as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}") from error


def load_checkpoint(path, *, model, optimizer=None, generator=None):
    state = read(path)
    put_weights(model, state, path)
    if optimizer is not None:
        optimizer.load_state_dict(state["optimizer"])
    if generator is not None:
        generator.set_state(state["generator"])
    torch.set_rng_state(state["random"])
    return state["step"]


def load_model(path, device="cpu"):
    state = read(path)
    model = TransformerLM(ModelConfig(**state["config"]["model"])).to(device)
    put_weights(model, state, path)
    return model.eval()


def compare(then, now):
    for name in now:
        both = then.get(name), now[name]
        if isinstance(both[0], dict) and isinstance(both[1], dict):
            compare(*both)
        elif name not in MAY_CHANGE and both[0] != both[1]:
            raise ValueError(f"the checkpoint has {name} {both[0]!r}, and you want {both[1]!r}")


def lines_until(step, path):
    lines = []
    with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
        for text in path.read_text(encoding="utf-8").splitlines():
            lines.append(json.loads(text))
    return [line for line in lines if line["step"] <= step]


def train(config, sample=None):
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ValueError("several processes (WORLD_SIZE) are not supported")
    device = torch.device(config.device or best_device())
    train_tokens = open_checked("train_tokens", config.train_tokens, config.model)
    valid_tokens = open_checked("valid_tokens", config.valid_tokens, config.model)
    torch.manual_seed(config.seed)
    model = TransformerLM(config.model, device=device)
    generator = torch.Generator()
    generator.manual_seed(config.seed)
    groups = [
        {"params": [p], "weight_decay": config.weight_decay if p.ndim > 1 else 0.0}
        for p in model.parameters()
    ]
    optimizer = AdamW(groups, lr=0.0, betas=config.betas, eps=config.eps)
    step, path = 0, config.run_dir / "checkpoint.pt"
    if path.exists():
        compare(read(path)["config"], plain(config))
        step = load_checkpoint(path, model=model, optimizer=optimizer, generator=generator)
    config.run_dir.mkdir(parents=True, exist_ok=True)
    lines = lines_until(step, config.run_dir / "metrics.jsonl")
    if step < config.steps:
        text = json.dumps(plain(config))
        (config.run_dir / "config.json").write_text(text, encoding="utf-8")
        parts = model, optimizer, generator, train_tokens, valid_tokens, step, lines, device
        go_on(config, sample, *parts)
    last = lines[-1]
    rate = last["tokens"] / last["seconds"]
    return TrainResult(
        last["step"], last["train_loss"], last["valid_loss"], last["seconds"], rate, config.run_dir
    )


def go_on(
    config, sample, model, optimizer, generator, train_tokens, valid_tokens, first, lines, device
):
    called = torch.compile(model) if config.compile else model
    saved_at, values = time.monotonic(), (model, optimizer, config, generator)
    run = dict(zip(PARTS, values, strict=True))
    before = lines[-1] if lines else {"seconds": 0.0, "tokens": 0}
    seconds = before["seconds"]
    with (
        wandb_log(config, resumed=first > 0) as log,
        show_progress(config, first) as show,
        sums_in_fixed_order(device),
        interrupts_wait() as interrupted,
    ):
        for step in range(first + 1, config.steps + 1):
            began = time.perf_counter()
            line = update(config, model, called, optimizer, generator, train_tokens, step, device)
            seconds += time.perf_counter() - began
            last = step == config.steps
            evaluating = last or step % config.eval_every == 0
            due = evaluating or step % config.log_every == 0
            if due:
                line |= timed(line, seconds, before)
                if evaluating:
                    line["valid_loss"] = validate(config, model, valid_tokens, step, device)
                    line |= {"sample": written(sample, model)} if sample else {}
                lines.append(line)
                write_lines(config, lines)
                log(line)
                before = line
            show(step, line if due else None)
            if config.keep_best and due and is_best(lines):
                save_checkpoint(config.run_dir / "best.pt", step=step, **run)
            late = time.monotonic() - saved_at >= 60 * (config.checkpoint_minutes or math.inf)
            if interrupted() or last or step % config.checkpoint_every == 0 or late:
                save_all(config, step, run)
                saved_at = time.monotonic()
            if interrupted() and not last:
                raise KeyboardInterrupt(f"stopped and saved after step {step}")


def timed(line, seconds, before):
    rate = (line["tokens"] - before["tokens"]) / (seconds - before["seconds"])
    return {"seconds": seconds, "tokens_per_second": rate}


def write_lines(config, lines):
    texts = [json.dumps(each) + "\n" for each in lines]
    (config.run_dir / "metrics.jsonl").write_text("".join(texts), encoding="utf-8")


def written(sample, model):
    model.train(False)
    with torch.inference_mode():
        text = sample(model)
    model.train(True)
    return text


def is_best(lines):
    losses = [line["valid_loss"] for line in lines if "valid_loss" in line]
    return "valid_loss" in lines[-1] and all(losses[-1] < each for each in losses[:-1])


def save_all(config, step, run):
    if config.keep_last:
        save_checkpoint(config.run_dir / f"checkpoint-{step}.pt", step=step, **run)
    save_checkpoint(config.run_dir / "checkpoint.pt", step=step, **run)
    delete_old(config, step)


def delete_old(config, step):
    names = config.run_dir.glob("checkpoint-*.pt")
    steps = sorted(int(path.stem.partition("-")[2]) for path in names)
    past = [each for each in steps if each <= step]
    for each in steps if config.keep_last else []:
        if each > step or each in past[: -config.keep_last]:
            (config.run_dir / f"checkpoint-{each}.pt").unlink()


def autocast(config, device):
    return torch.autocast(device.type, torch.bfloat16, enabled=config.dtype == "bfloat16")


def update(config, model, called, optimizer, generator, tokens, step, device):
    lr = cosine_schedule(step - 1, config.max_lr, config.min_lr, config.warmup_steps, config.steps)
    for group in optimizer.param_groups:
        group["lr"] = lr
    model.zero_grad()
    losses, many = [], config.accumulation_steps
    for _ in range(many):
        inputs, targets = sample_batch(tokens, config.batch_size, config.model.context_length,
                                       device=device, generator=generator)  # fmt: skip
        with autocast(config, device):
            logits = called(inputs)
        loss = cross_entropy(logits.float().flatten(0, 1), targets.flatten())
        (loss / many).backward()
        losses.append(loss.item())
    loss = sum(losses) / many
    limit = math.inf if config.max_grad_norm is None else config.max_grad_norm
    norm = clip_gradients(model.parameters(), limit)
    if not (math.isfinite(loss) and math.isfinite(norm)):
        raise Diverged(f"step {step}: loss {loss}, gradient norm {norm}; is max_lr too high?")
    optimizer.step()
    read = step * many * config.batch_size * config.model.context_length
    return {"step": step, "train_loss": loss, "lr": lr, "grad_norm": norm, "tokens": read}


def validate(config, model, tokens, step, device):
    context, windows, floor = config.model.context_length, config.eval_windows, config.entropy_floor
    with autocast(config, device):
        loss = evaluate(model, tokens, batch_size=config.batch_size, context_length=context,
                        max_windows=windows)  # fmt: skip
    if not math.isfinite(loss):
        raise Diverged(f"step {step}: validation loss {loss}; is max_lr too high?")
    targets = len(tokens) - 1 if windows is None else min(windows * context, len(tokens) - 1)
    if floor is not None and loss < floor - 2 / targets**0.5:
        raise Leak(f"step {step}: validation loss {loss} is under the floor {floor}")
    return loss
