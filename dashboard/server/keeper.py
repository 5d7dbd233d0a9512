"""What the server keeps of its pages on disk: a copy of each page's run, and the runs whose place another took.

A server that comes back takes its pages up again from the copies, each by what only its browser tab knows:

    <root>/.pages/<sha256 of the tab's and the run's key>/page.json, run/

One thread writes, one thing after the other, so that neither the hub's loop nor training waits for a disk.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from dashboard.live.page import Page
from dashboard.setups import workspaces
from maml_core.errors import ConfigError, StoreError
from maml_core.files import write_file
from maml_core.records import Entry
from maml_core.store import SavedRun, default_root, load_run, save_run
from maml_core.texts import from_json

_log = logging.getLogger(__name__)

COPY_S = 10.0
"""Between two copies of a run that trains."""

REST_S = 1.0
"""How soon a run is copied that has come to rest, and one that was started again forgotten."""

SHARE = 0.05
"""Share of a processor for the copies of one run: where one takes long, the next comes later."""

MAX_COPIES, MAX_COPIES_BYTES, KEEP_COPIES_S = 100, 10**9, 2 * 86_400.0
"""Copies are kept for two days, and the newest of them within these bounds."""

MAX_COPY_BYTES = 2 * 10**8
"""A larger run is not copied."""

PAGES = ".pages"
_FOLDER = re.compile("[0-9a-f]{64}")
_DOCUMENT, _RUN = "page.json", "run"


class Copy(NamedTuple):
    """A page's run as it was, and what was being done with it."""

    run: SavedRun
    playing: bool
    stop_at: int | None
    steps_per_s: float | None
    called: str
    """What the run is called among the presets; empty where it does not stand there."""
    scratch: bool
    """Training from scratch is shown."""


class _Done(NamedTuple):
    """What was copied last of a run."""

    start: int
    step: int
    playing: bool
    changes: tuple[Entry, ...]
    at: float
    rests_s: float
    """How long the next copy waits, for what this one took."""
    tab: str | None
    """Whose copy it is."""


class Keeper:
    """See the module.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._writer = ThreadPoolExecutor(1, "keeper")
        self._done: dict[str, _Done] = {}
        """By the run's key."""
        self._left: dict[str, int] = {}
        self._busy: dict[str, Future[None]] = {}
        self._writer.submit(_guarded, tidy)

    def look(self, pages: Sequence[Page], now: float) -> None:
        """Copy the runs that are due, and keep those that a restart took the place of. On the hub's loop.

        Args:
            pages: One a run, the one that it belongs to.
            now: The clock.
        """
        known = {page.run.key for page in pages}
        for found in (self._done, self._left):
            for key in found.keys() - known:
                del found[key]
        for page in pages:
            if _is_kept(page):
                self._keep_left(page)
                if self._is_due(page, now):
                    self._copy(page, now)

    def close(self, pages: Sequence[Page]) -> None:
        """Copy every run as it is now, and wait until all is written. The server's end."""
        for page in pages:
            if _is_kept(page):
                self._keep_left(page)
                self._copy(page, self._clock(), last=True)
        self._writer.shutdown(wait=True)

    def place(self, tab: str, key: str) -> Path:
        """Where the copy of a tab's run is kept, if there is one."""
        return default_root() / PAGES / workspaces.hashed(f"{tab}/{key}")

    def _keep_left(self, page: Page) -> None:
        """Have the run that another took the place of kept among the page's runs."""
        run = page.run
        seen = self._left.setdefault(run.key, 0)
        if run.num_left == seen:
            return
        self._left[run.key] = run.num_left
        if run.before is not None:
            self.keep_before(page, run.before)

    def keep_before(self, page: Page, run: SavedRun) -> None:
        """Keep a run whose place another takes among those of the page's visitor."""
        assert page.tab is not None
        tab, name, shared = page.tab, page.workspace, page.is_shared
        self._writer.submit(_guarded, lambda: workspaces.workspace_of(tab, name, shared=shared).keep_before(run))

    def _is_due(self, page: Page, now: float) -> bool:
        run = page.run
        done = self._done.get(run.key)
        if run.key in self._busy and not self._busy[run.key].done():
            return False
        if done is None or done.tab != page.tab:
            return run.step > 0
        if (run.num_starts, run.step, run.playback.playing, tuple(run.changes.done)) == done[:4]:
            return False
        wait = COPY_S if run.playback.playing and run.num_starts == done.start else REST_S
        return now - done.at >= max(wait, done.rests_s)

    def _copy(self, page: Page, now: float, *, last: bool = False) -> None:
        run, folder = page.run, self.place(page.tab or "", page.run.key)
        found = run.saved("run")
        copies = run.step > 0 and found is not None and len(found.state) <= MAX_COPY_BYTES
        if not copies and run.key not in self._done:
            return
        self._done[run.key] = _Done(
            run.num_starts, run.step, run.playback.playing, tuple(run.changes.done), now, 0.0, page.tab
        )
        copy = (
            Copy(
                found,
                run.playback.playing,
                run.playback.stop_at,
                run.playback.steps_per_s,
                run.called,
                run.audience.scratch,
            )
            if found
            else None
        )

        def write() -> None:
            start = time.thread_time()
            if copy is None or not copies:
                shutil.rmtree(folder, ignore_errors=True)
                return
            is_new = not folder.is_dir()
            write_copy(folder, copy)
            if is_new and not last:
                tidy()
            done = self._done.get(run.key)
            if done is not None:
                self._done[run.key] = done._replace(rests_s=(time.thread_time() - start) / SHARE)

        self._busy[run.key] = self._writer.submit(_guarded, write)
        self._busy = {key: future for key, future in self._busy.items() if not future.done()}


