"""`maml runs`: what is kept, and what becomes of it."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import PlainErrors, check_agreed, find_run, kept_runs, percent, print_json
from maml_core.cli.output import STDOUT, OutOption, write_out
from maml_core.cli.tables import Column, print_table
from maml_core.config import PythonConfig, RunConfig, to_dict
from maml_core.errors import ConfigError
from maml_core.exports.curves import curves_csv, write_tensorboard
from maml_core.exports.script import run_script
from maml_core.files import whole_path
from maml_core.shells import quoted_path
from maml_core.store import (
    RunInfo,
    RunStore,
    SavedRun,
    delete_run,
    keep_run,
    load_run,
    read_run,
    rename_run,
    run_info,
    zip_run,
)
from maml_core.timeline import entries_to_list
from maml_core.values import written
from maml_core.wording import loss_said

app = typer.Typer(
    cls=PlainErrors, no_args_is_help=True, help="List, show, rename, delete, export and import saved runs."
)

Root = Annotated[
    Path | None, typer.Option(help="Folder of runs. (Default: MAML_RUNS, or ~/.maml-live/runs.)", show_default=False)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Run = Annotated[str, typer.Argument(help="Name or folder of a saved run.", autocompletion=kept_runs)]


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

    rows: list[tuple[str, ...]] = []
    for info in infos:
        if info.problem is None:
            when = datetime.fromisoformat(info.saved).astimezone()
            saved = f"{when:%Y-%m-%d %H:%M}"
            rows.append((info.name, info.algorithm, str(info.step), info.status.kind, saved, _size(info)))
        else:
            rows.append((info.name, "", "", "damaged", "", _size(info)))
    names = ("name", "algorithm", "outer step", "status", "saved", "size")
    columns = [
        Column(name, cells, is_text=name not in ("outer step", "size"), folds=name in ("name", "saved"))
        for name, cells in zip(names, zip(*rows), strict=True)
    ]
    print_table(f"Runs in {store.root}", columns)
    for info in infos:
        if info.problem is not None:
            typer.echo(f"{info.name}: {info.problem}")


@app.command()
def show(
    run: Run,
    root: Root = None,
    as_json: AsJson = False,
) -> None:
    """Show a run: its set-up, its timeline and where it stands. The whole folder is checked on the way."""
    folder = find_run(run, root)
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
    if isinstance(saved.config.tasks, PythonConfig):
        typer.echo(f"trained on Python code, {saved.config.tasks.problem}, which holds its tasks, network and loss")
    elif saved.own_problem:
        typer.echo("trained with a Problem of its own, from Python: tasks and model below do not say what it learned")
    if len(records.held_out_steps):
        typer.echo(
            f"held-out loss at outer step {records.held_out_steps[-1]}: {loss_said(records.held_out_before[-1])} before adaptation, "
            f"{loss_said(records.held_out_after[-1])} after N steps"
        )
        if saved.config.classifies:
            before, after = records.held_out_accuracy_before[-1], records.held_out_accuracy_after[-1]
            typer.echo(f"held-out accuracy: {percent(before)} before adaptation, {percent(after)} after N steps")
    start = _settings(saved.start)
    for name, text in _settings(saved.config).items():
        typer.echo(f"  {name} = {text}" + (f"  (at the start {start[name]})" if text != start[name] else ""))
    for entry in sorted(saved.timeline + records.events, key=lambda entry: entry.step):
        changes = ", ".join(f"{name} = {written(value)}" for name, value in entry.changes.items())
        typer.echo(f"  step {entry.step}: {entry.kind} {changes}".rstrip())


@app.command()
def states(run: Run, root: Root = None, as_json: AsJson = False) -> None:
    """List the states that a run keeps of earlier outer steps, the thinner the older.

    maml evaluate --step judges any of them, or one between two.
    """
    folder = find_run(run, root)
    saved = load_run(folder)
    start = _settings(saved.start)
    others = [
        {name: text for name, text in _settings(moment.config).items() if text != start[name]}
        for moment in saved.moments
    ]
    if as_json:
        plain = [
            {"step": moment.step, "settings": changed, "size_bytes": len(moment.state)}
            for moment, changed in zip(saved.moments, others, strict=True)
        ]
        print_json({"run": str(folder.absolute()), "step": saved.step, "states": plain})
        return
    if not saved.moments:
        typer.echo(f"No states of earlier outer steps are kept of {folder.name}; they are while it trains on.")
        return
    columns = [
        Column("outer step", [str(moment.step) for moment in saved.moments]),
        Column(
            "settings unlike at the start",
            [", ".join(f"{name} = {text}" for name, text in changed.items()) for changed in others],
            is_text=True,
            folds=True,
        ),
        Column("size", [_in_words(len(moment.state)) for moment in saved.moments]),
    ]
    print_table(f"States kept of {folder.name}, at outer step {saved.step} now", columns)


@app.command()
def rename(run: Run, new: Annotated[str, typer.Argument(help="Its new name.")], root: Root = None) -> None:
    """Give a run another name; its folder stays where it is."""
    target = rename_run(find_run(run, root), new)
    typer.echo(f"{run} is now called {target.name}.")


@app.command()
def delete(
    run: Run, root: Root = None, yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False
) -> None:
    """Delete a run for good. Files in its folder that are not the run's stay."""
    folder = find_run(run, root)
    check_agreed(f"Delete the run {run} in {folder} for good?", yes=yes)
    delete_run(folder)
    typer.echo(f"Deleted {run}.")


