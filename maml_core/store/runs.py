"""The folder of folders where runs are kept, by name."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
import unicodedata
import zipfile
from pathlib import Path

from maml_core.errors import ConfigError, StoreError
from maml_core.files import explained, locked, whole_path
from maml_core.store.document import DOCUMENT, SavedRun
from maml_core.store.folder import RunInfo, check_ours, check_untrained, load_run, ours, read_folder, run_info, save_run

MAX_NAME = 80
"""Letters of a name."""

MAX_NAME_BYTES = 200
"""A file system takes 255; what is written beside a folder on the way has some more."""

_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


def default_root() -> Path:
    """Where runs are kept: the folder that the environment variable MAML_RUNS names, otherwise ``~/.maml-live/runs``."""
    chosen = os.environ.get("MAML_RUNS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "runs"


def check_name(name: str) -> str:
    """The name, in the one spelling that every file system keeps apart from others (Unicode's NFC), if each takes it for a folder.

    >>> check_name("größe 1"), check_name("学习-2")
    ('größe 1', '学习-2')
    >>> check_name("alpha 0.1, N 5")
    Traceback (most recent call last):
    maml_core.errors.ConfigError: name = 'alpha 0.1, N 5' is not accepted: 1 to 80 letters or digits of any alphabet, spaces, . _ and -, \
beginning with a letter, a digit or _, and not ending with a space or a dot

    Raises:
        ConfigError: It is none that can be used.
    """
    clean = unicodedata.normalize("NFC", name) if isinstance(name, str) else ""
    said = f"{name[:40]}…" if isinstance(name, str) and len(name) > MAX_NAME else name
    fits = all(sign in " ._-" or unicodedata.category(sign)[0] in "LMN" for sign in clean)
    if not fits or not 1 <= len(clean) <= MAX_NAME or not (clean[0] == "_" or clean[0].isalnum()) or clean[-1] in " .":
        raise ConfigError(
            "name",
            said,
            f"1 to {MAX_NAME} letters or digits of any alphabet, spaces, . _ and -, beginning with a letter, a digit or _, "
            "and not ending with a space or a dot",
        )
    if len(clean.encode()) > MAX_NAME_BYTES:
        raise ConfigError(
            "name", name, f"at most {MAX_NAME_BYTES} bytes, as file systems count them; choose a shorter one"
        )
    if _DEVICES.fullmatch(clean):
        raise ConfigError("name", name, "Windows keeps this name for a device; choose another")
    return clean


def is_same(one: SavedRun, other: SavedRun) -> bool:
    """Whether two are one run at one step, whatever they are called and whenever they were saved."""
    return (one.step, one.config, one.timeline, one.state) == (other.step, other.config, other.timeline, other.state)


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
            if folder.name.startswith(".") or folder.is_symlink() or not os.path.lexists(folder / DOCUMENT):
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
        folder = self.folder(name)
        return dataclasses.replace(load_run(folder), name=folder.name)

    def name_of(self, run: SavedRun) -> str | None:
        """Name under which a run is kept as it is at this step, its own before others; None where it is not."""
        names = [info.name for info in self.list() if info.problem is None and info.step == run.step]
        for name in sorted(names, key=lambda name: name != run.name):
            with contextlib.suppress(StoreError):  # a damaged one is another
                if is_same(self.load(name), run):
                    return name
        return None

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
        """`delete_run` of the folder of this name."""
        delete_run(self.folder(name))

    def zip(self, name: str) -> bytes:
        """`zip_run` of the folder of this name."""
        return zip_run(self.folder(name))


def rename_run(folder: Path, name: str) -> Path:
    """Give the run in a folder another name: its folder, which stays where it is.

    Raises:
        ConfigError: The name cannot be used.
        StoreError: There is no such run, or the new name is taken.
    """
    source = whole_path(folder)
    target = source.with_name(check_name(name))
    _move(source, target)
    return target


def delete_run(folder: Path) -> None:
    """Remove a run: the files that belong to it, and its folder if nothing else is in there.

    Raises:
        StoreError: There is no such run, or what is there is not one of ours. Nothing is removed then.
    """
    with explained(f"cannot delete {folder.name}"):
        check_ours(folder)
        with locked(folder):
            check_ours(folder)
            check_untrained(folder)
            others = sorted(ours(folder) - {DOCUMENT})
            (folder / DOCUMENT).unlink()  # from here on there is no run, whatever becomes of its other files
            with explained(f"{folder.name} is deleted, but not every file of it in {folder}"):
                for file in others:
                    (folder / file).unlink()
            with contextlib.suppress(OSError):  # somebody else's files are in it
                folder.rmdir()


def zip_run(folder: Path) -> bytes:
    """The run in a folder as a ZIP archive: its files, in a folder of the run's name.

    Raises:
        StoreError: As of `load_run`.
    """
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for file, data in read_folder(folder).items():
            archive.writestr(f"{whole_path(folder).name}/{file}", data)
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
