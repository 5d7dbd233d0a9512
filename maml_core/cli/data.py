"""`maml data`: which images there are to draw tasks from, how to get them, and how to be rid of them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import PlainErrors, check_agreed, print_json, say
from maml_core.cli.progress import working
from maml_core.config import FolderConfig, RunTasks
from maml_core.datasets.folder import folder_splits, folders, kept_folder, load_folder
from maml_core.datasets.imageset import ImageSet, data_root, images_info
from maml_core.datasets.omniglot import OmniglotStatus, download_omniglot, find_omniglot, import_omniglot, load_omniglot
from maml_core.datasets.splits import Splits
from maml_core.errors import ConfigError, DataError, StoreError
from maml_core.files import explained
from maml_core.store import RunInfo, RunStore, load_run
from maml_core.sweeps.images import tasks_of
from maml_core.sweeps.places import names_in
from maml_core.sweeps.study import load_sweep
from maml_core.wording import one_of

HELP = """Show, get, read and delete images.

\b
Examples:
  maml data
  maml data omniglot --download
  maml data omniglot --from ~/Downloads/images_background.zip
  maml data folder ~/pictures --color rgb --size 64
  maml data folder ~/pictures --validation-classes 5 --test-classes 0
  maml data delete ~/pictures
"""

app = typer.Typer(cls=PlainErrors, help=HELP, invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback()
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what is there."""
    if ctx.invoked_subcommand is not None:
        if as_json:
            raise ConfigError("json", True, f"say it after the command: maml data {ctx.invoked_subcommand} ... --json")
        return
    status, kept = find_omniglot(), list(_kept_folders())
    if as_json:
        print_json({"root": str(data_root()), "omniglot": _omniglot(status), "folders": kept})
        return
    typer.echo(f"Omniglot: {_sentence(status)}")
    for item in kept:
        typer.echo(f"{_described(item)}, kept in {item['file']}")
    typer.echo(f"Images are kept in {data_root()}.")


