"""Where `export` writes: a file, whole or not at all; stdout, for `-`; or a device or pipe, which it neither replaces nor locks."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from maml_core.errors import ConfigError, StoreError
from maml_core.files import write_file

OutOption = Annotated[
    Path | None,
    typer.Option(help="File to write, where it is one, or - for stdout. (Default: in this folder.)"),
]

STDOUT = Path("-")

_OF_A_FORMAT = re.compile(
    r"\.(csv|feather|html|ipynb|jpg|json|np[yz]|ods|parquet|pdf|pkl|png|py|svg|toml|tsv|xlsx?|yaml|zip)", re.IGNORECASE
)
"""Endings that say what is in a file."""


def write_out(out: Path | None, default: str, data: bytes, *, force: bool) -> None:
    """Write what is exported, and say where it is.

    Args:
        out: Where to; None for a file of the name `default` in the current folder.
        default: A name whose ending is the format.
        data: What is written.
        force: Take the place of a file that is there.

    Raises:
        ConfigError: A folder, or a file whose ending names another format; or stdout, where nothing has its place taken.
        StoreError: There is a file already.
        OSError: It cannot be written.
    """
    if out == STDOUT:
        if force:
            raise ConfigError("force", True, "nothing is overwritten on stdout; leave it out")
        typer.echo(data, nl=False)
        return
    path = Path(default) if out is None else out
    kind, ending = Path(default).suffix, path.suffix
    if ending.lower() != kind and _OF_A_FORMAT.fullmatch(ending):
        raise ConfigError("out", str(path), f"a file that ends with {kind}: that is what is written")
    if path.is_dir():
        raise ConfigError("out", str(path), f"a file; this is a folder, so say {path / default}")
    if path.exists() and not path.is_file():
        try:
            with open(path, "wb") as device:
                device.write(data)
        except OSError as error:
            error.filename = str(path)  # a write that fails does not say where
            raise
    elif path.exists() and not force:
        raise StoreError("taken", f"{path} is there already; choose another file with --out, or add --force")
    else:
        write_file(path, data)
    typer.echo(f"Wrote {path} ({len(data):,} bytes).", err=not path.is_file())
