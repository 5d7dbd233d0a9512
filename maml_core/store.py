"""Run folders: a run kept on disk, and the folder of folders where runs are kept. Nothing here imports torch.

    run.json                    what the run is, and the name, size and sha256 of each other file
    curves-<sha256>.parquet     the training curves
    held_out-<sha256>.parquet   the held-out curves
    state-<sha256>.safetensors  parameters, optimiser moments and checkpoints, as `storage.state_to_bytes` wrote them

Data files are named by their content and written before `run.json`, which takes its place in one step: whatever happens on the way, a
folder holds the save before or the save after. Everything is checked when it is read, and nothing that is read can execute.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import io
import json
import os
import platform
import re
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy.typing as npt

from maml_core.config import RunConfig, from_dict, to_dict
from maml_core.curves import COLUMNS, NO_RECORDS, from_parquet, misfit, to_parquet
from maml_core.errors import ConfigError, StoreError
from maml_core.files import ATTEMPTS, explained, locked, write_file
from maml_core.records import Entry, Records, Status
from maml_core.timeline import entries_from_list, entries_to_list

FORMAT = "maml-live run"
"""What the first line of every `run.json` says."""

VERSION = 1
"""Version of the layout of a folder."""

MAX_DOCUMENT_BYTES = 2**24
"""Size of the largest `run.json`; a timeline of 100,000 changes has room."""

DOCUMENT = "run.json"

_MARKER = re.compile(rb'\s*\{\s*"format"\s*:\s*"' + FORMAT.encode() + rb'"')
_ENDINGS = {"curves": "parquet", "held_out": "parquet", "state": "safetensors"}
_OURS = re.compile(r"((curves|held_out)-[0-9a-f]{16}\.parquet|state-[0-9a-f]{16}\.safetensors|run\.json)(\.part)?")
_KEYS = (
    "format",
    "version",
    "name",
    "step",
    "status",
    "created",
    "saved",
    "versions",
    "start",
    "config",
    "timeline",
    "events",
    "files",
)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]{0,79}")
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedRun:
    """A whole run: with it training goes on, or is repeated from the start, bit for bit."""

    name: str
    start: RunConfig
    """The set-up at outer step 0."""
    config: RunConfig
    """The set-up that holds at `state`."""
    timeline: tuple[Entry, ...] = ()
    records: Records
    state: bytes
    """From `ChunkResult.state` or `storage.state_to_bytes`."""
    step: int
    """Outer steps taken."""
    status: Status = Status()
    created: str = ""
    """When it was first saved, ISO 8601; `save_run` fills it in where it is empty."""
    saved: str = ""
    """When it was last saved; `save_run` sets it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of python and the libraries at the last save; `save_run` sets them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """A line in a list of runs, from `run.json` alone."""

    folder: Path
    name: str
    step: int = 0
    status: Status = Status()
    algorithm: str = ""
    created: str = ""
    saved: str = ""
    size_bytes: int = 0
    problem: str | None = None
    """Why it cannot be loaded; the other fields then say nothing."""


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


def save_run(folder: str | os.PathLike[str], run: SavedRun, *, new: bool = False) -> SavedRun:
    """Write a run into its folder, in place of what was saved there before. Of two at once, the later one stays.

    Args:
        folder: Made where it is missing. One that holds anything but a run is left alone.
        run: What to save.
        new: Refuse to take the place of a run that is there already.

    Returns:
        The run with its times and versions filled in.

    Raises:
        StoreError: It cannot be saved there; what was saved before is as it was.
        ValueError: The records are not of this run.
    """
    folder, now = Path(folder), _now()
    run = dataclasses.replace(run, created=run.created or now, saved=now, versions=_versions())
    parts = {part: to_parquet(run.records, columns) for part, columns in COLUMNS.items()} | {"state": run.state}
    files = {part: _File.of(part, data) for part, data in parts.items()}
    document = _to_document(run, files)
    _from_document(folder, document)  # what could not be read back is not written
    if problem := misfit(run.records, run.step):
        raise ValueError(f"these records are not of a run that took {run.step} outer steps: {problem}")
    with (
        explained(f"cannot save the run in {folder} (what was saved there before is intact)"),
        locked(folder) as handle,
    ):
        before = _ours(folder)
        keep = before
        try:
            _check_free(folder, new=new)
            for part, file in files.items():
                _write_once(folder / file.name, parts[part])
            write_file(folder / DOCUMENT, document)
            keep = {DOCUMENT, *(file.name for file in files.values())}
            if handle is not None:
                os.fsync(handle)
        finally:
            for name in _ours(folder) - keep:
                with contextlib.suppress(OSError):  # it harms nobody, and the next save tries again
                    (folder / name).unlink()
    return run


