"""What the parts of a viewer know of the run that is watched, and of their viewer. `run.LiveRun` is such a run, `viewer.Viewer` such a viewer, and
neither is imported by what it is made of.
"""

from __future__ import annotations

from typing import Protocol

from dashboard.live.changes import Changes
from dashboard.live.closer import Closer
from dashboard.live.history import History
from dashboard.live.latest import Seen
from dashboard.live.playback import Playback
from dashboard.live.recording import Recording
from dashboard.live.travel import Travel
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.records import Demonstration, Fit, Status


class Watchers(Protocol):
    """All who watch, and what was looked at for them."""

    seen: Seen
    unseen: frozenset[str]

    def measure(self) -> None:
        """Ask for every heavy look once more."""


class Trained(Protocol):
    """What of the run that is there now another one follows."""

    state_config: RunConfig
    changes: Changes
    generation: int

    @property
    def images(self) -> TrainedImages | None:
        """Those that it trains on, if it trains on images."""

    @property
    def code(self) -> OwnCode | None:
        """The Python code that it is computed with, where that is a problem of one's own."""

    @property
    def audience(self) -> Watchers:
        """Who watches it."""


class Watched(Trained, Protocol):
    """The run that is there now."""

    config: RunConfig
    step: int
    status: Status
    state: bytes | None
    failure: str
    history: History
    playback: Playback
    recording: Recording

    @property
    def name(self) -> str:
        """What tells it from the one before it in the same place, and from every other page's."""

    @property
    def is_stepping(self) -> bool:
        """Whether the chunk in flight takes outer steps."""

    def play(self, *, until: int | None = None, jumps: bool = False) -> None:
        """Train until paused, or until an outer step."""

    def pause(self) -> None:
        """Stop after the chunk in flight."""


class Restartable(Watched, Protocol):
    """One that another can take the place of."""

    def restart(self, config: RunConfig) -> None:
        """Begin anew with another set-up; what was there becomes a ghost."""


class Watching(Protocol):
    """What one page looks at of it."""

    closer: Closer
    travel: Travel
    task_draw: int
    waits: bool
    weights_chart: str
    asked_id: int | None

    @property
    def task(self) -> Demonstration:
        """The task that is shown."""

    def take(self, fit: Fit | None, change_id: int | None) -> None:
        """Take in a look at the task, which has seen the changes up to this one."""

    def draw_task(self) -> None:
        """Show a new task with new points."""

    def choose_weights_chart(self, chart: str) -> None:
        """Choose what stands in the place of the paths."""
