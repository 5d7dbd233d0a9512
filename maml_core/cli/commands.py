"""The commands of `maml`, put together. Nothing here loads torch before a command needs it."""

from __future__ import annotations

import io
import sys

import typer

from maml_core.cli.bench import bench
from maml_core.cli.console import PlainErrors
from maml_core.cli.data import app as data
from maml_core.cli.evaluate import evaluate
from maml_core.cli.reproduce import reproduce
from maml_core.cli.runs import app as runs
from maml_core.cli.sweep import sweep
from maml_core.cli.sweeps import app as sweeps
from maml_core.cli.train import train

HELP = """MAML, live, without a browser: train, evaluate and keep runs.

A run lives in a folder with all that it needs to go on, or to be repeated from the start, bit for bit.

\b
Examples:
  maml train --alpha 0.02 -N 3 --steps 2000 --name demo
  maml train --resume demo --steps 5000 --beta 0.0005
  maml train --algorithm fomaml --config run.toml --json
  maml evaluate demo --tasks 10000 --shots 5 --shots 10
  maml runs list
  maml sweep --axis alpha=0.001..1:log:8 --axis beta=1e-4..1e-2:log:8
  maml sweeps list
  maml data omniglot --download
  maml reproduce sinusoid --only MAML --only Meta-SGD
  maml reproduce omniglot --only "5-way 1-shot"

\b
Exit codes:
  0    done
  2    bad input: an option, a file, a value, or a run or images that are not there
  3    the run diverged or its network died; it is saved, and the message says what to try
  4    a damaged or foreign folder, or a save or download that failed
  130  stopped by Ctrl-C, saved (143: by SIGTERM, 129: by the end of the terminal)

Runs are kept in ~/.maml-live/runs, or in the folder that the environment variable MAML_RUNS names; images in
~/.maml-live/data, or in the folder that MAML_DATA names; sweeps in ~/.maml-live/sweeps, or in the folder that MAML_SWEEPS names.
"""

app = typer.Typer(
    cls=PlainErrors, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP
)
app.command()(train)
app.command()(evaluate)
app.add_typer(runs, name="runs")
app.add_typer(data, name="data")
app.command()(sweep)
app.add_typer(sweeps, name="sweeps")
app.command()(reproduce)
app.command()(bench)


def main() -> None:
    """Run the command that the process was called with."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a console of whatever code page prints what it can
    app(prog_name="maml")