def load_run(folder: str | os.PathLike[str]) -> SavedRun:
    """The run that a folder holds, every byte of it checked.

    Raises:
        StoreError: There is none, it is damaged, or a newer version wrote it. Nothing is changed.
    """
    folder = Path(folder)
    contents = _read(folder)
    document = _from_document(folder, contents[DOCUMENT])
    columns: dict[str, npt.NDArray[Any]] = {}
    for part, names in COLUMNS.items():
        try:
            columns |= from_parquet(contents[document.files[part].name], names)
        except ValueError as error:
            raise StoreError("damaged", f"the curves in {folder} are damaged ({error}); {_INSTEAD}") from error
    records = Records(**columns, events=document.events)
    if problem := misfit(records, document.run.step):
        raise StoreError("damaged", f"the curves in {folder} are damaged ({problem}); {_INSTEAD}")
    return dataclasses.replace(document.run, records=records, state=contents[document.files["state"].name])


def run_info(folder: str | os.PathLike[str]) -> RunInfo:
    """What a list of runs says about a folder, without reading the run itself."""
    folder = Path(folder)
    try:
        size = sum((folder / name).stat().st_size for name in _ours(folder))
    except OSError:
        size = 0
    try:
        document = _from_document(folder, _read_document(folder))
        for file in document.files.values():
            _check_size(folder, file)
    except StoreError as error:
        return RunInfo(folder=folder, name=folder.name, size_bytes=size, problem=str(error))
    run = document.run
    return RunInfo(
        folder=folder,
        name=folder.name,
        step=run.step,
        status=run.status,
        algorithm=run.config.algorithm,
        created=run.created,
        saved=run.saved,
        size_bytes=size,
    )


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
            _check_ours(folder)
            with locked(folder):
                _check_ours(folder)
                for file in sorted(
                    _ours(folder), key=lambda file: file == DOCUMENT
                ):  # a run until its last file is gone
                    (folder / file).unlink()
                with contextlib.suppress(OSError):  # somebody else's files are in it
                    folder.rmdir()

    def zip(self, name: str) -> bytes:
        """A run as a ZIP archive of its folder; unpacked into a store's folder it is a run there."""
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
            for file, data in _read(self.folder(name)).items():
                archive.writestr(f"{name}/{file}", data)
        return target.getvalue()


def _move(source: Path, target: Path) -> None:
    with explained(f"cannot rename {source.name}"):
        _check_ours(source)
        if os.path.lexists(target) and not (
            source.samefile(target) and source != target
        ):  # "Run" to "run" may be one folder
            raise StoreError("taken", f"there is a run called {target.name!r} already; choose another name")
        os.rename(source, target)


# --- What run.json says -----------------------------------------------------------------------------------------------

_INSTEAD = "load another copy of the run, or delete it and train again"


class _File(NamedTuple):
    """A data file of a run."""

    name: str
    size: int
    sha256: str

    @staticmethod
    def of(part: str, data: bytes) -> _File:
        digest = hashlib.sha256(data).hexdigest()
        return _File(_file_name(part, digest), len(data), digest)


