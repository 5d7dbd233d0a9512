"""Where sweeps are kept: a folder with Optuna's journal, or a database by URL; and what storages say, in sentences."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from maml_core.errors import ConfigError, StoreError
from maml_core.store import check_name
from maml_core.sweeps.claims import engine_options

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL = "study.log"
CLAIMS = "claims.sqlite"

_LONGEST_LINE = 2**20


def default_root() -> Path:
    """Where sweeps are kept: the folder that the environment variable MAML_SWEEPS names, otherwise ``~/.maml-live/sweeps``."""
    chosen = os.environ.get("MAML_SWEEPS")
    return Path(chosen).expanduser() if chosen else Path.home() / ".maml-live" / "sweeps"


class Place(NamedTuple):
    """Where one study is."""

    url: str | None
    folder: Path
    storage: BaseStorage
    journal: Any
    """The backend of a journal; None for a database."""

    @property
    def where(self) -> str:
        """As people may read it: without a password."""
        return str(self.folder) if self.url is None else _without_password(self.url)

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
    return isinstance(storage, str) and "://" in storage


def open_place(name: str, storage: str | Path | None, *, make: bool) -> Place:
    """The place of the study of this name; without `make` it must be there, where that can be known.

    Raises:
        StoreError: It is not there, holds something else, is damaged, or cannot be reached.
    """
    import optuna

    check_name(name)
    optuna.logging.set_verbosity(optuna.logging.WARNING)  # it tells of every trial
    if is_url(storage):
        url = _with_driver(str(storage))
        with storage_errors(_without_password(url)):
            rdb = optuna.storages.RDBStorage(url, engine_kwargs={"pool_pre_ping": True, **engine_options(url)})
        return Place(url, default_root() / name, rdb, None)
    folder = (Path(storage) if storage is not None else default_root()) / name
    if not (folder / JOURNAL).is_file():
        if not make:
            there = ", ".join(names_in(storage)[:10])
            raise StoreError(
                "missing", f"there is no sweep {name} in {folder.parent}; there are: {there or 'none yet'}"
            )
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise StoreError("foreign", f"{folder} is something else than a sweep; choose another name")
    with storage_errors(str(folder)):
        folder.mkdir(parents=True, exist_ok=True)
        journal = _journal(folder / JOURNAL)
        try:
            return Place(None, folder, optuna.storages.JournalStorage(journal), journal)
        except (ValueError, KeyError, TypeError, AssertionError) as error:
            sentence = f"{folder / JOURNAL} is damaged ({error}); restore it, or choose another name"
            raise StoreError("damaged", sentence) from error


def _journal(path: Path) -> Any:
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalFileSymlinkLock
    from optuna.storages.journal._file import get_lock_file

    class Journal(JournalFileBackend):
        """A journal that can wait with its writes."""

        waiting: list[dict[str, Any]] | None = None

        def append_logs(self, logs: list[dict[str, Any]]) -> None:
            if self.waiting is None:
                super().append_logs(logs)
            else:
                self.waiting += logs

        @contextlib.contextmanager
        def together(self) -> Iterator[None]:
            self.waiting = []
            try:
                yield
            finally:
                logs, self.waiting = self.waiting, None
                if logs:
                    super().append_logs(logs)

    kind = JournalFileOpenLock if sys.platform == "win32" else JournalFileSymlinkLock
    lock = kind(str(path), grace_period=10)
    with get_lock_file(lock):
        _cut_half_a_line(path)
    return Journal(str(path), lock_obj=lock)


def _cut_half_a_line(path: Path) -> None:
    """What a client wrote when it was killed would spoil the line of the next one."""
    with open(path, "ab+") as file:
        size = file.tell()
        file.seek(max(0, size - _LONGEST_LINE))
        tail = file.read()
        half = tail[tail.rfind(b"\n") + 1 :]
        if half.startswith(b"{"):
            file.truncate(size - len(half))


def names_in(storage: str | Path | None) -> list[str]:
    """The studies that there are."""
    if is_url(storage):
        import optuna

        place = open_place("all", storage, make=False)
        with place.used():
            return sorted(summary.study_name for summary in optuna.get_all_study_summaries(place.storage))
    root = Path(storage) if storage is not None else default_root()
    return sorted(path.parent.name for path in root.glob(f"*/{JOURNAL}"))


def _with_driver(url: str) -> str:
    """The URL with the driver that the extra `postgres` installs."""
    for plain in ("postgres://", "postgresql://"):
        if url.startswith(plain):
            return f"postgresql+psycopg://{url.removeprefix(plain)}"
    return url


def _without_password(url: str) -> str:
    import sqlalchemy as sql

    try:
        return sql.make_url(url).render_as_string(hide_password=True).replace("+psycopg", "")
    except sql.exc.ArgumentError:
        return url


@contextlib.contextmanager
def storage_errors(where: str) -> Iterator[None]:
    """Turn what a storage says into a sentence."""
    import optuna
    import sqlalchemy as sql

    try:
        yield
    except (sql.exc.OperationalError, optuna.exceptions.StorageInternalError) as error:
        reason = str(error.__cause__ or error).strip().splitlines()[0]
        raise StoreError(
            "refused",
            f"the sweep's storage {where} cannot be reached ({reason}); see that it runs and that its address is right",
        ) from error
    except (sql.exc.ArgumentError, sql.exc.NoSuchModuleError) as error:
        raise ConfigError(
            "storage", where, "a folder, or a database's URL such as postgresql://user@host/name"
        ) from error
    except ImportError as error:
        raise ConfigError(
            "storage", where, f"its driver is not installed ({error}): pip install 'maml-live[postgres]'"
        ) from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise StoreError("refused", f"the sweep in {where} cannot be read or written: {reason}") from error
