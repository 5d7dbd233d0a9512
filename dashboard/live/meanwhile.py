"""A look at a run that trains on while it is taken: the chunk before it brings the state that is looked at, and the chunk after it does not wait."""

from __future__ import annotations

from typing import NamedTuple

from dashboard.live.audience import Audience, Sent
from maml_core.chunks import ChunkResult
from maml_core.config import RunConfig
from maml_core.records import View


class Look(NamedTuple):
    """What is looked at."""

    view: View
    sent: Sent
    state: bytes
    config: RunConfig
    num_taken: int
    """Looks at the run that were taken in before it."""


class Meanwhile:
    """See the module. At most one such look of a run is wanted or under way."""

    def __init__(self) -> None:
        self._view: View | None = None
        self._look: Look | None = None
        self._is_under_way = False

    @property
    def is_planned(self) -> bool:
        """Whether the chunk in flight leaves its look to another worker."""
        return self._view is not None

    @property
    def is_wanted(self) -> bool:
        """Whether a look waits for a worker, or is being taken."""
        return self._look is not None

    @property
    def waiting(self) -> Look | None:
        """The look that waits for a worker."""
        return None if self._is_under_way else self._look

    def plan(self, view: View | None) -> None:
        """What the chunk that is computed next leaves to another worker; None for nothing."""
        self._view = view

    def begin(self, audience: Audience, result: ChunkResult, *, goes_on: bool) -> None:
        """The chunk has brought the state to look at.

        Args:
            audience: For whom.
            result: What came out.
            goes_on: The run trains on, and nobody waits. Else its next chunk looks, at everything.
        """
        view, self._view = self._view, None
        if view is not None and goes_on:
            self._look = Look(view, audience.hand_over(), result.state, result.config, audience.num_taken)

    def send(self) -> None:
        """A worker takes the look that waits."""
        self._is_under_way = True

    def end(self, look: Look, audience: Audience) -> bool:
        """A look is over.

        Returns:
            Whether what it found is the newest there is of this run. Where it is not, somebody who waited was shown everything since.
        """
        if look is not self._look:
            return False  # of another run
        self._look, self._is_under_way = None, False
        return look.num_taken == audience.num_taken

    def fail(self, look: Look, audience: Audience) -> None:
        """A look could not be taken: the next chunk takes it, and says so if it cannot either."""
        if look is self._look:
            self._look, self._is_under_way = None, False
            audience.pacing.lost(look.sent.kinds)
            audience.hurry()
