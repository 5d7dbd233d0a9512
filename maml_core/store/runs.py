"""The folder of folders where runs are kept, by name."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import zipfile
from pathlib import Path

from maml_core.errors import ConfigError, StoreError
from maml_core.files import explained, locked
from maml_core.store.document import DOCUMENT, SavedRun
from maml_core.store.folder import RunInfo, check_ours, check_untrained, load_run, ours, read_folder, run_info, save_run

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,79}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def default_root() -> Path:
    """Where runs are kept: the folder that the environment variable MAML_RUNS names, otherwise ``~/.maml-live/runs``."""
    chosen = os.environ.get("MAML_RUNS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "runs"


def check_name(name: str) -> str:
    """The name, if every file system takes it for a folder.

    >>> check_name("alpha 0.1, N 5")
    Traceback (most recent call last):
    maml_core.errors.ConfigError: name = 'alpha 0.1, N 5' is not accepted: 1 to 80 of the letters a-z and A-Z, digits, space, . _ and -, \
beginning with a letter, a digit or _, and not ending with a space or a dot

    Raises:
        ConfigError: It is none that can be used.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name[-1] in " .":
        raise ConfigError(
            "name",
            name,
            "1 to 80 of the letters a-z and A-Z, digits, space, . _ and -, beginning with a letter, a digit or _, "
            "and not ending with a space or a dot",
        )
    if _DEVICES.fullmatch(name):
        raise ConfigError("name", name, "Windows keeps this name for a device; choose another")
    return name


class RunStore:
    """The runs in one folder, by name. The name of a run is the name of its folder.

    Args:
        root: Where they are; `default_root()` where none is given. Made when the first run is saved.
    """

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = Path(root) if root is not None else default_root()

    def folder(self, name: str) -> Path:
        """Where the run of this name is, or would be.

        Raises:
            ConfigError: The name cannot be used.
            StoreError: A link stands there.
        """
        folder = self.root / check_name(name)
        if folder.is_symlink():
            raise StoreError("foreign", f"{folder} is a link, not a run folder; use the folder that it points to")
        return folder

    def list(self) -> list[RunInfo]:
        """All runs, the newest first; those that cannot be loaded stand at the end, with the reason."""
        with explained(f"cannot list the runs in {self.root}"):
            folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        infos = []
        for folder in folders:
            if folder.is_symlink() or not os.path.lexists(folder / DOCUMENT):
                continue
            info = run_info(folder)
            try:
                check_name(folder.name)
            except ConfigError as error:
                info = dataclasses.replace(info, problem=f"rename the folder {folder}: {error}")
            infos.append(info)
        infos.sort(key=lambda info: info.saved, reverse=True)
        return sorted(infos, key=lambda info: info.problem is not None)

    def save(self, run: SavedRun, *, new: bool = False) -> SavedRun:
        """`save_run` into the folder of its name."""
        return save_run(self.folder(run.name), run, new=new)

    def load(self, name: str) -> SavedRun:
        """`load_run` of the folder of this name."""
        return dataclasses.replace(load_run(self.folder(name)), name=name)

    def rename(self, old: str, new: str) -> None:
        """Give a run another name.

        Raises:
            StoreError: There is no such run, or the new name is taken.
        """
        _move(self.folder(old), self.folder(new))

    def move(self, name: str, to: RunStore) -> None:
        """Put a run into another folder of runs on the same disk, with all that is in its own folder.

        Raises:
            StoreError: There is no such run, or the name is taken there.
        """
        with explained(f"cannot move {name}"):
            to.root.mkdir(parents=True, exist_ok=True)
        _move(self.folder(name), to.folder(name))

    def delete(self, name: str) -> None:
        """Remove a run: the files that belong to it, and its folder if nothing else is in there.

        Raises:
            StoreError: There is no such run, or what is there is not one of ours. Nothing is removed then.
        """
        folder = self.folder(name)
        with explained(f"cannot delete {name}"):
            check_ours(folder)
            with locked(folder):
                check_ours(folder)
                check_untrained(folder)
                for file in sorted(
                    ours(folder), key=lambda file: file == DOCUMENT
                ):  # a run until its last file is gone
                    (folder / file).unlink()
                with contextlib.suppress(OSError):  # somebody else's files are in it
                    folder.rmdir()

    def zip(self, name: str) -> bytes:
        """A run as a ZIP archive of its folder; unpacked into a store's folder it is a run there."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in read_folder(self.folder(name)).items():
                archive.writestr(f"{name}/{file}", data)
        return target.getvalue()


def _move(source: Path, target: Path) -> None:
    with explained(f"cannot rename {source.name}"):
        check_ours(source)
        check_untrained(source)
        if os.path.lexists(target) and not (
            source.samefile(target) and source != target
        ):  # "Run" to "run" may be one folder
            raise StoreError("taken", f"there is a run called {target.name!r} already; choose another name")
        os.rename(source, target)
