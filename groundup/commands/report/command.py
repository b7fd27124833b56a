"""`groundup report`: one HTML file about one or several runs."""

import shlex
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from groundup.atomic import replacing
from groundup.commands.common import say, shown
from groundup.commands.report.runs import Run, read_runs


def report(
    runs: Annotated[list[str], typer.Argument(help="Names in runs, or folders of runs.")],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH", help="The file to write. report.html in the first run if not given."
        ),
    ] = None,
) -> None:
    """Write a page about one run, or that compares several: curves, results, samples, machine.

    It is one file that needs no network: send it, or open it in ten years.
    """
    found = read_runs(runs)
    path = out or found[0].folder / "report.html"
    words = ["groundup", "report", *runs, *(["--out", str(out)] if out else [])]
    with replacing(path) as unfinished:
        unfinished.write_text(page(found, shlex.join(words)), encoding="utf-8")
    say(f"report of {', '.join(run.name for run in found)}: {shown(path)}")


def page(runs: list[Run], command: str) -> str:
    """The HTML of a report that `command` makes again."""
    import jinja2  # these two are slow to import
    from markupsafe import Markup

    from groundup.commands.report import charts, tables
    from groundup.svg import DARK, LIGHT, SERIES

    template = resources.files(__package__).joinpath("page.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    known = [run for run in runs if run.valid_loss is not None]
    contents: dict[str, Any] = {
        "light": Markup(LIGHT),
        "dark": Markup(DARK),
        "series": len(SERIES),
        "runs": runs,
        "best": min(known, key=lambda run: run.valid_loss or 0.0) if known else None,
        "loss": Markup(charts.loss_chart(runs, 880, 430)),
        "narrow_loss": Markup(charts.loss_chart(runs, 400, 360)),
        "lr": Markup(charts.lr_chart(runs, 430, 270)),
        "norm": Markup(charts.norm_chart(runs, 430, 270)),
        "results": tables.results(runs),
        "differences": tables.configurations(runs, differing=True),
        "same": tables.configurations(runs, differing=False),
        "machines": tables.machines(runs),
        "command": command,
    }
    return environment.from_string(template).render(contents)
