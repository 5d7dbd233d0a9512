"""`maml data`: which images there are to draw tasks from, and how to get them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from maml_core.cli.console import PlainErrors, print_json, say
from maml_core.cli.progress import working
from maml_core.config import FolderConfig
from maml_core.datasets.folder import folder_splits, folders, load_folder
from maml_core.datasets.imageset import ImageSet, data_root, images_info
from maml_core.datasets.omniglot import OmniglotStatus, download_omniglot, find_omniglot, import_omniglot, load_omniglot
from maml_core.datasets.splits import Splits
from maml_core.errors import ConfigError, DataError

HELP = """Show which images there are, and get Omniglot.

\b
Examples:
  maml data
  maml data omniglot --download
  maml data omniglot --from ~/Downloads/images_background.zip
  maml data folder ~/pictures --color rgb --size 64
  maml data folder ~/pictures --validation-classes 5 --test-classes 0
"""

app = typer.Typer(cls=PlainErrors, help=HELP, invoke_without_command=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]


@app.callback()
def show(ctx: typer.Context, as_json: AsJson = False) -> None:
    """Show what is there."""
    if ctx.invoked_subcommand is not None:
        return
    status, kept = find_omniglot(), list(_kept_folders())
    if as_json:
        print_json({"root": str(data_root()), "omniglot": _omniglot(status), "folders": kept})
        return
    typer.echo(f"Omniglot: {_sentence(status)}")
    for item in kept:
        typer.echo(f"{item['name']}: {item['num_classes']} classes, {item['num_images']:,} images, in {item['file']}")
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
    if source is not None and download:
        raise ConfigError("download", True, "say one of the two, --from or --download")
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
    typer.echo(
        f"{images.name}: {len(images.images):,} images, from {images.class_sizes.min()} to {images.class_sizes.max()} a class; "
        f"{splits.note}."
    )
    for note in images.notes:
        say(f"note: {note}")
    for name, reason in images.skipped:
        say(f"left out: {name}: {reason}")


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
