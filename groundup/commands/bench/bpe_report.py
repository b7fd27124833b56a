"""What `groundup bench tokenizer` prints and writes."""

import os
from dataclasses import asdict
from typing import Any

from groundup.commands.bench.bpe_rounds import TextResult, Timing

COLUMNS = "{:<18}{:>9}{:>17}{:>9}{:>14}{:>13}"


def megabytes(num_bytes: int) -> str:
    return f"{num_bytes / 1e6:,.1f} MB" if num_bytes >= 50_000 else f"{num_bytes:,} bytes"


def table(result: TextResult) -> str:
    """Medians of one text, a line for each library, and how far the results agree."""
    lines = [megabytes(result.num_bytes)]
    for task, timings in result.tasks.items():
        header = ("seconds", "fastest-slowest", "MB/s", "ours ÷ this", "memory")
        lines.append(COLUMNS.format(task, *header))
        lines += [COLUMNS.format(f"  {each.library}", *_cells(each, timings)) for each in timings]
    lines += [each.sentence for each in result.same_tokens]
    lines += [each.sentence for each in result.same_ids]
    return "\n".join(lines)


def _cells(timing: Timing, timings: list[Timing]) -> tuple[str, ...]:
    ratio, memory = _ratio(timing, timings), timing.peak_memory
    return (
        f"{timing.median:.3f}",
        f"{min(timing.seconds):.3f}-{max(timing.seconds):.3f}",
        f"{timing.num_bytes / 1e6 / timing.median:.1f}",
        "" if ratio is None else f"{ratio:.2f}",
        "not measured" if memory is None else f"{memory / 1e6:,.0f} MB",
    )


def _ratio(timing: Timing, timings: list[Timing]) -> float | None:
    """Our median time over that of `timing`; None for ours."""
    return None if timing is timings[0] else timings[0].median / timing.median


def notes(repeats: int) -> list[str]:
    """What the table does not say of itself."""
    threads = thread_settings()
    rayon = threads["RAYON_NUM_THREADS"] or "not set, so all cores"
    return [
        f"medians of {repeats} interleaved repeats, each in a process of its own; a time is from "
        "the path of the text to the result, imports apart",
        f"{threads['cores']} cores; ours: num_workers=None; tokenizers and rustbpe: "
        f"RAYON_NUM_THREADS {rayon}; tiktoken: 1 thread, batch {threads['tiktoken batch']}",
        "memory is the peak of the process plus, for each core, that of its largest worker; "
        "rustbpe batch includes training",
        "of pairs equally frequent, each library merges another one first, so that merges may "
        "differ where both are right; ids with one vocabulary may not",
    ]


def thread_settings() -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "num_workers": None,
        "RAYON_NUM_THREADS": os.environ.get("RAYON_NUM_THREADS"),
        "TOKENIZERS_PARALLELISM": os.environ.get("TOKENIZERS_PARALLELISM"),
        "tiktoken batch": 8,
    }


def record(result: TextResult) -> dict[str, Any]:
    """The same in JSON, every single measurement included."""
    return {
        "bytes": result.num_bytes,
        **{
            task: {each.library: _timing_record(each, timings) for each in timings}
            for task, timings in result.tasks.items()
        },
        "same_tokens": [asdict(each) for each in result.same_tokens],
        "same_ids": [asdict(each) | {"equal": each.equal} for each in result.same_ids],
    }


def _timing_record(timing: Timing, timings: list[Timing]) -> dict[str, Any]:
    return {
        "median_seconds": timing.median,
        "bytes_per_second": timing.num_bytes / timing.median,
        "ours_over_this": _ratio(timing, timings),
        "peak_memory": timing.peak_memory,
        "result_size": timing.repeats[0].result_size,
        "repeats": [asdict(seen) for seen in timing.repeats],
    }
