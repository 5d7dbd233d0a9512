"""`maml reproduce sensitivity`: the atlas, one sweep after the other."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor
from pathlib import Path

import typer

from maml_core.cli.console import BAD_FOLDER, print_json, say
from maml_core.cli.progress import SweepBar
from maml_core.cli.signals import CALLED, EXIT, caught_signals, last_words
from maml_core.cli.workers import workers as computing
from maml_core.errors import ClusterError
from maml_core.files import write_file
from maml_core.reproduce.atlas import Cell, atlas_tables, entries, plain_entries
from maml_core.reproduce.atlas_drawing import atlas_svg
from maml_core.store import trained_alone
from maml_core.sweeps.driver import Sweeping, run_sweep
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.study import open_study
from maml_core.wording import duration

WORDS = "Every finished setting is kept. The same command goes on."


class _Stopped(Exception):
    """Somebody asked to stop."""


def run_atlas(
    cells: Sequence[Cell], folder: Path, *, num_workers: int | None, scheduler: str | None, as_json: bool
) -> None:
    """Compute the sweeps that are not finished, print the atlas and save it beside them.

    Args:
        cells: What it is of.
        folder: Where the sweeps lie, which `maml sweeps --storage` opens.
        num_workers: Trainings at once; None for one for every processor but one.
        scheduler: A Dask scheduler's address; None for processes of this machine.
        as_json: Print plain values.

    Raises:
        typer.Exit: It was stopped, or the workers were lost.
    """
    start = time.monotonic()
    caught: list[int] = []
    found: list[tuple[Cell, tuple[SettingResult, ...]]] = []
    with computing(scheduler, num_workers) as pool:
        folder.mkdir(parents=True, exist_ok=True)
        with trained_alone(folder):
            at_once = num_workers or pool.num_workers
            try:
                with caught_signals(WORDS) as caught, SweepBar() as bar:

                    def look(sweeping: Sweeping) -> None:
                        bar.show(sweeping.progress)
                        if caught:
                            raise _Stopped

                    for number, cell in enumerate(cells, start=1):
                        bar.begin(f"{cell.name} ({number} of {len(cells)})")
                        with open_study(cell.sweep, cell.name, storage=folder) as study:
                            results = run_sweep(cell.sweep, study, pool, at_once=at_once, on_change=look)
                        found.append((cell, results))
            except _Stopped:
                say(f"maml: stopped by {CALLED[caught[0]]}. {WORDS}")
                raise typer.Exit(EXIT + caught[0]) from None
            except (BrokenExecutor, ClusterError) as error:
                say(f"maml: {str(error).rstrip('.')}. {WORDS}")
                raise typer.Exit(BAD_FOLDER) from None
            with last_words(WORDS):
                _report(found, folder, as_json=as_json)
    say(
        f"This call took {duration(time.monotonic() - start)}. Saved in {folder}/table.json, table.md and figure.svg; the sweeps: maml sweeps list --storage {folder}"
    )


def _report(found: Sequence[tuple[Cell, tuple[SettingResult, ...]]], folder: Path, *, as_json: bool) -> None:
    atlas = entries(found)
    text = atlas_tables(atlas)
    write_file(folder / "table.json", json.dumps(plain_entries(atlas), indent=1).encode())
    write_file(folder / "table.md", (text + "\n").encode())
    try:
        write_file(folder / "figure.svg", atlas_svg(atlas))
    except ImportError as error:
        say(f"maml: no figure: {error}")
    if as_json:
        print_json(plain_entries(atlas))
    else:
        typer.echo(text)