def _is_kept(page: Page) -> bool:
    """Whether a page's run is worth a copy: a lesson begins anew, and leaves nothing behind."""
    return page.tab is not None and not page.recovering and not page.home


def _guarded(act: Callable[[], None]) -> None:
    """What cannot be written is said in the log, and harms nobody."""
    try:
        act()
    except (OSError, StoreError, ConfigError, ValueError) as error:
        _log.warning("a page's run could not be kept: %s", error)


def write_copy(folder: Path, copy: Copy) -> None:
    """Put a copy in its place.

    Raises:
        OSError, StoreError: It cannot be written.
    """
    root = folder.parent
    root.mkdir(parents=True, exist_ok=True)
    if root.is_symlink():
        raise StoreError("foreign", f"{root} is a link")
    os.chmod(root, 0o700)  # what a tab trains is nobody else's
    folder.mkdir(mode=0o700, exist_ok=True)
    save_run(folder / _RUN, copy.run)
    facts = {"format": 1, **{name: value for name, value in copy._asdict().items() if name != "run"}}
    write_file(folder / _DOCUMENT, json.dumps(facts).encode())


def read_copy(folder: Path) -> Copy:
    """What was put there.

    Raises:
        StoreError: It is damaged, or there is none.
    """
    try:
        facts: Any = from_json((folder / _DOCUMENT).read_bytes())
        playing, stop_at, speed = facts["playing"], facts["stop_at"], facts["steps_per_s"]
        called, scratch = facts["called"], facts["scratch"]
        is_number = isinstance(speed, int | float) and not isinstance(speed, bool) and math.isfinite(speed)
        fits = (
            facts["format"] == 1
            and all(isinstance(value, bool) for value in (playing, scratch))
            and (stop_at is None or (isinstance(stop_at, int) and not isinstance(stop_at, bool)))
            and (speed is None or is_number)
            and isinstance(called, str)
        )
        if not fits:
            raise ValueError("it does not say what it should")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise StoreError("damaged", f"{folder / _DOCUMENT} is damaged ({error})") from error
    return Copy(load_run(folder / _RUN), playing, stop_at, speed, called, scratch)


def drop_copy(folder: Path) -> None:
    """Remove a copy, if it is there."""
    shutil.rmtree(folder, ignore_errors=True)


def tidy() -> None:
    """Remove the copies that are too old, and the oldest of those that are too many."""
    root, now = default_root() / PAGES, time.time()
    if root.is_symlink() or not root.is_dir():
        return
    found = []
    for folder in root.iterdir():
        with contextlib.suppress(OSError):
            if _FOLDER.fullmatch(folder.name) and not folder.is_symlink():
                files = [path.lstat() for path in folder.rglob("*")]
                newest = max((file.st_mtime for file in files), default=folder.lstat().st_mtime)
                found.append((newest, sum(file.st_size for file in files), folder))
    total = 0
    for count, (newest, size, folder) in enumerate(sorted(found, reverse=True)):
        total += size
        if count >= MAX_COPIES or total > MAX_COPIES_BYTES or newest < now - KEEP_COPIES_S:
            shutil.rmtree(folder, ignore_errors=True)
