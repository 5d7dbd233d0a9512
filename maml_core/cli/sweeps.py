"""`maml sweeps`: what is kept of sweeps, and what becomes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, get_args

import typer

from maml_core.cli.console import PlainErrors, check_agreed, print_json
from maml_core.cli.output import OutOption, write_out
from maml_core.cli.sweep import StorageOption, kept_sweeps
from maml_core.cli.sweep_map import print_map, print_results
from maml_core.cli.sweep_scores import (
    compared,
    comparison_words,
    plain_importance,
    plain_map,
    plain_scores,
    print_importance,
    print_scores,
    wanted_map,
)
from maml_core.cli.tables import Column, print_table
from maml_core.errors import ConfigError
from maml_core.sweeps.archive import import_sweep, zip_sweep
from maml_core.sweeps.axes import label
from maml_core.sweeps.catalog import StudyInfo, check_idle, delete_sweep, find_sweep, list_sweeps, rename_sweep
from maml_core.sweeps.databases import without_password
from maml_core.sweeps.definition import sweep_to_dict
from maml_core.sweeps.drawing import Format, Kind, figure_bytes
from maml_core.sweeps.findings import finished_words, read, why_no_importance
from maml_core.sweeps.importance import importance
from maml_core.sweeps.places import default_root, to_type
from maml_core.sweeps.scores import scores, why_no_scores
from maml_core.sweeps.study import load_sweep
from maml_core.sweeps.tables import table
from maml_core.values import shown, written

app = typer.Typer(
    cls=PlainErrors, no_args_is_help=True, help="List, show, rename, delete, export and import kept sweeps."
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Name = Annotated[str, typer.Argument(help="Name of a sweep.", autocompletion=kept_sweeps)]


@app.command("list")
def list_kept(storage: StorageOption = None, as_json: AsJson = False) -> None:
    """List the sweeps; those that cannot be loaded stand at the end, with the reason."""
    infos = list_sweeps(storage)
    where = default_root() if storage is None else without_password(storage)
    if as_json:
        print_json([info._asdict() for info in infos])
        return
    if not infos:
        typer.echo(f"No sweeps in {where} yet; compute one with: maml sweep --axis alpha=0.001..1:log:8")
        return

    rows = [_row(info) for info in infos]
    names = ("name", "axes", "settings", "finished", "remarks")
    columns = [
        Column(name, cells, is_text=name not in _NUMBERS, folds=name not in _NUMBERS)
        for name, cells in zip(names, zip(*rows), strict=True)
    ]
    print_table(f"Sweeps in {where}", columns)
    for info in infos:
        if info.problem is not None:
            typer.echo(f"{info.name}: {info.problem}")


_NUMBERS = ("settings", "finished")


def _row(info: StudyInfo) -> tuple[str, ...]:
    """The cells of a sweep in the list: name, axes, settings, finished and remarks."""
    if info.problem is not None:
        return info.name, "", "", "", "damaged" if info.problem_kind == "damaged" else "cannot be read"
    counts = {"diverged": info.num_diverged, "pruned": info.num_pruned, "left out": info.num_refused}
    remarks = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
    axes = ", ".join(label(name) for name in info.axes)
    return info.name, axes, f"{info.size:,}", f"{info.num_finished:,}", remarks


@app.command()
def show(
    name: Name,
    x: Annotated[str | None, typer.Option("--x", help="Axis that goes across the map.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="Axis that goes up.")] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option(
            "--slice",
            help="Value of another axis, as in algorithm=anil; may be repeated. Of the others the best is shown.",
        ),
    ] = None,
    storage: StorageOption = None,
    as_json: AsJson = False,
) -> None:
    """Show a sweep: what it is of, its map or its best settings, and what they say."""
    with load_sweep(name, storage=storage) as study:
        results = study.results()
        wanted = (
            None if x is None and y is None and not slices else wanted_map(study.sweep, results, x, y, slices or ())
        )
        if as_json:
            print_json(
                {
                    "name": study.name,
                    "storage": study.where,
                    "sweep": sweep_to_dict(study.sweep),
                    "settings": table(study.sweep, results).to_dict("records"),
                    "map": None if wanted is None else plain_map(wanted),
                    "reading": list(read(study.sweep, results)),
                }
            )
            return
        typer.echo(f"{name}: {finished_words(study.sweep, results)}, in {study.where}")
        typer.echo(f"  tasks: {study.sweep.base.tasks.called}")
        for axis in study.sweep.axes:
            values = ", ".join(shown(value) for value in axis.values) or f"{shown(axis.low)} to {shown(axis.high)}"
            typer.echo(f"  {label(axis.name)}: {values}{' (log)' if axis.log else ''}")
        if wanted is None:
            print_results(study.sweep, results)
        else:
            print_map(study.sweep, wanted, ", ".join(slices or ()))
        said = "\n".join(read(study.sweep, results))
        typer.echo(f"Of the whole sweep: {said}" if slices else said)


@app.command("scores")
def show_scores(name: Name, storage: StorageOption = None, as_json: AsJson = False) -> None:
    """Show how sensitive a sweep's problem is: to alpha and beta, over all settings, and to how many are tried."""
    with load_sweep(name, storage=storage) as study:
        found = scores(study.sweep, study.results())
        if as_json:
            print_json(None if found is None else plain_scores(found))
        elif found is None:
            typer.echo(why_no_scores(study.sweep))
        else:
            print_scores(study.sweep, found)


