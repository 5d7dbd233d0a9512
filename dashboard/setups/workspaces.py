"""Whose saved runs a page sees. Nothing here imports streamlit or torch.

On a server of one's own they are the runs in `default_root()`, the same as `maml runs list` shows. On a shared server each browser tab
has a workspace of its own, and whoever types the name of a workspace sees what is kept there:

    <root>/.tabs/<sha256 of what only the tab knows>/<run>/
    <root>/.workspaces/<sha256 of the name>/<run>/

Whoever knows neither a tab's secret nor a name cannot say where to look, and there is no list of them. What a browser sends is hashed
or checked by `RunStore` before it becomes part of a path. A run cannot be called like these folders: its name never begins with a dot.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
import tempfile
import time
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePath

from maml_core.errors import ConfigError, StoreError
from maml_core.store import RunInfo, RunStore, SavedRun, check_name, default_root, keep_run, read_run
from maml_core.store.runs import is_same

MAX_RUNS = 200
"""Runs in a workspace of a shared server."""

MAX_BYTES = 2 * 10**9
"""Bytes of all of them."""

MAX_WORKSPACES = 1000
"""Workspaces with runs of tabs, and as many that have a name."""

MAX_ENTERED = 20
"""Names of workspaces that one page may enter: so many that nobody types them, and few for a program that tries names, or makes them."""

MIN_FREE_BYTES = 10**9
"""What saving on a shared server leaves free on its disk."""

KEEP_TAB_S = 30 * 86_400.0
"""A tab's workspace that nobody has used for so long is removed."""

MAX_BEFORE, KEEP_BEFORE_S = 5, 7 * 86_400.0
"""How many runs whose place another took are kept in each workspace, and how long: a week."""

TABS, NAMED, BEFORE, _DELETED = ".tabs", ".workspaces", ".before", ".deleted"
_KEY = re.compile("[0-9a-f]{64}")
_PASSED_ON = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")
"""What proxies put before a request that they pass on."""
_LOOPBACK = re.compile(r"localhost|127(\.[0-9]{1,3}){3}|\[?::1\]?", re.IGNORECASE)


def is_shared(
    address: str | None, environment: Mapping[str, str] = os.environ, *, headers: Mapping[str, str] | None = None
) -> bool:
    """Whether a visitor shares the server with others: unless it listens on this machine only and no proxy stands before it, or as
    MAML_SHARED (1 or 0) says.

    >>> is_shared("127.0.0.1", {}), is_shared(None, {}), is_shared("127.0.0.1", {"MAML_SHARED": "1"})
    (False, True, True)
    >>> is_shared("127.0.0.1", {}, headers={"Host": "class.example.edu"})
    True

    Args:
        address: What the server listens on; None for everything.
        environment: Where MAML_SHARED may be set.
        headers: Of the visitor's request, by names in capitals or not; None where there is none.
    """
    said = environment.get("MAML_SHARED", "")
    if said:
        return said != "0"
    return not is_loopback(address) or (headers is not None and _came_by_proxy(headers))


def _came_by_proxy(headers: Mapping[str, str]) -> bool:
    """Whether a request that reached the loopback was sent to another name, or a proxy says that it passed it on."""
    known = {name.lower(): value for name, value in headers.items()}
    hosts = [known.get("host", ""), known.get("origin", "").partition("://")[2]]
    return any(name in known for name in _PASSED_ON) or not all(
        is_loopback(_without_port(host)) for host in hosts if host
    )


def _without_port(host: str) -> str:
    return re.sub(":[0-9]*$", "", host)


def is_loopback(address: str | None) -> bool:
    """Whether only this machine reaches an address; None is everything that a server can listen on."""
    return address is not None and _LOOPBACK.fullmatch(address) is not None


def own_workspace() -> Workspace:
    """The runs of whoever runs the server."""
    return Workspace(default_root())


def tab_workspace(tab: str) -> Workspace:
    """The runs of one browser tab; those of tabs that are long gone are removed on the way.

    Args:
        tab: What only that tab knows.
    """
    tabs = default_root() / TABS
    _tidy(tabs)
    return Workspace(tabs / hashed(tab), is_limited=True)


def named_workspace(name: str) -> Workspace:
    """The runs of all who know a name; capitals and spaces in it do not count.

    Raises:
        ConfigError: It is no name.
    """
    same = same_name(name)
    if not same or len(name) > 80:
        raise ConfigError("workspace", name[:80], "1 to 80 letters, digits or signs")
    return Workspace(default_root() / NAMED / hashed(same), is_limited=True)


def same_name(name: str) -> str:
    """A workspace's name without what does not count in it.

    >>> same_name("  Group  3 ") == same_name("GROUP 3")
    True
    """
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def entered_with(name: str, entered: Collection[str]) -> set[str]:
    """The workspaces that a page has entered, one more among them.

    Args:
        name: Of that one; empty for the tab's own, which does not count.
        entered: Those before, as `same_name` gives them.

    Raises:
        StoreError: They are too many.
    """
    found = {*entered, *([same_name(name)] if name else [])}
    if len(found) > MAX_ENTERED:
        raise StoreError(
            "full",
            f"this page has entered {MAX_ENTERED} workspaces, and one may not enter more; go back to one of them",
        )
    return found


