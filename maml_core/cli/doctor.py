"""`maml doctor`: what this machine can do for the project, what it cannot, and why."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from maml_core.cli.console import STOPPED, print_json
from maml_core.compiled import files
from maml_core.datasets.imageset import data_root
from maml_core.execution import default_workers
from maml_core.memory import is_small, memory_bytes
from maml_core.store.runs import default_root as default_runs
from maml_core.sweeps.places import default_root as default_sweeps
from maml_core.wording import counted


class Finding(NamedTuple):
    """One thing that was looked at."""

    what: str
    is_well: bool
    sentence: str


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Say what this machine can do, and what it cannot and why.

    \b
    Exit codes: 0 everything that the project needs is there; 3 something is missing.
    """
    found = [*_findings()]
    if as_json:
        print_json({one.what: {"well": one.is_well, "says": one.sentence} for one in found})
    else:
        for one in found:
            typer.echo(f"{'ok ' if one.is_well else '-- '} {one.what}: {one.sentence}")
    if not all(one.is_well for one in found if one.what in _NEEDED):
        raise typer.Exit(STOPPED)


_NEEDED = ("runs", "sweeps", "images")


def _findings() -> Iterator[Finding]:
    yield Finding("Python", True, f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    torch = importlib.metadata.version("torch")
    yield Finding("PyTorch", True, f"{torch}, training in {counted(default_workers(), 'worker process')}")
    if (memory := memory_bytes()) is not None:
        said = "a small server: one worker, nothing compiled" if is_small() else "enough for all that the page does"
        yield Finding("memory", True, f"{memory / 1e9:.1f} GB, {said}")
    for what, place in (("runs", default_runs()), ("sweeps", default_sweeps()), ("images", data_root())):
        yield _place(what, place)
    yield from _compiled()
    yield _extra("databases of sweeps", "psycopg", "PostgreSQL", "postgres")
    yield _extra("clusters", "distributed", "Dask", "cluster")


def _place(what: str, place: Path) -> Finding:
    """Whether a folder can be written, or could be made."""
    there = place
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return Finding(what, False, f"{place} cannot be written; name another folder, see maml --help")
    return Finding(what, True, f"kept in {place}, {shutil.disk_usage(there).free / 1e9:.0f} GB free")


def _compiled() -> Iterator[Finding]:
    """Whether steps can be compiled."""
    place = files.folder()
    what = "compiled steps"
    if place is None:
        yield Finding(what, False, "switched off by MAML_COMPILED=off; every step is computed eagerly")
        return
    if place.exists() and not files.is_own(place):
        yield Finding(what, False, f"others can write into {place}, so nothing of it is loaded: say chmod 700 {place}")
        return
    name = files.compiler()
    if shutil.which(name) is None:
        sentence = (
            f"no C++ compiler ({name}): training is eager, a third to a fifth as fast; install one to have the rest"
        )
        yield Finding(what, False, sentence)
        return
    kept = files.kept()
    yield Finding(what, True, f"compiled by {name}; {counted(kept.num_steps, 'step')} kept in {place}")
    if failure := files.last_failure():
        yield Finding("the last one", False, f"could not be compiled, and is computed eagerly: {failure}")


def _extra(what: str, module: str, name: str, extra: str) -> Finding:
    is_there = importlib.util.find_spec(module) is not None
    sentence = f"{name} is there" if is_there else f"needs {name}: pip install 'maml-live[{extra}]'"
    return Finding(what, is_there, sentence)
