"""How far a run is: a bar in a terminal, lines where there is none."""

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .adapter import TrainConfig
from .metrics import Line

Show = Callable[[int, Line | None], None]


@contextlib.contextmanager
def show_progress(config: TrainConfig, start: int) -> Iterator[Show]:
    """Yields what is to be called after every step, with the line that was logged, if one was."""
    console = Console()
    if not config.progress:
        yield lambda step, line: None
    elif console.is_terminal:
        with _bar(console) as bar:
            task = bar.add_task("", total=config.steps, completed=start, numbers="")

            def show(step: int, line: Line | None) -> None:
                bar.update(task, completed=step)
                if line is not None:
                    bar.update(task, numbers=_numbers(line))
                    if "sample" in line:
                        bar.console.print(line["sample"], markup=False, highlight=False)

            yield show
    else:
        yield _print_lines(config.steps, start)


def _bar(console: Console) -> Progress:
    columns = (MofNCompleteColumn(), BarColumn(), TimeRemainingColumn())
    return Progress(*columns, TextColumn("{task.fields[numbers]}"), console=console)


def _print_lines(steps: int, start: int) -> Show:
    began = perf_counter()

    def show(step: int, line: Line | None) -> None:
        if line is not None:
            left = (perf_counter() - began) / (step - start) * (steps - step)
            print(
                f"step {step}/{steps}  {_numbers(line)}  {timedelta(seconds=round(left))} left",
                flush=True,
            )
            if "sample" in line:
                print(line["sample"], flush=True)

    return show


def _numbers(line: Line) -> str:
    valid = f"  valid {line['valid_loss']:.3f}" if "valid_loss" in line else ""
    return f"loss {line['train_loss']:.3f}{valid}  {line['tokens_per_second']:,.0f} tokens/s"
