"""The commands of `maml`, put together. Nothing here loads torch before a command needs it."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from typing import Annotated

import typer
from typer import rich_utils

from maml_core.cli.adapt import adapt
from maml_core.cli.bench import bench
from maml_core.cli.cache import app as cache
from maml_core.cli.console import PlainErrors, failed
from maml_core.cli.dashboard import dashboard
from maml_core.cli.data import app as data
from maml_core.cli.doctor import doctor
from maml_core.cli.evaluate import evaluate
from maml_core.cli.lessons import app as lessons
from maml_core.cli.reproduce import reproduce
from maml_core.cli.runs import app as runs
from maml_core.cli.sweep import sweep
from maml_core.cli.sweeps import app as sweeps
from maml_core.cli.train import train

HELP = """MAML, live: open the page, or train, evaluate and keep runs without a browser.

A run lives in a folder with all that it needs to go on, or to be repeated from the start, bit for bit.

\b
Examples:
  maml dashboard
  maml train --alpha 0.02 -N 3 --steps 2000 --name demo
  maml train --resume demo --steps 5000 --beta 0.0005
  maml train --algorithm fomaml --config run.toml --json
  maml evaluate demo --tasks 10000 --shots 5 --shots 10
  maml adapt demo points.csv
  maml runs list
  maml sweep --axis alpha=0.001..1:log:8 --axis beta=1e-4..1e-2:log:8
  maml sweeps list
  maml data omniglot --download
  maml reproduce sinusoid --only MAML --only Meta-SGD
  maml reproduce omniglot --only "5-way 1-shot"
  maml reproduce phenomena
  maml lessons check --all

\b
Exit codes:
  0    done, or left as it is since you declined
  1    a claim of `maml reproduce phenomena` does not hold, or a lesson of `maml lessons check` does not show
  2    bad input: an option, a file, a value, or a run or images that are not there; or a question that nobody answers
  3    the run diverged or its network died; it is saved, and the message says what to try
  4    a damaged or foreign folder, or a save, a download or a print that failed
  141  whoever read the output has stopped, as `head` does
  130  stopped by Ctrl-C, saved (143: by SIGTERM, 129: by the end of the terminal)

Runs are kept in ~/.maml-live/runs, or in the folder that the environment variable MAML_RUNS names; images in
~/.maml-live/data, or in the folder that MAML_DATA names; sweeps in ~/.maml-live/sweeps, or in the folder that MAML_SWEEPS names;
compiled outer steps in ~/.maml-live/compiled, or in the folder that MAML_COMPILED names (off: none).
"""

rich_utils.STYLE_OPTIONS_TABLE_PADDING = (0, 1, 0, 0)  # type: ignore[assignment]  # Rich takes four sides too
"""Space between the columns of help: a switch and its opposite stand whole beside each other on 80 columns."""

app = typer.Typer(cls=PlainErrors, no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)


def _say_version(is_asked: bool) -> None:
    if is_asked:
        torch = importlib.metadata.version("torch")
        typer.echo(
            f"maml-live {importlib.metadata.version('maml-live')} (Python {platform.python_version()}, torch {torch})"
        )
        raise typer.Exit


@app.callback()
def options_of_all(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say the version and stop.")
    ] = False,
) -> None:
    """What every command has."""


app.command()(dashboard)
app.command()(train)
app.command()(evaluate)
app.command()(adapt)
app.add_typer(runs, name="runs")
app.add_typer(data, name="data")
app.command()(sweep)
app.add_typer(sweeps, name="sweeps")
app.command()(reproduce)
app.add_typer(lessons, name="lessons")
app.command()(bench)
app.add_typer(cache, name="cache")
app.command()(doctor)


def main() -> None:
    """Run the command that the process was called with."""
    try:
        try:
            app(prog_name="maml")
        finally:
            sys.stdout.flush()
    except OSError as error:  # of what is printed before a command begins, or is only now
        raise SystemExit(failed(error)) from None
