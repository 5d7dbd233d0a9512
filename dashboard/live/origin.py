"""What a page's address asked for: perhaps a run that somebody shared, perhaps images that are not there."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

from dashboard.live.changes import Changes
from dashboard.setups.address import Address
from maml_core.config import GlyphsConfig, RunConfig, replace
from maml_core.datasets.again import FileConfig
from maml_core.errors import ConfigError
from maml_core.records import Entry
from maml_core.wording import counted

OFFERED_STEPS = 100
"""Outer steps of a run of one's own for which the shared run that it left is offered again."""


class Shared(NamedTuple):
    """A run that somebody shared by its address."""

    start: RunConfig
    timeline: tuple[Entry, ...]
    at: int
    """The outer step that it had taken; 0 where the address does not say."""

    @property
    def num_changes(self) -> int:
        """Changes that were made while it trained."""
        return sum(entry.kind == "change" for entry in self.timeline)


class Origin:
    """What the address asked for, and whether the run that is there is still that.

    Args:
        config: The set-up at outer step 0.
        timeline: Changes to make when their step is reached.
        at: The outer step that the run had taken where it was shared.
        stands_in_for: The tasks that are asked for, whose images are not there: Glyphs take their place until they are.
    """

    def __init__(self, config: RunConfig, timeline: Sequence[Entry], at: int, stands_in_for: FileConfig | None) -> None:
        self.shared = Shared(config, tuple(timeline), at) if timeline or at else None
        """What the address holds; None where that is a start alone."""
        self.stands_in_for = stands_in_for
        self.has_left_shared = False
        """Something was changed before the shared run was where it had been: from there on it is another."""

    def replays(self, changes: Changes, step: int) -> bool:
        """Whether a run is the shared one, on its way to where that was.

        Args:
            changes: What was changed of the run.
            step: Where it stands.
        """
        shared = self.shared
        return shared is not None and not self.has_left_shared and (bool(changes.scheduled) or step < shared.at)

    def leave_shared(self, changes: Changes, step: int) -> str:
        """From here on it is a run of one's own; gives a sentence that says what that leaves out, empty where it left none.

        Args:
            changes: What was changed of the run.
            step: Where it stands.
        """
        if not self.replays(changes, step):
            return ""
        self.has_left_shared = True
        count = sum(entry.kind == "change" for entry in changes.scheduled)
        left_out = f": {counted(count, 'change')} of the shared run will not be made" if count else ""
        return f"From here on this is a run of your own{left_out}. “Shared run” goes back to it."

    def step_ahead(self, changes: Changes, step: int) -> int:
        """The outer step at which the shared run was.

        Args:
            changes: What was changed of the run.
            step: Where it stands.

        Raises:
            ValueError: There is no such step ahead.
        """
        if self.shared is None or not self.replays(changes, step) or step >= self.shared.at:
            raise ValueError("there is no step of a shared run ahead to jump to")
        return self.shared.at

    def offer(self, step: int, *, jumping: bool) -> dict[str, Any] | None:
        """What the page offers of a shared run: to jump to its step or, for the first steps of a run that left it, to go back to it."""
        shared = self.shared
        if shared is None:
            return None
        if self.has_left_shared:
            return {"kind": "shared", "step": shared.at} if step < OFFERED_STEPS else None
        return {"kind": "jump", "step": shared.at} if step < shared.at and not jumping else None

    def awaited(self, changes: Changes) -> Address | None:
        """What a run is once the images that it stands in for are there; None where it stands in for none."""
        start = changes.start
        if self.stands_in_for is None or not isinstance(start.tasks, GlyphsConfig):
            return None
        tasks = dataclasses.replace(self.stands_in_for, ways=start.tasks.ways, labels=start.tasks.labels)
        try:
            config = replace(start, {"tasks": tasks})
        except ConfigError:  # more shots were asked for since than there are drawings of a character
            return None
        at = self.shared.at if self.shared is not None and not self.has_left_shared else 0
        return Address(config, tuple(sorted(changes.all, key=lambda entry: entry.step)), (), at)
