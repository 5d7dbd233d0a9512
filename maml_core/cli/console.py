"""What the commands have in common: exit codes, plain errors, numbers, and where a run is."""

from __future__ import annotations

import contextlib
import json
import math
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from maml_core.cli.streams import UnreadError, let_go
from maml_core.cli.together import refusals
from maml_core.errors import ClusterError, ConfigError, DataError, StateError, StoreError
from maml_core.presets import PRESETS
from maml_core.shells import quoted
from maml_core.store import DOCUMENT, RunStore
from maml_core.wording import one_of

BAD_INPUT = 2
STOPPED = 3
"""The run diverged or its network is dead."""
BAD_FOLDER = 4

UNREAD = 141
"""Whoever read the output has stopped, as a shell says of what SIGPIPE ends: neither an error nor a verdict, which 1 would be."""

OUTPUT = "Output"
"""Where help shows what is said of the place and the form of what comes out."""

PresetOption = Annotated[
    str | None,
    typer.Option(
        "--preset",
        help="Start from a preset of the page, for example 'Fast demo'.",
        autocompletion=lambda: [one.name for one in PRESETS],
    ),
]

AssignmentsOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Any setting by its path: --set tasks.amplitude=0.1,5"),
]

SchedulerOption = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Compute on the workers of a Dask scheduler, tcp://HOST:PORT, instead of on this machine.",
    ),
]


class PlainErrors(TyperGroup):
    """Commands whose expected errors are one sentence and an exit code, never a traceback, and whose options are given once each."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is asked for, and what is left of the arguments."""
        name, command, rest = super().resolve_command(ctx, args)
        if isinstance(command, TyperCommand) and not ctx.resilient_parsing:
            _check_options(command, _path(ctx, name), ctx, rest)
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            code = BAD_INPUT
            sentence = str(error)
        except StoreError as error:
            code = BAD_INPUT if error.kind in ("missing", "taken", "busy", "own") else BAD_FOLDER
            sentence = str(error)
        except DataError as error:
            code = BAD_INPUT if error.kind in ("missing", "few", "large", "other") else BAD_FOLDER
            sentence = str(error)
        except StateError as error:
            code = BAD_FOLDER
            sentence = f"{error}. Load another copy of the run, or train again"
        except ClusterError as error:
            code = BAD_INPUT
            sentence = str(error)
        except OSError as error:
            raise typer.Exit(failed(error)) from None
        say(f"maml: {sentence}")
        raise typer.Exit(code)


def failed(error: OSError) -> int:
    """Say what the system refuses, and give the exit code; whoever reads no further (`maml ... | head`) is told nothing."""
    let_go()
    if isinstance(error, BrokenPipeError | UnreadError):
        return UNREAD
    where = f"{error.filename}: " if error.filename else ""
    say(f"maml: {where}{error.strerror or error}")
    return BAD_FOLDER


def _path(ctx: Any, name: str | None) -> str:
    """What is typed for a command after `maml`.

    >>> import click
    >>> _path(click.Context(click.Group(), info_name="runs", parent=click.Context(click.Group(), info_name="maml")), "list")
    'runs list'
    """
    words = [name or ""]
    while ctx.parent is not None:
        words.insert(0, ctx.info_name)
        ctx = ctx.parent
    return " ".join(words)


def _check_options(command: TyperCommand, path: str, ctx: Any, arguments: list[str]) -> None:
    """See that every option that is given has its effect.

    Raises:
        typer.BadParameter: One that takes one value has two: the last would win, and nobody would be told.
        ConfigError: One contradicts another, or is for another that is not there (see `together`).
    """
    # Its own, so that a refusal names the help of the command, not that of the group.
    own = type(ctx)(command, parent=ctx, info_name=path.rpartition(" ")[2])
    parser = command.make_parser(own)
    try:
        values, _, order = parser.parse_args(args=list(arguments))
    except Exception as error:
        _name_longer(error, command)
        raise
    counts = Counter(parameter for parameter in order if parameter.param_type_name == "option")
    for parameter, count in counts.items():
        if count > 1 and not parameter.multiple:
            raise typer.BadParameter(f"it is given {count} times; give it once", own, param_hint=parameter.opts[0])
    given = {parameter.opts[0]: values[parameter.name] for parameter in counts}
    for line in refusals(path, given):
        raise ConfigError(line.option.removeprefix("--").replace("-", "_"), given[line.option], line.words)