class _Document(NamedTuple):
    """A `run.json` that was checked. The run in it has neither records nor state yet."""

    run: SavedRun
    files: Mapping[str, _File]
    events: tuple[Entry, ...]


def _file_name(part: str, digest: str) -> str:
    return f"{part}-{digest[:16]}.{_ENDINGS[part]}"


def _to_document(run: SavedRun, files: Mapping[str, _File]) -> bytes:
    content = {
        "format": FORMAT,
        "version": VERSION,
        "name": run.name,
        "step": run.step,
        "status": run.status._asdict(),
        "created": run.created,
        "saved": run.saved,
        "versions": dict(run.versions),
        "start": to_dict(run.start),
        "config": to_dict(run.config),
        "timeline": entries_to_list(run.timeline),
        "events": entries_to_list(run.records.events),
        "files": {part: file._asdict() for part, file in files.items()},
    }
    try:
        plain = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreError("damaged", f"this run cannot be saved: its timeline is no plain data ({error})") from error
    return json.dumps({**plain, "sha256": _digest(plain)}, indent=1, allow_nan=False).encode()


def _digest(content: Mapping[str, Any]) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def _from_document(folder: Path, data: bytes) -> _Document:
    where = folder / DOCUMENT
    if len(data) > MAX_DOCUMENT_BYTES:
        raise StoreError("damaged", f"{where} is larger than {MAX_DOCUMENT_BYTES:,} bytes; {_INSTEAD}")
    if not _MARKER.match(data):
        raise StoreError("foreign", f"{where} is not of a run of this program; choose another folder")
    try:
        content = _parsed(data)
        version = content.get("version")
        if isinstance(version, int) and version > VERSION:
            raise StoreError(
                "newer",
                f"{folder} was saved by a newer version of maml-live (format {version}, this one reads {VERSION}); update maml-live to load it",
            )
        if version != VERSION:
            raise ValueError(f"version is {version!r}")
        if content.pop("sha256", None) != _digest(content):
            raise ValueError("its checksum does not fit")
        return _checked(content)
    except (ConfigError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError("damaged", f"{where} is damaged ({error}); {_INSTEAD}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    """JSON without repeated keys and without NaN."""

    def table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise ValueError("a key stands there twice")
        return found

    def refuse(constant: str) -> Any:
        raise ValueError(f"{constant} is no number")

    content = json.loads(data, object_pairs_hook=table, parse_constant=refuse)
    if not isinstance(content, dict):
        raise TypeError("not a table")
    return content


def _checked(content: dict[str, Any]) -> _Document:
    _table(content, _KEYS)
    status = _table(content["status"], Status._fields)
    if status["kind"] not in ("ok", "diverged", "dead"):
        raise ValueError(f"status is {status['kind']!r}")
    for time in ("created", "saved"):
        datetime.fromisoformat(_text(content[time], time))
    versions = content["versions"]
    if not isinstance(versions, dict):
        raise TypeError("versions is no table")
    start = from_dict(content["start"])
    run = SavedRun(
        name=_text(content["name"], "name"),
        start=start,
        config=from_dict(content["config"]),
        timeline=entries_from_list(content["timeline"], start=start),
        records=NO_RECORDS,
        state=b"",
        step=_whole(content["step"], "step"),
        status=Status(status["kind"], _text(status["sentence"], "sentence")),
        created=content["created"],
        saved=content["saved"],
        versions={name: _text(version, name) for name, version in versions.items()},
    )
    files = {part: _file(part, file) for part, file in _table(content["files"], _ENDINGS).items()}
    return _Document(run, files, entries_from_list(content["events"], path="events"))


def _file(part: str, data: Any) -> _File:
    file = _table(data, _File._fields)
    sha256 = _text(file["sha256"], "sha256")
    if not re.fullmatch("[0-9a-f]{64}", sha256) or file["name"] != _file_name(part, sha256):
        raise ValueError(f"the file {file['name']!r} is none of a run")
    return _File(file["name"], _whole(file["size"], "size"), sha256)


def _table(value: Any, keys: Iterable[str]) -> dict[str, Any]:
    wanted = set(keys)
    if not isinstance(value, dict) or set(value) != wanted:
        found = sorted(value) if isinstance(value, dict) else value
        raise ValueError(f"there is {found!r} where {sorted(wanted)} are expected")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, not a text")
    return value


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, not a whole number from 0 on")
    return value


# --- Files ------------------------------------------------------------------------------------------------------------


def _ours(folder: Path) -> set[str]:
    """The files of a folder that are named as this program names them."""
    return {name for name in os.listdir(folder) if _OURS.fullmatch(name)} if folder.is_dir() else set()


def _check_free(folder: Path, *, new: bool) -> None:
    """See that a run may be written into a folder."""
    if os.path.lexists(folder / DOCUMENT):
        _check_ours(folder)
        if new:
            raise StoreError("taken", f"there is a run in {folder} already; choose another name or folder")
    elif any(not _OURS.fullmatch(name) for name in os.listdir(folder)):
        raise StoreError("foreign", f"{folder} holds other files and no run; choose an empty or a new folder")


def _check_ours(folder: Path) -> None:
    """See that a folder holds a run, be it a damaged one, and none of a newer version."""
    data = _read_document(folder)
    if not _MARKER.match(data):
        raise StoreError("foreign", f"{folder / DOCUMENT} is not of a run of this program; choose another folder")
    try:
        _from_document(folder, data)
    except StoreError as error:
        if error.kind == "newer":
            raise


def _read_document(folder: Path) -> bytes:
    path = folder / DOCUMENT
    if not os.path.lexists(path):
        raise StoreError("missing", f"there is no run in {folder}: it has no {DOCUMENT}")
    if path.is_symlink() or not path.is_file():
        raise StoreError("foreign", f"{path} is not a plain file; choose another folder")
    with explained(f"cannot read {path}"), open(path, "rb") as file:
        return file.read(MAX_DOCUMENT_BYTES + 1)


def _read(folder: Path) -> dict[str, bytes]:
    """All files of a run, run.json first, each as its checksum says. A save that comes between starts it anew."""
    for attempt in range(ATTEMPTS):
        data = _read_document(folder)
        try:
            files = _from_document(folder, data).files.values()
            return {DOCUMENT: data} | {file.name: _read_file(folder, file) for file in files}
        except StoreError as error:
            if error.kind != "damaged" or attempt == ATTEMPTS - 1 or _read_document(folder) == data:
                raise
    raise AssertionError("the last attempt returns or raises")


def _check_size(folder: Path, file: _File) -> None:
    path = folder / file.name
    if not path.is_file() or path.is_symlink():
        raise StoreError("damaged", f"{path} is missing; {_INSTEAD}")
    size = path.stat().st_size
    if size != file.size:
        raise StoreError("damaged", f"{path} is damaged: it has {size} bytes instead of {file.size}; {_INSTEAD}")


def _read_file(folder: Path, file: _File) -> bytes:
    with explained(f"cannot read {folder / file.name}"):
        try:
            _check_size(folder, file)
            data = (folder / file.name).read_bytes()
        except FileNotFoundError:
            raise StoreError("damaged", f"{folder / file.name} is missing; {_INSTEAD}") from None
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise StoreError("damaged", f"{folder / file.name} is damaged: its checksum does not fit; {_INSTEAD}")
    return data


def _write_once(path: Path, data: bytes) -> None:
    """Write a file that is named by its content, unless it stands there already."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != len(data) or path.read_bytes() != data:
        write_file(path, data)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


@lru_cache(maxsize=1)
def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for library in ("torch", "numpy", "maml-live"):
        try:
            found[library] = importlib.metadata.version(library)
        except importlib.metadata.PackageNotFoundError:  # this one, run from a folder that is not installed
            found[library] = "unknown"
    return found
