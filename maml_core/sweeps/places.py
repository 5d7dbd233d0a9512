"""Where sweeps are kept: a folder with Optuna's journal, or a database by URL; and what storages say, in sentences."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from maml_core.errors import ConfigError, StoreError
from maml_core.files import append_file
from maml_core.shells import quoted, quoted_path, with_secret
from maml_core.store import check_name
from maml_core.sweeps.claims import engine_options
from maml_core.sweeps.databases import (
    alone,
    checked,
    holds_studies,
    is_address,
    made_by_many,
    refusal,
    to_copy,
    without_password,
)
from maml_core.wording import one_of

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "study.log"
CLAIMS = "claims.sqlite"

_LONGEST_LINE = 2**20
"""Bytes at the end of a journal among which the half a line of a killed client begins."""


def default_root() -> Path:
    """Where sweeps are kept: the folder that the environment variable MAML_SWEEPS names, otherwise ``~/.maml-live/sweeps``.

    Raises:
        ConfigError: It names a database.
    """
    chosen = os.environ.get("MAML_SWEEPS")
    if chosen and is_address(chosen):
        raise ConfigError("MAML_SWEEPS", without_password(chosen), "a folder; name a database with --storage")
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "sweeps"


class Place(NamedTuple):
    """Where one study is."""

    url: str | None
    folder: Path
    """Where its curves are, and, without a database, everything else."""
    storage: BaseStorage
    journal: Any
    """The backend of a journal; None for a database."""
    is_writable: bool = True
    """Whether a sweep can go on there; on a disk that is not written to it can be looked at."""

    @property
    def where(self) -> str:
        """As people may read it: without a password."""
        return str(self.folder) if self.url is None else without_password(self.url)

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Write what is written within it at once: a journal waits for the disk with each write."""
        if self.journal is None:
            yield
            return
        with self.journal.together():
            yield

    def leave(self) -> None:
        """Close the connections to a database; they open again where they are needed."""
        if self.url is not None:
            self.storage.remove_session()
            self.storage.engine.dispose()  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def used(self, *, stay: bool = False) -> Iterator[None]:
        """Turn what the storage says into a sentence, and leave it in the end; with `stay` only if that fails."""
        try:
            with storage_errors(self.where):
                yield
        except BaseException:
            self.leave()
            raise
        if not stay:
            self.leave()


def is_url(storage: str | Path | None) -> bool:
    """Whether a storage is a database.

    >>> is_url("postgresql://127.0.0.1/sweeps"), is_url("/home/me/sweeps")
    (True, False)
    """
    return isinstance(storage, str) and is_address(storage)


def open_place(name: str, storage: str | Path | None, *, make: bool) -> Place:
    """The place of the study of this name; without `make` it must be there, where that can be known.

    Raises:
        StoreError: It is not there, holds something else, is damaged, or cannot be reached.
    """
    import optuna
    from sqlalchemy import NullPool

    name = check_name(name)
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every trial
    if is_url(storage):
        url = checked(str(storage))
        with storage_errors(without_password(url)):
            if not make and not holds_studies(url):
                raise StoreError("missing", f"there is no sweep {name} in {without_password(url)}")
            # A storage whose making failed would leave its connections open, so the one that makes the tables keeps none.
            with alone(url):
                made_by_many(lambda: optuna.storages.RDBStorage(url, engine_kwargs={"poolclass": NullPool}))
            rdb = optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True, **engine_options(url)})
        return Place(url, _beside_database(url) / name, rdb, None)
    folder = kept_folder(name, storage) if not make else _root(storage) / name
    if not (folder / JOURNAL).is_file() and folder.exists() and (not folder.is_dir() or _holds_something_else(folder)):
        raise StoreError("foreign", f"{folder} is something else than a sweep; choose another name")
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        journal, is_writable = _journal(folder / JOURNAL)
        try:
            return Place(None, folder, optuna.storages.JournalStorage(journal), journal, is_writable)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            sentence = f"{folder / JOURNAL} is damaged ({error}); restore it, or delete it with: {deletion(folder)}"
            raise StoreError("damaged", sentence) from error


def to_type(command: str, name: str, storage: str | Path | None, *options: str) -> str:
    """A command on a sweep as people type it where the sweep is; in the place of a password, where to put it.

    >>> to_type("maml sweeps show", "by steps", "/my sweeps", "--json")
    "maml sweeps show 'by steps' --storage '/my sweeps' --json"
    """
    words, had_secrets = [command, quoted(name)], False
    if storage is not None:
        bare, had_secrets = to_copy(str(storage)) if is_url(storage) else (str(storage), False)
        words += ["--storage", quoted_path(bare)]
    line = " ".join([*words, *options])
    return with_secret("PGPASSWORD", line) if had_secrets else line


def deletion(folder: Path) -> str:
    """What to type to delete the sweep in a folder."""
    return to_type("maml sweeps delete", folder.name, None if folder.parent == default_root() else folder.parent)


