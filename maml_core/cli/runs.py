"""`maml runs`: what is kept, and what becomes of it."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import PlainErrors, find_run, percent, print_json
from maml_core.config import to_dict
from maml_core.errors import ConfigError, StoreError
from maml_core.exports import curves_csv, run_script, write_tensorboard
from maml_core.files import write_file
from maml_core.store import RunInfo, RunStore, load_run, run_info
from maml_core.timeline import entries_to_list

app = typer.Typer(cls=PlainErrors, no_args_is_help=True, help="List, show, rename, delete and export saved runs.")

Root = Annotated[
    Path | None, typer.Option(help="Folder of runs. (Default: MAML_RUNS, or ~/.maml-live/runs.)", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="Name of a saved run.")]


@app.command("list")
def list_runs(root: Root = None, as_json: AsJson = False) -> None:
    """List the saved runs, the newest first; those that cannot be loaded stand at the end, with the reason."""
    store = RunStore(root)
    infos = store.list()
    if as_json:
        print_json([_info(info) for info in infos])
        return
    if not infos:
        typer.echo(f"No runs in {store.root} yet; train one with: maml train")
        return

    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Runs in {store.root}", title_justify="left")
    for column in ("name", "algorithm", "outer step", "status", "saved", "size"):
        table.add_column(column, justify="right" if column in ("outer step", "size") else "left", overflow="fold")
    for info in infos:
        if info.problem is None:
            when = datetime.fromisoformat(info.saved).astimezone()
            table.add_row(
                info.name, info.algorithm, str(info.step), info.status.kind, f"{when:%Y-%m-%d %H:%M}", _size(info)
            )
        else:
            table.add_row(info.name, "", "", "damaged", "", _size(info))
    Console().print(table, markup=False)
    for info in infos:
        if info.problem is not None:
            typer.echo(f"{info.name}: {info.problem}")


@app.command()
def show(
    run: Annotated[str, typer.Argument(help="Name or folder.")], root: Root = None, as_json: AsJson = False
) -> None:
    """Show a run: its set-up, its timeline and where it stands. The whole folder is checked on the way."""
    folder = RunStore(root).folder(run) if root is not None else find_run(run)
    saved = load_run(folder)
    info = run_info(folder)
    records = saved.records
    if as_json:
        print_json(
            _info(info)
            | {
                "versions": dict(saved.versions),
                "own_problem": saved.own_problem,
                "start": to_dict(saved.start),
                "config": to_dict(saved.config),
                "timeline": entries_to_list(saved.timeline),
                "events": entries_to_list(records.events),
            }
        )
        return
    typer.echo(f"{info.name}: {info.algorithm}, outer step {info.step}, {info.status.kind}, {_size(info)}, in {folder}")
    if saved.status.sentence:
        typer.echo(saved.status.sentence)
    typer.echo(f"created {saved.created}, saved {saved.saved}")
    typer.echo(", ".join(f"{name} {version}" for name, version in saved.versions.items()))
    if saved.own_problem:
        typer.echo("trained with a Problem of its own, from Python: tasks and model below do not say what it learned")
    if len(records.held_out_steps):
        typer.echo(
            f"held-out loss at outer step {records.held_out_steps[-1]}: {records.held_out_before[-1]:.4g} before adaptation, "
            f"{records.held_out_after[-1]:.4g} after N steps"
        )
        if saved.config.classifies:
            before, after = records.held_out_accuracy_before[-1], records.held_out_accuracy_after[-1]
            typer.echo(f"held-out accuracy: {percent(before)} before adaptation, {percent(after)} after N steps")
    for name, value in to_dict(saved.config).items():
        first = to_dict(saved.start)[name]
        typer.echo(f"  {name} = {value}" + (f"  (at the start {first})" if value != first else ""))
    for entry in sorted(saved.timeline + records.events, key=lambda entry: entry.step):
        typer.echo(f"  step {entry.step}: {entry.kind} {dict(entry.changes)}")


@app.command()
def rename(old: Name, new: Annotated[str, typer.Argument(help="Its new name.")], root: Root = None) -> None:
    """Give a run another name."""
    RunStore(root).rename(old, new)
    typer.echo(f"{old} is now called {new}.")


@app.command()
def delete(
    name: Name, root: Root = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a run for good. Files in its folder that are not the run's stay."""
    store = RunStore(root)
    if not yes and not typer.confirm(f"Delete the run {name} in {store.folder(name)} for good?"):
        typer.echo("Nothing was deleted.")
        raise typer.Exit(1)
    store.delete(name)
    typer.echo(f"Deleted {name}.")


@app.command()
def export(
    name: Name,
    as_csv: Annotated[bool, typer.Option("--csv", help="The curves as a table: NAME.csv.")] = False,
    as_zip: Annotated[bool, typer.Option("--zip", help="The whole run, to be unpacked elsewhere: NAME.zip.")] = False,
    as_script: Annotated[
        bool,
        typer.Option("--script", help="The run as a Python script that stands alone where it can: NAME.py."),
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write the curves into this folder, for tensorboard --logdir.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write, where it is one. (Default: in this folder.)")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    root: Root = None,
) -> None:
    """Write a run to a file for other programs or other machines."""
    store = RunStore(root)
    makers: dict[str, Callable[[], bytes]] = {}
    if as_csv:
        makers["csv"] = lambda: curves_csv(store.load(name).records).encode()
    if as_zip:
        makers["zip"] = lambda: store.zip(name)
    if as_script:
        run = store.load(name)
        makers["py"] = lambda: run_script(run).encode()
    if not makers and tensorboard is None:
        raise ConfigError("export", name, "say what to write: --csv, --zip, --script or --tensorboard FOLDER")
    if out is not None and len(makers) > 1:
        raise ConfigError("out", str(out), "it names one file; export one kind at a time")
    for ending, make in makers.items():
        path = out if out is not None else Path(f"{name}.{ending}")
        data = make()
        if path.exists() and not force:
            raise StoreError("taken", f"{path} is there already; choose another file with --out, or add --force")
        write_file(path, data)
        typer.echo(f"Wrote {path} ({len(data):,} bytes).")
    if tensorboard is not None:
        run = store.load(name)
        saved_s = datetime.fromisoformat(run.saved).timestamp()
        try:
            path = write_tensorboard(run.records, tensorboard / name, wall_time_s=saved_s)
        except ImportError as error:
            raise ConfigError("tensorboard", str(tensorboard), str(error)) from None
        typer.echo(f"Wrote {path}; look at it with: tensorboard --logdir {shlex.quote(str(tensorboard))}")


def _info(info: RunInfo) -> dict[str, Any]:
    plain = dataclasses.asdict(info)
    return plain | {"folder": str(info.folder.absolute()), "status": info.status._asdict()}


def _size(info: RunInfo) -> str:
    return f"{info.size_bytes / 1000:,.0f} kB"
