"""The compiled forms that the long groups of a sweep are to have: made one after the other beside all else, so that no live page waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from maml_core.compiling import compile_lanes
from maml_core.config import RunConfig

WAIT_S = 60.0
"""A sweep waits so long for each form. Where others want all the processors, it goes on eagerly then, and takes the form over when it is there."""

_POLL_S = 0.1

Groups = Sequence[tuple[RunConfig, ...]]


class Compiling:
    """See the module. It begins at once, in a thread of its own.

    Args:
        groups: The lanes of a batch of each group.
        on_made: Called in that thread with the lanes of a group whose form is there.
    """

    def __init__(self, groups: Groups, on_made: Callable[[tuple[RunConfig, ...]], None]) -> None:
        self._most_s = WAIT_S * len(groups)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, args=(groups, on_made), name="compiling", daemon=True)
        self._thread.start()

    def wait(self, is_wanted: Callable[[], bool]) -> None:
        """Until all is made, or nobody wants it any more, or it takes too long."""
        until = time.monotonic() + self._most_s
        while self._thread.is_alive() and is_wanted() and time.monotonic() < until:
            self._thread.join(_POLL_S)

    def close(self) -> None:
        """End what is under way, with the compiler."""
        self._stopped.set()
        self._thread.join()

    def _make(self, groups: Groups, on_made: Callable[[tuple[RunConfig, ...]], None]) -> None:
        for configs in groups:
            if self._stopped.is_set():
                return
            if compile_lanes(configs, is_stopped=self._stopped.is_set, steps_back=True):
                on_made(configs)
