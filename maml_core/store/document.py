"""What `run.json` says of a run, and every check of it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from maml_core.config import PythonConfig, RunConfig, from_dict, to_dict
from maml_core.datasets.trained import TrainedImages, from_plain, to_plain
from maml_core.errors import ConfigError, StoreError
from maml_core.moments import Moment
from maml_core.record_files import NO_RECORDS
from maml_core.records import Entry, Records, Snapshot, Status
from maml_core.texts import from_json
from maml_core.timeline import entries_from_list, entries_to_list

FORMAT = "maml-live run"
"""What the first line of every `run.json` says."""

VERSION = 3
"""Version of the layout of a folder: since the second, states of earlier outer steps are kept in it, since the third what was measured at them."""

READS = (1, 2, VERSION)
"""Versions that can be read."""

MAX_DOCUMENT_BYTES = 2**24
"""Size of the largest `run.json`; a timeline of 100,000 changes has room."""

DOCUMENT = "run.json"
"""The file that makes a folder a run."""

INSTEAD = "load another copy of the run, or delete it and train again"
"""What to do about a damaged one."""

MARKER = re.compile(rb'\s*\{\s*"format"\s*:\s*"' + FORMAT.encode() + rb'"')
"""How the file of any version begins."""

_ENDINGS = {
    "curves": "parquet",
    "held_out": "parquet",
    "state": "safetensors",
    "moments": "safetensors",
    "measured": "safetensors",
}
FILE_NAME = re.compile(
    "("
    + "|".join(rf"{part}-[0-9a-f]{{16}}\.{ending}" for part, ending in _ENDINGS.items())
    + rf"|{re.escape(DOCUMENT)})(\.part)?"
)
"""How the files of a run are named, whole or half written."""

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
_SOMETIMES = ("images", "own_problem", "first_losses")
"""Keys that stand there only where they say something."""

_MAY_LACK = frozenset({"moments", "measured"})
"""Files that are there only where they hold something."""


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
    """From `ChunkResult.state` or `state_bytes.state_to_bytes`."""
    step: int
    """Outer steps taken."""
    moments: tuple[Moment, ...] = ()
    """States of earlier outer steps that one can go back to, oldest first; `save_run` keeps what `moments.max_bytes` has room for."""
    measured: Mapping[int, Snapshot] = field(default_factory=dict)
    """What was measured of held-out tasks at those states, by outer step; `save_run` keeps what `measured.MAX_MEASURED_BYTES` has room for."""
    status: Status = Status()
    images: TrainedImages | None = None
    """The images that it was trained on; None where its tasks are not of images in files, or it is of a time before these were kept."""
    created: str = ""
    """When it was first saved, ISO 8601; `save_run` fills it in where it is empty."""
    saved: str = ""
    """When it was last saved; `save_run` sets it."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of Python and the libraries at the last save; `save_run` sets them."""
    own_problem: bool = False
    """Whether it was trained with a `Problem` that the settings do not name; `save_run` reads it from the state."""
    first_losses: tuple[float, ...] = ()
    """What tells the problem of one's own that it was trained on from others (`own_code.first_losses`); empty where nobody knows."""

    def need_settings(self, what: str) -> None:
        """See that the settings say all of the run, for a use that has nothing else.

        Args:
            what: What cannot be done otherwise, such as "evaluated".

        Raises:
            StoreError: It was trained with a `Problem` of its own.
        """
        tasks = self.config.tasks
        if isinstance(tasks, PythonConfig):
            raise StoreError(
                "own",
                f"{self.name} was trained on Python code, {tasks.problem}, which is run only where its owner names it, so it cannot be {what} here. "
                f"If it is yours, or you trust it, maml train --resume and maml evaluate take --problem {tasks.problem}; in Python give its "
                "Problem, as problem=...",
            )
        if self.own_problem:
            raise StoreError(
                "own",
                f"{self.name} was trained with a Problem of its own, from Python; its settings do not name the tasks, the model or the "
                f"loss, so it cannot be {what} here. In Python it can: load_run, then give that Problem again, as problem=...; maml train "
                "--resume and maml evaluate take the name of its code, --problem module:attribute.",
            )