@app.command()
def omniglot(
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A folder that holds images_background, or its zip file, with the evaluation part beside it; at most three folders down.",
        ),
    ] = None,
    download: Annotated[
        bool, typer.Option("--download", help="Fetch the official files, 16 MB, and check them.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Import Omniglot: 1,623 hand-written characters, 20 drawings each.

    Without an option it is imported from the folder that the environment variable MAML_OMNIGLOT names, or from what was downloaded.
    """
    with working() as on_progress:
        if download:
            download_omniglot(on_progress)
        elif source is not None:
            import_omniglot(source, on_progress)
        else:
            load_omniglot(on_progress)
    status = find_omniglot()
    if as_json:
        print_json(_omniglot(status))
    else:
        typer.echo(f"Omniglot: {_sentence(status)}")


@app.command()
def folder(
    path: Annotated[Path, typer.Argument(help="A folder, or a zip file, with a folder of images for each class.")],
    size: Annotated[int, typer.Option(help="Height and width that images are brought to, in pixels.")] = 28,
    color: Annotated[str, typer.Option(help="grey or rgb.")] = "grey",
    validation_classes: Annotated[
        int | None, typer.Option(help="Classes held out for validation. (Default: as published, or one in five.)")
    ] = None,
    test_classes: Annotated[
        int | None, typer.Option(help="Classes held out for the test; 0 for none. (Default: likewise.)")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import a folder of images, and say how it is understood, and what was left out of it and why."""
    config = FolderConfig(
        folder=str(path),
        size=size,
        color=color,  # type: ignore[arg-type]  # it is checked there
        validation_classes=validation_classes,
        test_classes=test_classes,
    )
    with working() as on_progress:
        images = load_folder(config.folder, size=config.size, color=config.color, on_progress=on_progress)
    splits = folder_splits(images, seed=config.split_seed, num_validation=validation_classes, num_test=test_classes)
    if as_json:
        print_json(_folder(images, splits))
        return
    fewest, most = images.class_sizes.min(), images.class_sizes.max()
    a_class = f"{most:,}" if fewest == most else f"from {fewest:,} to {most:,}"
    typer.echo(f"{images.name}: {len(images.images):,} images, {a_class} a class; {splits.note}.")
    for note in images.notes:
        say(f"note: {note}")
    for name, reason in images.skipped:
        say(f"left out: {name}: {reason}")


@app.command()
def delete(
    name: Annotated[
        str,
        typer.Argument(
            help="A folder or zip file, its name, or the file that keeps its images, as maml data says them."
        ),
    ],
    yes: Annotated[
        bool,
        typer.Option("--yes", help="Do not ask, and do it although saved runs or sweeps draw their tasks from them."),
    ] = False,
) -> None:
    """Delete what is kept of a folder of images; the folder itself stays, and is read again where a run needs it."""
    found = _named(name, list(_kept_folders()))
    files = {item["file"] for item in found}
    runs = [info.name for info in RunStore().list() if _draws_from(info, files)]
    sweeps = [name for name in names_in(None) if _sweep_draws_from(name, files)]
    for item in found:
        say(f"{_described(item)}, {item['size_bytes'] / 1e6:.1f} MB")
    if (runs or sweeps) and not yes:
        users = "; ".join(
            f"{what} draw their tasks from these images: {', '.join(names)}"
            for what, names in (("saved runs", runs), ("sweeps", sweeps))
            if names
        )
        raise DataError(
            "other",
            f"{users}. To delete them nevertheless, add --yes: "
            "when one of these goes on, they are read again from where they came",
        )
    check_agreed("Delete what is kept of it?", yes=yes)
    for item in found:
        with explained(f"cannot delete {item['file']}", DataError):
            Path(item["file"]).unlink()
    typer.echo(f"Deleted {found[0]['name']}.")


def _named(name: str, kept: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is kept of one folder, in every size and color.

    Raises:
        DataError: There is no such folder, or there are several of this name.
    """
    path = str(Path(name).expanduser().absolute())
    by_place = [item for item in kept if path in (item["source"], item["file"])]
    found = by_place or [item for item in kept if item["name"] == name]
    if not found:
        there = one_of(dict.fromkeys(item["name"] for item in kept), name) if kept else "nothing is kept yet"
        raise DataError("missing", f"nothing is kept of a folder called {name!r}: {there}")
    places = {item["source"] or item["file"] for item in found}
    if not by_place and len(places) > 1:
        raise DataError("other", f"there are several of this name; say which: {', '.join(sorted(places))}")
    return found


def _draws_from(info: RunInfo, files: set[str]) -> bool:
    """Whether a saved run draws its tasks from images that one of these files keeps; a damaged one goes on nowhere."""
    with contextlib.suppress(StoreError):
        return info.problem is None and _is_kept_in(load_run(info.folder).config.tasks, files)
    return False


def _sweep_draws_from(name: str, files: set[str]) -> bool:
    """Whether some setting of a sweep on this machine draws its tasks from images that one of these files keeps."""
    with contextlib.suppress(StoreError, ConfigError), load_sweep(name) as study:
        return any(_is_kept_in(tasks, files) for tasks in tasks_of(study.sweep))
    return False


def _is_kept_in(tasks: RunTasks, files: set[str]) -> bool:
    if not isinstance(tasks, FolderConfig):
        return False
    return str(kept_folder(tasks.folder, size=tasks.size, color=tasks.color)) in files


def _described(item: dict[str, Any]) -> str:
    """What is kept of a folder, told apart from others of its name."""
    channels, _, size = item["shape"]
    look = f"{size} pixels, {'rgb' if channels == 3 else 'grey'}"
    place = f", of {item['source']}" if item["source"] else ""
    return f"{item['name']}: {item['num_classes']} classes, {item['num_images']:,} images of {look}{place}"


def _omniglot(status: OmniglotStatus) -> dict[str, Any]:
    return dataclasses.asdict(status) | {"where": str(status.where), "available": status.available}


def _folder(images: ImageSet, splits: Splits) -> dict[str, Any]:
    return {
        "name": images.name,
        "num_images": len(images.images),
        "shape": list(images.image_shape),
        "classes": dict(zip(images.class_names, images.class_sizes.tolist())),
        "num_classes": {split: len(part) for split, part in splits.classes.items()},
        "notes": list(images.notes),
        "skipped": [skipped._asdict() for skipped in images.skipped],
    }


def _kept_folders() -> Iterator[dict[str, Any]]:
    for file in sorted(folders().glob("*.safetensors")):
        with contextlib.suppress(DataError):  # it is read again when it is used
            info = images_info(file)
            yield {
                "name": info.name,
                "num_classes": len(info.class_names),
                "num_images": info.num_images,
                "shape": list(info.image_shape),
                "source": info.source,
                "size_bytes": info.size_bytes,
                "file": str(file),
            }


def _sentence(status: OmniglotStatus) -> str:
    if status.state == "importable":
        return (
            f"its files are in {status.where}; they are imported when they are first used, or with: maml data omniglot"
        )
    if status.state != "ready":
        return f"{'damaged' if status.state == 'damaged' else 'not there'}. {_capital(status.advice)}."
    there = (
        f"{status.num_classes:,} characters of {status.num_alphabets} alphabets, {status.num_images:,} drawings, "
        f"in {status.where} ({status.size_bytes / 1e6:.0f} MB)."
    )
    return f"{there} {_capital(status.advice)}." if status.advice else there


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
