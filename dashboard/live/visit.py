"""A run that was opened to show a saved moment of it. As long as nothing else is done with it, it is nobody's own: it leaves no ghost, and is not what
Undo brings back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from dashboard.live.changes import Changes
from maml_core.records import Entry


class Visit(NamedTuple):
    """The moment that is shown."""

    step: int
    """Outer steps up to it."""
    timeline: tuple[Entry, ...]
    """Changes up to it."""

    def is_all(self, changes: Changes, step: int) -> bool:
        """Whether nothing else was done with the run.

        Args:
            changes: What was changed of it.
            step: Where it stands.
        """
        return step <= self.step and not changes.waits and _made(changes.all) == _made(self.timeline)


NO_VISIT = Visit(-1, ())
"""What a run of somebody's own has in its place."""


def _made(timeline: Iterable[Entry]) -> list[Entry]:
    return [entry for entry in timeline if entry.kind == "change"]
