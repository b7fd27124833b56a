"""All commands, and how each ends: with an exit code, and with one line if it could not go on."""

import io
import os
import sys
from pathlib import Path

import typer

from groundup.commands.bench.compiled import compiled
from groundup.commands.bench.decoding import decoding
from groundup.commands.bench.model import model
from groundup.commands.bench.tokenizer import tokenizer
from groundup.commands.bench.training import training
from groundup.commands.check import check
from groundup.commands.common import Refusal, in_one_line
from groundup.commands.data import data
from groundup.commands.demo import demo
from groundup.commands.explore import explore
from groundup.commands.generate import generate
from groundup.commands.interop.export import export, import_run
from groundup.commands.mistakes import mistakes
from groundup.commands.profile import profile
from groundup.commands.report.command import report
from groundup.commands.status import start, status
from groundup.commands.sweep.ablate import ablate
from groundup.commands.sweep.sweep import sweep
from groundup.commands.train import train

app = typer.Typer(
    help="Write a Transformer language model from an empty file, in eight graded stages.",
    rich_markup_mode=None,
    add_completion=False,
)


@app.callback(invoke_without_command=True)
def bare(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        start()


for command in (
    check,
    status,
    mistakes,
    data,
    train,
    report,
    generate,
    sweep,
    ablate,
    export,
    demo,
    profile,
):
    app.command()(command)
app.command("import")(import_run)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(explore)

bench = typer.Typer(help="Measure your code beside others'.", rich_markup_mode=None)
app.add_typer(bench, name="bench")


@bench.callback()
def each_by_name() -> None:
    """Without this, typer makes the only command of a group the group."""


for command in (tokenizer, training, decoding, model, compiled):
    bench.command()(command)


def main(arguments: list[str] | None) -> int:
    """Raises KeyboardInterrupt if it was stopped, whatever typer makes of that."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the shell has closed it
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    # torch's profiler tells every start and stop on standard error unless it is told not to.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")
    command = typer.main.get_command(app)
    try:
        code = command.main(arguments, prog_name="groundup", standalone_mode=False) or 0
        if code == 130:  # so some versions of typer answer Ctrl-C
            raise KeyboardInterrupt
        return code
    except Refusal as error:
        return _refuse(str(error), error.code)
    except typer.Abort:  # and so others
        raise KeyboardInterrupt from None
    except Exception as error:
        if hasattr(error, "format_message"):  # typer's own errors of usage
            return _refuse(f"{error.format_message()} See groundup --help.", 2)
        line = in_one_line(error)
        if line is None:
            raise
        return _refuse(line, 1)


def _refuse(message: str, code: int) -> int:
    print(f"groundup: {' '.join(message.splitlines())}", file=sys.stderr)
    return code