class DataFile(NamedTuple):
    """A data file of a run."""

    name: str
    size: int
    sha256: str

    @staticmethod
    def from_bytes(part: str, data: bytes) -> DataFile:
        """The file that holds these bytes, named by its part and their checksum."""
        digest = hashlib.sha256(data).hexdigest()
        return DataFile(_file_name(part, digest), len(data), digest)


class Document(NamedTuple):
    """A `run.json` that was checked. The run in it has neither records nor states yet."""

    run: SavedRun
    files: Mapping[str, DataFile]
    events: tuple[Entry, ...]


def _file_name(part: str, digest: str) -> str:
    return f"{part}-{digest[:16]}.{_ENDINGS[part]}"


def to_document(run: SavedRun, files: Mapping[str, DataFile]) -> bytes:
    """The bytes of `run.json`, with their own checksum.

    Raises:
        StoreError: The timeline holds what JSON cannot say.
    """
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
    content |= {"own_problem": True} if run.own_problem else {}
    content |= {"first_losses": [repr(loss) for loss in run.first_losses]} if run.first_losses else {}
    content |= {"images": to_plain(run.images)} if run.images is not None else {}
    try:
        plain = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise StoreError("damaged", f"this run cannot be saved: its timeline is no plain data ({error})") from error
    return json.dumps({**plain, "sha256": _digest(plain)}, indent=1, allow_nan=False).encode()


def _digest(content: Mapping[str, Any]) -> str:
    plain = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(plain.encode()).hexdigest()


def from_document(folder: Path, data: bytes) -> Document:
    """What the bytes of a folder's `run.json` say.

    Raises:
        StoreError: They are damaged, of a newer version or of another program.
    """
    where = folder / DOCUMENT
    if len(data) > MAX_DOCUMENT_BYTES:
        raise StoreError("damaged", f"{where} is larger than {MAX_DOCUMENT_BYTES:,} bytes; {INSTEAD}")
    if not MARKER.match(data):
        raise StoreError("foreign", f"{where} is not of a run of this program; choose another folder")
    try:
        content = _parsed(data)
        version = content.get("version")
        if isinstance(version, int) and version > VERSION:
            raise StoreError(
                "newer",
                f"{folder} was saved by a newer version of maml-live (format {version}, this one reads {VERSION}); update maml-live to load it",
            )
        if version not in READS or isinstance(version, bool):
            raise ValueError(f"version is {version!r}")
        if content.pop("sha256", None) != _digest(content):
            raise ValueError("its checksum does not fit")
        return _checked(content)
    except (ConfigError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise StoreError("damaged", f"{where} is damaged ({error}); {INSTEAD}") from error


def _parsed(data: bytes) -> dict[str, Any]:
    content = from_json(data)
    if not isinstance(content, dict):
        raise TypeError("not a table")
    return content


def _checked(content: dict[str, Any]) -> Document:
    _table(content, (*_KEYS, *(key for key in _SOMETIMES if key in content)))
    if not isinstance(content.get("own_problem", False), bool):
        raise TypeError("own_problem is neither true nor false")
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
        images=from_plain(content["images"]) if "images" in content else None,
        created=content["created"],
        saved=content["saved"],
        versions={name: _text(version, name) for name, version in versions.items()},
        own_problem=content.get("own_problem", False),
        first_losses=_losses(content.get("first_losses", [])),
    )
    present = [part for part in _ENDINGS if part not in _MAY_LACK or part in content["files"]]
    files = {part: _file(part, file) for part, file in _table(content["files"], present).items()}
    return Document(run, files, entries_from_list(content["events"], path="events"))


def _file(part: str, data: Any) -> DataFile:
    file = _table(data, DataFile._fields)
    sha256 = _text(file["sha256"], "sha256")
    if not re.fullmatch("[0-9a-f]{64}", sha256) or file["name"] != _file_name(part, sha256):
        raise ValueError(f"the file {file['name']!r} is none of a run")
    return DataFile(file["name"], _whole(file["size"], "size"), sha256)


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


def _losses(values: Any) -> tuple[float, ...]:
    """Written as texts, since JSON has no word for what is not finite."""
    if not isinstance(values, list):
        raise TypeError(f"first_losses is {values!r}, not a list")
    return tuple(float(_text(value, "one of first_losses")) for value in values)


def _whole(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"{name} is {value!r}, not a whole number from 0 on")
    return value