def _name_longer(error: Exception, command: TyperCommand) -> None:
    """Let the refusal of an unknown option name those that end with it: `--seed` is one of three seeds, which no likeness of letters tells."""
    asked = getattr(error, "option_name", "").removeprefix("--")
    longer = [name for one in command.params for name in one.opts if name.endswith(f"-{asked}")]
    if asked and longer and hasattr(error, "possibilities"):
        error.possibilities = longer


def say(sentence: str) -> None:
    """To people: stderr, so that stdout stays clean for results."""
    with contextlib.suppress(OSError):  # the terminal may have gone
        typer.echo(sentence, err=True)


def check_agreed(question: str, *, yes: bool) -> None:
    """Ask before something is deleted. A no is said and is no error, as of `rm -i`: what was decided is done.

    Args:
        question: What is answered by y or n.
        yes: It was agreed to beforehand: nobody is asked.

    Raises:
        typer.Exit: Somebody declined, with 0; or nobody is there to answer, with 2.
    """
    if yes:
        return
    try:
        is_agreed = typer.confirm(question)
    except typer.Abort:  # the end of the input
        typer.echo()  # the question's line has no end yet
        if not sys.stdin.isatty():
            say("maml: nobody answers here, and nothing was deleted; --yes deletes without asking")
            raise typer.Exit(BAD_INPUT) from None
        is_agreed = False
    if not is_agreed:
        typer.echo("Nothing was deleted.")
        raise typer.Exit


def print_json(data: Any) -> None:
    """To programs: one JSON document on stdout. A number that is not finite is null."""
    typer.echo(json.dumps(_plain(data), indent=1, allow_nan=False))


def _plain(data: Any) -> Any:
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return None
    return data


def percent(share: float) -> str:
    """An accuracy, or another share, as people read it.

    >>> percent(0.9712)
    '97.1%'
    """
    return f"{100 * share:.1f}%"


ProblemOption = Annotated[
    str | None,
    typer.Option(
        "--problem",
        metavar="MODULE:NAME",
        help="Python code of a problem of your own, a Problem or a function that makes one, such as my_tasks:problem of my_tasks.py in this folder. "
        "It is imported and run; what is saved is never a reason to import it, so name it each time.",
    ),
]


def find_run(run: str, root: Path | None = None) -> Path:
    """The folder of a run that is named as people name it: by its name in the store, or as a folder.

    Args:
        run: Name or folder.
        root: The store's folder, in which it is looked for by its name alone; None for the usual one, or any folder.

    Raises:
        ConfigError: It has no name.
        StoreError: There is no such run.
    """
    if not run.strip():
        raise ConfigError("run", run, "the name or the folder of a saved run")
    store = RunStore(root)
    try:
        kept = store.folder(run)
    except (ConfigError, StoreError):
        kept = None
    if kept is not None and os.path.lexists(kept / DOCUMENT):
        return kept
    if root is None and Path(run).is_dir():
        return Path(run)
    names = [info.name for info in store.list()]
    here = one_of(names, run) if names else "there are none yet"
    raise StoreError("missing", f"there is no run or folder called {run!r} (runs are kept in {store.root}): {here}")


def name_for_cli(folder: Path) -> str:
    """What to type for a run in this folder, as `find_run` takes it."""
    store = RunStore()
    if folder.parent == store.root:
        return quoted(folder.name)
    # A bare name would be looked for among the kept runs first.
    return quoted(str(folder) if folder.is_absolute() else os.path.join(".", folder))


def kept_runs() -> list[str]:
    """The names of the saved runs, for a shell to complete: whatever lies there, unread."""
    return sorted(path.parent.name for path in RunStore().root.glob(f"*/{DOCUMENT}"))
