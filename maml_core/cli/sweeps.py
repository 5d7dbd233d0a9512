"""`maml sweeps`: what is kept of sweeps, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maml_core.cli.console import PlainErrors, print_json
from maml_core.cli.sweep import StorageOption, print_results
from maml_core.errors import ConfigError, StoreError
from maml_core.files import write_file
from maml_core.sweeps.axes import label
from maml_core.sweeps.places import default_root
from maml_core.sweeps.reading import read, table
from maml_core.sweeps.space import sweep_to_dict
from maml_core.sweeps.study import delete_sweep, list_sweeps, load_sweep

app = typer.Typer(cls=PlainErrors, no_args_is_help=True, help="List, show, delete and export kept sweeps.")

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="Name of a sweep.")]


@app.command("list")
def list_kept(storage: StorageOption = None, as_json: AsJson = False) -> None:
    """List the sweeps; those that cannot be loaded stand with the reason."""
    infos = list_sweeps(storage)
    if as_json:
        print_json([info._asdict() for info in infos])
        return
    if not infos:
        typer.echo(
            f"No sweeps in {storage or default_root()} yet; compute one with: maml sweep --axis alpha=0.001..1:log:8"
        )
        return

    from rich.console import Console
    from rich.table import Table

    view = Table(title=f"Sweeps in {storage or default_root()}", title_justify="left")
    for column in ("name", "axes", "settings", "finished", "diverged", "pruned"):
        view.add_column(column, justify="left" if column in ("name", "axes") else "right", overflow="fold")
    for info in infos:
        if info.problem is None:
            counts = (info.size, info.num_done, info.num_diverged, info.num_pruned)
            view.add_row(info.name, ", ".join(label(name) for name in info.axes), *(f"{count:,}" for count in counts))
        else:
            view.add_row(info.name, "", "", "damaged", "", "")
    Console().print(view, markup=False)
    for info in infos:
        if info.problem is not None:
            typer.echo(f"{info.name}: {info.problem}")


@app.command()
def show(name: Name, storage: StorageOption = None, as_json: AsJson = False) -> None:
    """Show a sweep: what it is of, its map or its best settings, and what they say."""
    with load_sweep(name, storage=storage) as study:
        results = study.results()
        if as_json:
            print_json(
                {
                    "name": study.name,
                    "storage": study.where,
                    "sweep": sweep_to_dict(study.sweep),
                    "settings": table(study.sweep, results).to_dict("records"),
                    "reading": list(read(study.sweep, results)),
                }
            )
            return
        done = sum(one.is_done for one in results)
        typer.echo(f"{name}: {done:,} of {study.sweep.size:,} settings are finished, in {study.where}")
        for axis in study.sweep.axes:
            values = ", ".join(str(value) for value in axis.values) or f"{axis.low:g} to {axis.high:g}"
            typer.echo(f"  {label(axis.name)}: {values}{' (log)' if axis.log else ''}")
        print_results(study.sweep, results)
        typer.echo("\n".join(read(study.sweep, results)))


@app.command()
def delete(
    name: Name, storage: StorageOption = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a sweep for good."""
    with load_sweep(name, storage=storage) as study:
        where = study.where
    if not yes and not typer.confirm(f"Delete the sweep {name} in {where} for good?"):
        typer.echo("Nothing was deleted.")
        raise typer.Exit(1)
    delete_sweep(name, storage=storage)
    typer.echo(f"Deleted {name}.")


@app.command()
def export(
    name: Name,
    as_csv: Annotated[bool, typer.Option("--csv", help="All settings as a table: NAME.csv.")] = False,
    curves: Annotated[
        bool, typer.Option("--curves", help="The training curves that lie here: NAME-curves.csv.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="File to write, where it is one. (Default: in this folder.)")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    storage: StorageOption = None,
) -> None:
    """Write a sweep to a file for other programs."""
    if not as_csv and not curves:
        raise ConfigError("export", name, "say what to write: --csv or --curves")
    if out is not None and as_csv and curves:
        raise ConfigError("out", str(out), "it names one file; export one kind at a time")
    with load_sweep(name, storage=storage) as study:
        frames = {}
        if as_csv:
            frames[f"{name}.csv"] = table(study.sweep, study.results())
        if curves:
            frames[f"{name}-curves.csv"] = study.curves()
        for file, frame in frames.items():
            path = out if out is not None else Path(file)
            if path.exists() and not force:
                raise StoreError("taken", f"{path} is there already; choose another file with --out, or add --force")
            data = frame.to_csv(index=False).encode()
            write_file(path, data)
            typer.echo(f"Wrote {path} ({len(data):,} bytes).")