@app.command("importance")
def show_importance(name: Name, storage: StorageOption = None, as_json: AsJson = False) -> None:
    """Show what each axis does: how far it moves the result, how much it explains, and which two depend on each other."""
    with load_sweep(name, storage=storage) as study:
        results = study.results()
        found = importance(study.sweep, results)
        if as_json:
            print_json(None if found is None else plain_importance(study.sweep, found))
        elif found is None:
            typer.echo(why_no_importance(study.sweep))
        else:
            print_importance(study.sweep, found)


@app.command()
def compare(
    name: Name,
    first: Annotated[
        int, typer.Argument(help="Number of a setting, as the table of `maml sweeps export --csv` has it.")
    ],
    second: Annotated[int, typer.Argument(help="Number of another one.")],
    storage: StorageOption = None,
    as_json: AsJson = False,
) -> None:
    """Compare two settings of a sweep, task by task and seed by seed."""
    with load_sweep(name, storage=storage) as study:
        found = compared(study.sweep, study.results(), first, second)
        if as_json:
            print_json(found._asdict())
        else:
            typer.echo("\n".join(comparison_words(study.sweep, found)))


@app.command()
def figure(
    name: Name,
    out: Annotated[Path, typer.Option("--out", help="File to write; its ending says how: .svg, .png, .pdf or .html.")],
    kind: Annotated[str, typer.Option("--kind", help="What is drawn: map, curves, importance or tuning.")] = "map",
    x: Annotated[str | None, typer.Option("--x", help="Axis that goes across the map.")] = None,
    y: Annotated[str | None, typer.Option("--y", help="Axis that goes up.")] = None,
    slices: Annotated[
        list[str] | None,
        typer.Option("--slice", help="Value of another axis, as in algorithm=anil; may be repeated."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    storage: StorageOption = None,
) -> None:
    """Draw a sweep into a file, with its set-up and fingerprint inside; needs Matplotlib."""
    format_ = next((known for known in get_args(Format) if out.suffix.lower() == f".{known}"), None)
    kind_ = next((known for known in get_args(Kind) if kind == known), None)
    if format_ is None:
        raise ConfigError("out", str(out), "a file that ends with .svg, .png, .pdf or .html")
    if kind_ is None:
        raise ConfigError("kind", kind, f"one of {', '.join(get_args(Kind))}")
    if kind_ != "map" and (x is not None or y is not None or slices):
        raise ConfigError("kind", kind, "map, where --x, --y or --slice are given: they choose its axes")
    with load_sweep(name, storage=storage) as study:
        results = study.results()
        seen = None if x is None and y is None and not slices else wanted_map(study.sweep, results, x, y, slices or ())
        try:
            data = figure_bytes(study.name, study.sweep, results, kind_, format_, seen=seen)
        except ImportError as error:
            raise ConfigError("figure", kind, str(error)) from error
    write_out(out, f"{name}.{format_}", data, force=force)


@app.command()
def rename(
    name: Name, new: Annotated[str, typer.Argument(help="Its new name.")], storage: StorageOption = None
) -> None:
    """Give a sweep another name; one that is being computed keeps its own."""
    renamed = rename_sweep(name, new, storage=storage)
    typer.echo(f"{name} is now called {renamed}.")


@app.command()
def delete(
    name: Name, storage: StorageOption = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a sweep for good; one that is being computed stays."""
    where = find_sweep(name, storage=storage)
    check_idle(name, storage=storage)
    check_agreed(f"Delete the sweep {name} in {where} for good?", yes=yes)
    delete_sweep(name, storage=storage)
    typer.echo(f"Deleted {name}.")


@app.command("import")
def take_in(
    source: Annotated[Path, typer.Argument(help="What maml sweeps export --zip wrote.")],
    name: Annotated[str | None, typer.Option(help="Name to keep it under. (Default: the one that it has.)")] = None,
    storage: StorageOption = None,
) -> None:
    """Take a sweep in that was computed elsewhere. All of it is checked first, and no code of it is run."""
    kept = import_sweep(source, storage=storage, name=name)
    with load_sweep(kept, storage=storage) as study:
        said = finished_words(study.sweep, study.results())
        typer.echo(
            f"Imported {kept}, {said}, into {study.where}. Look at it with: {to_type('maml sweeps show', kept, storage)}"
        )


@app.command()
def export(
    name: Name,
    as_zip: Annotated[bool, typer.Option("--zip", help="The whole sweep, for maml sweeps import: NAME.zip.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="All settings as a table: NAME.csv.")] = False,
    by_seed: Annotated[
        bool, typer.Option("--seeds", help="All trainings as a table, a row a setting and seed: NAME-seeds.csv.")
    ] = False,
    curves: Annotated[
        bool, typer.Option("--curves", help="The training curves that lie here: NAME-curves.csv.")
    ] = False,
    out: OutOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    storage: StorageOption = None,
) -> None:
    """Write a sweep to a file for other programs or other machines."""
    if not as_zip and not as_csv and not by_seed and not curves:
        raise ConfigError("export", name, "say what to write: --zip, --csv, --seeds or --curves")
    if as_zip:
        write_out(out, f"{name}.zip", zip_sweep(name, storage=storage), force=force)
    if not as_csv and not by_seed and not curves:
        return
    with load_sweep(name, storage=storage) as study:
        frames = {}
        if as_csv:
            frames[f"{name}.csv"] = study.frame()
        if by_seed:
            frames[f"{name}-seeds.csv"] = study.frame(by_seed=True)
        if curves:
            frames[f"{name}-curves.csv"] = study.curves()
        for file, frame in frames.items():
            words = frame.map(lambda value: written(value) if value is None or isinstance(value, bool) else value)
            write_out(out, file, words.to_csv(index=False).encode(), force=force)
