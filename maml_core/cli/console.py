"""What the commands have in common: exit codes, plain errors, numbers, and where a run is."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from maml_core.errors import ClusterError, ConfigError, DataError, StateError, StoreError
from maml_core.store import DOCUMENT, RunStore

BAD_INPUT = 2
STOPPED = 3
"""The run diverged or its network is dead."""
BAD_FOLDER = 4
PresetOption = Annotated[
    str | None, typer.Option("--preset", help="Start from a preset of the page, for example 'Fast demo'.")
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
    """Commands whose expected errors are one sentence and an exit code, never a traceback."""

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
        except BrokenPipeError:  # `maml ... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
        except OSError as error:
            code = BAD_FOLDER
            where = f"{error.filename}: " if error.filename else ""
            sentence = f"{where}{error.strerror or error}"
        say(f"maml: {sentence}")
        raise typer.Exit(code)


def say(sentence: str) -> None:
    """To people: stderr, so that stdout stays clean for results."""
    with contextlib.suppress(OSError):  # the terminal may have gone
        typer.echo(sentence, err=True)


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


def find_run(run: str) -> Path:
    """The folder of a run that is named as people name it: by its name in the store, or as a folder.

    Raises:
        StoreError: There is no such run.
    """
    store = RunStore()
    try:
        kept = store.folder(run)
    except (ConfigError, StoreError):
        kept = None
    if kept is not None and os.path.lexists(kept / DOCUMENT):
        return kept
    if Path(run).is_dir():
        return Path(run)
    names = ", ".join(info.name for info in store.list()[:10])
    here = f"the runs there are: {names}" if names else "there are none yet"
    raise StoreError("missing", f"there is no run or folder called {run!r}. Runs are kept in {store.root}; {here}")


def called(folder: Path) -> str:
    """What to type for a run in this folder, as `find_run` takes it."""
    store = RunStore()
    return shlex.quote(folder.name if folder.parent == store.root else str(folder))