def _root(storage: str | Path | None) -> Path:
    return Path(storage) if storage is not None else default_root()


def _beside_database(url: str) -> Path:
    """Where this machine keeps the curves of a database's sweeps: no sweep in a folder, nor of another database, has the same place."""
    return default_root() / ".databases" / hashlib.sha256(to_copy(url)[0].encode()).hexdigest()[:16]


def place_of(name: str, storage: str | Path | None) -> Path:
    """The folder that a sweep of this name has, or would have, where it is kept in no database."""
    return _root(storage) / name


def kept_folder(name: str, storage: str | Path | None) -> Path:
    """The folder of a sweep, whether it can be read or not.

    Raises:
        StoreError: There is none of this name.
    """
    name = check_name(name)
    folder = _root(storage) / name
    if not (folder / JOURNAL).is_file():
        names = names_in(storage)
        there = one_of(names, name) if names else "there are none yet"
        raise StoreError("missing", f"there is no sweep {name} in {folder.parent}: {there}")
    return folder


def _holds_something_else(folder: Path) -> bool:
    """Whether there is something in a folder, and no sweep that is there by now or is just being made: its lock comes first."""
    names = {path.name for path in folder.iterdir()}
    return JOURNAL not in names and any(not name.startswith(f"{JOURNAL}.") for name in names)


LOST_LOCK_S = 10
"""After so long a journal's lock is taken for that of a process that was killed."""


def _journal(path: Path) -> tuple[Any, bool]:
    """The journal in a file, and whether it can be written to."""
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock
    from optuna.storages.journal._file import get_lock_file

    class Journal(JournalFileBackend):
        """A journal that can wait with its writes, and in which whatever a client was killed at, or had no room for, is no line."""

        waiting: list[dict[str, Any]] | None = None

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            if self.waiting is not None:
                self.waiting += logs
                return
            lines = "".join(f"{json.dumps(log, separators=(',', ':'))}\n" for log in logs)
            with get_lock_file(lock):
                _cut_half_a_line(path)
                try:
                    append_file(path, lines.encode())
                except OSError:
                    with contextlib.suppress(OSError):
                        _cut_half_a_line(path)
                    raise

        @contextlib.contextmanager
        def together(self) -> Iterator[None]:
            self.waiting = []
            try:
                yield
            finally:
                logs, self.waiting = self.waiting, None
                if logs:
                    self.append_logs(logs)

    kind = JournalFileOpenLock if sys.platform == "win32" else JournalFileSymlinkLock
    lock = kind(str(path), grace_period=LOST_LOCK_S)
    is_writable = True
    try:
        with get_lock_file(lock):
            _cut_half_a_line(path)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM) or not path.is_file():
            raise
        is_writable = False  # half a line at the end is passed over in reading
    return Journal(str(path), lock_obj=lock), is_writable


def _cut_half_a_line(path: Path) -> None:
    """What a client wrote when it was killed would spoil the line of the next one."""
    with open(path, "ab+") as file:
        size = file.tell()
        file.seek(max(0, size - 1))
        if file.read() in (b"", b"\n"):
            return
        file.seek(max(0, size - _LONGEST_LINE))
        tail = file.read()
        half = tail[tail.rfind(b"\n") + 1 :]
        if half.startswith(b"{"):
            file.truncate(size - len(half))


def names_in(storage: str | Path | None) -> list[str]:
    """The studies that there are."""
    if is_url(storage):
        import optuna

        url = checked(str(storage))
        with storage_errors(without_password(url)):
            if not holds_studies(url):
                return []
        place = open_place("all", storage, make=False)
        with place.used():
            return sorted(summary.study_name for summary in optuna.get_all_study_summaries(place.storage))
    found = (path.parent.name for path in _root(storage).glob(f"*/{JOURNAL}"))
    return sorted(name for name in found if not name.startswith("."))  # what is being made


@contextlib.contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn what a storage says into a sentence."""
    import optuna
    import sqlalchemy as sql

    try:
        yield
    except (sql.exc.DBAPIError, optuna.exceptions.StorageInternalError) as error:
        raise StoreError("refused", refusal(where, error)) from error
    except ImportError as error:
        raise ConfigError(
            "storage",
            where,
            "a PostgreSQL database once its driver is installed, with: pip install 'maml-live[postgres]'",
        ) from error
    except UnicodeDecodeError as error:  # as Python says of the words in which SQLite quotes what is damaged
        raise StoreError("damaged", f"the sweep in {where} is damaged; restore it, or delete it") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError("refused", f"the sweep in {where} cannot be read or written: {reason}") from error
    except RuntimeError as error:
        if "possess lock" not in str(error):  # as Optuna says of a lock's file that it could not take away
            raise
        raise StoreError("refused", f"the sweep in {where} cannot be read or written: its lock is lost") from error
