"""`groundup bench decoding`: stage 07 beside transformers' generate, with the same weights."""

import statistics
import time
from collections.abc import Callable
from typing import Annotated, Any

import typer

from groundup import reference as whose
from groundup.commands.bench import llama, training
from groundup.commands.bench.record import write_record
from groundup.commands.bench.tokenizer import Out, writable
from groundup.commands.common import Reference, Refusal, begin, console, say
from groundup.commands.train import RUNS
from groundup.stages import STAGES

SHAPES: dict[str, dict[str, Any]] = {
    name: {**shape.model, "context_length": 256} for name, shape in training.SHAPES.items()
}
BATCH_SIZES = (1, 8)
PROMPT_LENGTH = 16
TIE = 1e-4
"""So close, two logits may change places by rounding: export's are equal to so much."""
COLUMNS = "{:<20}{:>14}{:>14}{:>14}"

Rows = list[list[int]]


def decoding(
    shape: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="small or 17m; both if not given.")
    ] = None,
    new_tokens: Annotated[int, typer.Option(min=1, help="Tokens to add to each prompt.")] = 192,
    repeats: Annotated[int, typer.Option(min=1, help="Rounds, ours and theirs in turn.")] = 5,
    out: Out = None,
    reference: Reference = "",
) -> None:
    """Let our model and transformers' LlamaForCausalLM write, and compare.

    The same weights and prompts, float32, the likeliest token each time, both with their caches.
    The ids must be equal, but where two logits are: if they are not, the exit code is 1.
    """
    shapes = {name: SHAPES[name] for name in training.known("shape", shape, SHAPES)}
    for sizes in shapes.values():
        _check_room(sizes["context_length"], new_tokens)
    folder = writable(out or RUNS / "bench")
    llama.check_installed()
    begin(reference, STAGES[6])
    try:
        found = {name: _bench(name, each, new_tokens, repeats) for name, each in shapes.items()}
    except KeyboardInterrupt:
        raise Refusal("stopped; nothing was written", code=130) from None
    settings: dict[str, Any] = {
        "new_tokens": new_tokens,
        "prompt_length": PROMPT_LENGTH,
        "repeats": repeats,
    }
    settings["code"] = whose.owner(STAGES[6])
    write_record(folder, "decoding", settings, llama.PACKAGES, shapes=found)
    rows = [row for each in found.values() for row in each["rows"]]
    wrong = [row["agreement"] for row in rows if not row["agrees"]]
    if wrong:
        raise Refusal(f"the results do not agree: {wrong[0]}")


def _check_room(context_length: int, new_tokens: int) -> None:
    room = context_length - PROMPT_LENGTH
    if new_tokens > room:
        raise Refusal(
            f"--new-tokens {new_tokens} cannot be: beyond the context each library has rules of "
            f"its own, and after a prompt of {PROMPT_LENGTH} there is room for {room}",
            code=2,
        )


def _bench(name: str, sizes: dict[str, Any], new_tokens: int, repeats: int) -> dict[str, Any]:
    """Print the table of a shape as soon as it is known."""
    import torch

    from s04_transformer import ModelConfig, TransformerLM
    from s06_training import best_device

    torch.manual_seed(0)
    config = ModelConfig(**sizes)
    model: Any = TransformerLM(config, device=best_device())
    their_model: Any = llama.twin(model, vars(config)).eval()
    # Llama's own would end a row at id 2.
    their_model.generation_config.eos_token_id = None
    their_model.generation_config.pad_token_id = 0
    say(f"{name}: {', '.join(f'{key} {value:,}' for key, value in sizes.items())}")
    say(COLUMNS.format("", "ours, tok/s", "Llama, tok/s", "ours ÷ Llama"))
    rows = []
    for batch_size in BATCH_SIZES:
        with console.status(f"{name}, batch {batch_size} …"):
            prompts = torch.randint(sizes["vocab_size"], (batch_size, PROMPT_LENGTH)).tolist()
            rows.append(_row(model, their_model, prompts, new_tokens, repeats))
        say(_line(rows[-1]))
        say(rows[-1]["agreement"])
    say()
    return {"model": sizes, "rows": rows}


def _row(
    model: Any, their_model: Any, prompts: Rows, new_tokens: int, repeats: int
) -> dict[str, Any]:
    import torch

    from s07_decoding import generate

    ids = torch.tensor(prompts, device=their_model.device)
    request = {"max_new_tokens": new_tokens, "do_sample": False, "use_cache": True}
    run: dict[str, Callable[[], Rows]] = {
        "ours": lambda: generate(model, prompts, new_tokens, temperature=0.0),
        "theirs": lambda: their_model.generate(ids, attention_mask=torch.ones_like(ids), **request)[
            :, PROMPT_LENGTH:
        ].tolist(),
    }
    written = {who: each() for who, each in run.items()}  # the first time takes longer
    seconds: dict[str, list[float]] = {who: [] for who in run}
    for _ in range(repeats):
        for who, each in run.items():
            started = time.perf_counter()
            each()
            seconds[who].append(time.perf_counter() - started)
    tokens = len(prompts) * new_tokens
    speeds = {who: tokens / statistics.median(each) for who, each in seconds.items()}
    agrees, agreement = compare(model, prompts, written["ours"], written["theirs"])
    return {
        "batch_size": len(prompts),
        "seconds": seconds,
        "tokens_per_second": speeds,
        "ours_over_theirs": speeds["ours"] / speeds["theirs"],
        "agrees": agrees,
        "agreement": agreement,
    }


def compare(model: Any, prompts: Rows, ours: Rows, theirs: Rows) -> tuple[bool, str]:
    """Whether the new ids are equal up to ties, and a sentence about it."""
    equal, ties = 0, []
    for number, (prompt, mine, other) in enumerate(zip(prompts, ours, theirs, strict=True)):
        pairs = enumerate(zip(mine, other, strict=True))
        place = next((place for place, (a, b) in pairs if a != b), None)
        if place is None:
            equal += 1
            continue
        gap = _gap(model, prompt + mine[:place], mine[place], other[place])
        what = f"row {number} differs from token {place} on, where two logits are {gap:.1e} apart"
        if gap > TIE:
            return False, what
        ties.append(what)
    if not ties:
        return True, f"ids: all {sum(map(len, ours)):,} equal"
    return True, f"ids: equal in {equal} of {len(ours)} rows; by a tie {'; '.join(ties)}"


def _gap(model: Any, seen: list[int], one: int, other: int) -> float:
    """How far apart the logits of two tokens are after those seen, in float32 without a cache."""
    import torch

    with torch.no_grad():
        ids = torch.tensor([seen], device=next(model.parameters()).device)
        logits = model(ids)[0, -1]
    return float((logits[one] - logits[other]).abs())


def _line(row: dict[str, Any]) -> str:
    speeds = row["tokens_per_second"]
    return COLUMNS.format(
        f"batch {row['batch_size']}",
        f"{speeds['ours']:,.0f}",
        f"{speeds['theirs']:,.0f}",
        f"{row['ours_over_theirs']:.2f}",
    )