@app.command("import")
def take_in(
    source: Annotated[Path, typer.Argument(help="What maml runs export --zip wrote, or a run's folder.")],
    name: Annotated[str | None, typer.Option(help="Name to keep it under. (Default: the one that it has.)")] = None,
    root: Root = None,
) -> None:
    """Take a run in that was trained elsewhere. All of it is checked first; one that is there already stays as it is, unless you name another copy."""
    store, found = RunStore(root), read_run(source)
    if name is None and (kept := store.name_of(found.run)) is not None:
        typer.echo(f"{found.run.name} is there already under {kept}, at outer step {found.run.step}.")
        return
    run = keep_run(found, store, name=name)
    typer.echo(f"Imported {run.name}, at outer step {run.step}, into {store.folder(run.name)}.")


@app.command()
def export(
    run: Run,
    as_csv: Annotated[bool, typer.Option("--csv", help="The curves as a table: NAME.csv.")] = False,
    as_zip: Annotated[bool, typer.Option("--zip", help="The whole run, for maml runs import: NAME.zip.")] = False,
    as_script: Annotated[
        bool,
        typer.Option("--script", help="The run as a Python script that stands alone where it can: NAME.py."),
    ] = False,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights",
            help="theta_0 as the state_dict of plain PyTorch layers: NAME.safetensors, or with --out FILE.pt what torch.load reads.",
        ),
    ] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(help="Write the curves into this folder, for tensorboard --logdir.")
    ] = None,
    out: OutOption = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there.")] = False,
    root: Root = None,
) -> None:
    """Write a run to a file for other programs or other machines."""
    folder = find_run(run, root)
    name = whole_path(folder).name
    makers: dict[str, Callable[[], bytes]] = {}
    if as_csv:
        makers["csv"] = lambda: curves_csv(load_run(folder).records).encode()
    if as_zip:
        makers["zip"] = lambda: zip_run(folder)
    if as_script:
        saved = load_run(folder)
        makers["py"] = lambda: run_script(saved).encode()
    if weights:
        makers["safetensors"] = lambda: _weights(load_run(folder), out)
    if not makers and tensorboard is None:
        raise ConfigError("export", run, "say what to write: --csv, --zip, --script, --weights or --tensorboard FOLDER")
    for ending, make in makers.items():
        write_out(out, f"{name}.{ending}", make(), force=force)
    if tensorboard is not None:
        saved = load_run(folder)
        saved_s = datetime.fromisoformat(saved.saved).timestamp()
        try:
            path = write_tensorboard(saved.records, tensorboard / name, wall_time_s=saved_s)
        except ImportError as error:
            raise ConfigError("tensorboard", str(tensorboard), str(error)) from None
        words = f"Wrote {path}; look at it with: tensorboard --logdir {quoted_path(tensorboard)}"
        typer.echo(words, err=out == STDOUT)


def _weights(run: SavedRun, out: Path | None) -> bytes:
    """The state_dict of a run's theta_0, in the format that the name of its file asks for."""
    import safetensors.torch
    import torch

    from maml_core.problem import build_problem
    from maml_core.state_bytes import state_from_bytes
    from maml_core.weights import state_dict

    run.need_settings("exported as weights")
    problem = build_problem(run.config, trained=run.images)
    found = state_dict(run.config, state_from_bytes(run.state), problem=problem)
    if out is None or out.suffix.lower() not in (".pt", ".pth"):
        return safetensors.torch.save(found, metadata={"format": "pt"})
    file = io.BytesIO()
    torch.save(found, file)
    return file.getvalue()


def _settings(config: RunConfig) -> dict[str, str]:
    """Every setting by the name that ``--set`` takes, in the words of the command line."""
    found: dict[str, str] = {}
    for name, value in to_dict(config).items():
        if isinstance(value, dict):
            found |= {f"{name}.{inner}": written(part) for inner, part in value.items()}
        else:
            found[name] = written(value)
    return found


def _info(info: RunInfo) -> dict[str, Any]:
    plain = dataclasses.asdict(info)
    return plain | {"folder": str(info.folder.absolute()), "status": info.status._asdict()}


def _size(info: RunInfo) -> str:
    return _in_words(info.size_bytes)


def _in_words(num_bytes: int) -> str:
    """A size in words.

    >>> _in_words(282_900), _in_words(2_064_700)
    ('283 kB', '2.1 MB')
    """
    return f"{num_bytes / 1000:.0f} kB" if num_bytes < 999_500 else f"{num_bytes / 1e6:,.1f} MB"