def workspace_of(tab: str, name: str, *, shared: bool) -> Workspace:
    """The runs that a visitor sees.

    Args:
        tab: What only the visitor's browser tab knows.
        name: Of the workspace that was entered; empty for none.
        shared: Whether several people share the server.

    Raises:
        ConfigError: It is no name.
    """
    if not shared:
        return own_workspace()
    return named_workspace(name) if name else tab_workspace(tab)


def hashed(secret: str) -> str:
    """A part of a path that only who knows the secret can name."""
    return hashlib.sha256(secret.encode(errors="surrogatepass")).hexdigest()


def _tidy(tabs: Path) -> None:
    """Remove the workspaces of tabs that have not been used for long."""
    if tabs.is_symlink() or not tabs.is_dir():
        return
    for folder in tabs.iterdir():
        with contextlib.suppress(OSError):
            is_old = folder.lstat().st_mtime < time.time() - KEEP_TAB_S
            if is_old and _KEY.fullmatch(folder.name):
                shutil.rmtree(folder)  # follows no link


class Workspace:
    """Runs that belong together. Every method takes plain names and refuses what is not one.

    Args:
        root: Their folder; made when the first run is saved.
        is_limited: Keep to the limits of a shared server, and say nothing of its folders.
    """

    def __init__(self, root: Path, *, is_limited: bool = False) -> None:
        self._root = root
        self._is_limited = is_limited

    def list(self) -> list[RunInfo]:
        """All runs, the newest first; those that cannot be loaded stand at the end, with the reason."""
        with self._discreet():
            infos = self._store.list()
            if self._is_limited and self._root.is_dir():
                os.utime(self._root)  # it is in use
        return [
            dataclasses.replace(info, problem=info.problem and self._without_folder(info.problem)) for info in infos
        ]

    def load(self, name: str) -> SavedRun:
        """A whole run, every byte of it checked.

        Raises:
            ConfigError, StoreError: There is none of this name, or it is damaged.
        """
        with self._discreet(name):
            return self._store.load(name)

    def save(self, run: SavedRun, *, replace: bool) -> None:
        """Keep a run under its name.

        Args:
            run: What to save.
            replace: It may take the place of a run of the same name.

        Raises:
            ConfigError, StoreError: It cannot be kept; what was saved before is as it was.
        """
        with self._discreet():
            store = self._store
            store.folder(run.name)
            if self._is_limited:
                self._check_room(store, run)
            store.save(run, new=not replace)

    def holds(self, run: SavedRun) -> bool:
        """Whether what is kept under a run's name is that run at that step."""
        try:
            kept = self.load(run.name)
        except StoreError:  # damaged, or none
            return False
        return is_same(kept, run)

    def take_in(self, file: str, data: bytes) -> tuple[SavedRun, bool]:
        """Keep the run of an archive that `zip` gave, byte for byte, under its name, or that name and a number where another run has it.

        Args:
            file: Name of the archive.
            data: What is in it; all of it is checked first.

        Returns:
            The run as it is kept, and whether it was here already.

        Raises:
            ConfigError, StoreError: It is none, or cannot be kept; what was saved before is as it was.
        """
        with tempfile.TemporaryDirectory(prefix="maml-import-") as beside:
            path = Path(beside) / f"{_stem(file)}.zip"
            path.write_bytes(data)
            try:
                found = read_run(path)
            except StoreError as error:
                raise StoreError(error.kind, str(error).replace(str(path), file)) from error
        with self._discreet():
            store, own = self._store, found.run.name
            store.folder(own)  # whose name cannot be used is refused before any is looked at
            if (kept := store.name_of(found.run)) is not None:
                return dataclasses.replace(found.run, name=kept), True
            for number in range(1, MAX_RUNS + 2):
                name = own if number == 1 else f"{own[:76]} {number}"
                if not os.path.lexists(store.folder(name)):
                    break
            if self._is_limited:
                self._check_room(store, dataclasses.replace(found.run, name=name))
            return keep_run(found, store, name=name), False

    def rename(self, old: str, new: str) -> None:
        """Give a run another name.

        Raises:
            ConfigError, StoreError: There is no such run, or the new name cannot be used or is taken.
        """
        with self._discreet(old):
            self._store.rename(old, new)

    def delete(self, name: str) -> None:
        """Remove a run; `restore` brings it back until the next one is deleted.

        Raises:
            ConfigError, StoreError: There is no such run, or what is there is not one of ours. Nothing is removed then.
        """
        with self._discreet():
            store, bin = self._store, RunStore(self._root / _DELETED)
            store.folder(name)
            if name not in {info.name for info in store.list()}:
                raise StoreError("missing", _gone(name))
            for info in bin.list():
                bin.delete(info.name)
            if os.path.lexists(bin.folder(name)):  # somebody else's files are in it
                store.delete(name)
            else:
                store.move(name, bin)

    def deleted(self) -> str | None:
        """Name of the run that was deleted last, if it can be restored."""
        with self._discreet():
            return next((info.name for info in RunStore(self._store.root / _DELETED).list()), None)

    def restore(self) -> str:
        """Bring back the run that was deleted last; gives its name.

        Raises:
            StoreError: There is none, or a run of its name.
        """
        name = self.deleted()
        if name is None:
            raise StoreError("missing", "there is no deleted run to bring back")
        with self._discreet():
            RunStore(self._root / _DELETED).move(name, self._store)
        return name

    def keep_before(self, run: SavedRun) -> None:
        """Keep a run whose place another took, for a while: the oldest go when there are too many.

        Raises:
            StoreError: It cannot be kept.
        """
        with self._discreet():
            store = self._store_of_before
            self._check_place()
            if shutil.disk_usage(existing(self._root)).free < MIN_FREE_BYTES + len(run.state):
                raise StoreError("full", "the disk is almost full; the run before a restart is kept with its page only")
            now = datetime.now()
            name = f"before reset {now:%Y-%m-%d %H.%M.%S}.{now.microsecond // 1000:03}"
            store.save(dataclasses.replace(run, name=name))
        self.before()

    def before(self) -> Sequence[RunInfo]:
        """The runs whose place another took, the newest first."""
        with self._discreet():
            store = self._store_of_before
            found = store.list()
            fresh = [info for info in found if info.problem is None and _age_s(info) < KEEP_BEFORE_S][:MAX_BEFORE]
            for info in found:
                if info not in fresh:
                    with contextlib.suppress(StoreError):
                        store.delete(info.name)
        return fresh

    def load_before(self, name: str) -> SavedRun:
        """One of them, whole.

        Raises:
            ConfigError, StoreError: There is none of this name, or it is damaged.
        """
        with self._discreet(name):
            return self._store_of_before.load(name)

    def delete_before(self, name: str) -> None:
        """Remove one of them for good.

        Raises:
            ConfigError, StoreError: There is none of this name.
        """
        with self._discreet():
            self._store_of_before.delete(name)

    def zip(self, name: str) -> bytes:
        """A run's folder as a ZIP archive."""
        with self._discreet(name):
            return self._store.zip(name)

    @property
    def _store(self) -> RunStore:
        """The folder, if no link stands in its way: one could lead into somebody else's."""
        for folder in (self._root.parent, self._root, self._root / _DELETED) if self._is_limited else ():
            if folder.is_symlink():
                raise StoreError("foreign", f"{folder} is a link, not a folder of runs; tell whoever runs this server")
        return RunStore(self._root)

    @property
    def _store_of_before(self) -> RunStore:
        folder = self._store.root / BEFORE
        if folder.is_symlink():
            raise StoreError("foreign", f"{folder} is a link, not a folder of runs; tell whoever runs this server")
        return RunStore(folder)

    def _check_place(self) -> None:
        """One more workspace with runs has its place on a shared server."""
        beside = self._root.parent
        is_new = self._is_limited and not self._root.is_dir() and beside.is_dir()
        if is_new and len(os.listdir(beside)) >= MAX_WORKSPACES:
            raise StoreError(
                "full",
                f"{MAX_WORKSPACES} workspaces here have runs, all that there is room for; download the run instead, or enter one that is there",
            )

    def _check_room(self, store: RunStore, run: SavedRun) -> None:
        self._check_place()
        others = [info for info in store.list() if info.name != run.name]
        if len(others) >= MAX_RUNS:
            raise StoreError(
                "full", f"there are {MAX_RUNS} runs here, which is all there is room for; delete one first"
            )
        size = len(run.state) + sum(getattr(column, "nbytes", 0) for column in run.records)
        if sum(info.size_bytes for info in others) + size > MAX_BYTES:
            raise StoreError("full", f"the runs here take {MAX_BYTES / 1e9:g} GB together; delete one first")
        if shutil.disk_usage(existing(self._root)).free < MIN_FREE_BYTES + size:
            raise StoreError("full", "the server's disk is almost full; download the run instead")

    @contextlib.contextmanager
    def _discreet(self, name: str | None = None) -> Iterator[None]:
        """Where several people share the server, errors do not say where its folders are.

        Args:
            name: The run that is meant. A list that another tab has changed still shows it: that it is gone is said without its folder.
        """
        try:
            yield
        except StoreError as error:
            if error.kind == "missing" and name is not None:
                raise StoreError("missing", _gone(name)) from error
            raise StoreError(error.kind, self._without_folder(str(error))) from error

    def _without_folder(self, sentence: str) -> str:
        return sentence.replace(f"{self._root}{os.sep}", "") if self._is_limited else sentence


def _stem(file: str) -> str:
    """A file's name without its ending, where a run can be called so: an archive without a folder is one of that name."""
    try:
        return check_name(PurePath(file).stem)
    except ConfigError:
        return "run"


def _gone(name: str) -> str:
    return f"there is no run called {name!r} any more; it may have been deleted or renamed in another tab"


def existing(folder: Path) -> Path:
    """The folder, or what there is of the way to it."""
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _age_s(info: RunInfo) -> float:
    """Seconds since it was saved; none where that is not known."""
    return time.time() - datetime.fromisoformat(info.saved).timestamp() if info.saved else 0.0
