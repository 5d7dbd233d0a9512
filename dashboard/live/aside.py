"""A look at a run by somebody who watches that of another and looks at it otherwise: taken beside its training, and paid for by whoever looks."""

from __future__ import annotations

import math
from typing import NamedTuple

from dashboard.live.latest import Seen
from dashboard.live.travel import is_same_task
from dashboard.live.watched import Watched, Watching
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig
from maml_core.records import Demonstration, View

AGAIN_S = 0.6
"""Between two looks at a run that trains, where nothing else was asked for."""


class _Look(NamedTuple):
    """What is looked at."""

    state: bytes
    config: RunConfig
    task: Demonstration
    chart: str
    """The one in the place of the paths."""

    def is_as(self, other: _Look | None) -> bool:
        """Whether both show the same."""
        return (
            other is not None
            and (self.state is other.state and self.config == other.config and self.chart == other.chart)
            and is_same_task(self.task, other.task)
        )


class Aside:
    """See the module."""

    def __init__(self) -> None:
        self.seen = Seen()
        """What was found of the paths and of how far layers move, whatever all others look at."""
        self.cpu_s = 0.0
        """What its looks took: who had least is next."""
        self._of: _Look | None = None
        """The newest that was asked for."""
        self._at = -math.inf

    def is_due(self, run: Watched, viewer: Watching, now: float) -> bool:
        """Whether there is something to look at.

        Args:
            run: That of another.
            viewer: Who looks.
            now: The clock.
        """
        look = _look_of(run, viewer)
        if look is None or look.is_as(self._of) or viewer.travel.target is not None or run.playback.jumping:
            return False
        asks = self._of is None or look.chart != self._of.chart or not is_same_task(look.task, self._of.task)
        return asks or not run.playback.trains or now - self._at >= AGAIN_S

    def request(self, run: Watched, viewer: Watching, now: float) -> ChunkRequest:
        """What to compute next."""
        look = _look_of(run, viewer)
        assert look is not None  # it is due
        self._of, self._at, viewer.waits = look, now, False
        plane = run.audience.seen.plane or self.seen.plane
        view = View(
            tasks=(look.task,),
            trajectories=False,
            joint_trajectory=False,
            curvature=False,
            rates=False,
            moves=look.chart == "layers",
            paths=look.chart == "path",
            plane=plane,
            previous_plane=plane,
        )
        return ChunkRequest(config=look.config, state=look.state, view=view, images=run.images, code=run.code)

    def take(self, result: ChunkResult, run: Watched, viewer: Watching, now: float) -> bool:
        """Take in what was found; False where its viewer shows another task by now."""
        self.cpu_s += result.cpu_s
        look, snapshot = _look_of(run, viewer), result.snapshot
        if snapshot is None or look is None or self._of is None or not is_same_task(look.task, self._of.task):
            return False
        viewer.take(snapshot.fits[0], viewer.asked_id)
        self.seen.take(snapshot, now, config=run.config, computed=result.config, scratch=False)
        return True

    def start_over(self) -> None:
        """Another run has taken the place of the one that was looked at."""
        self.seen, self._of = Seen(), None


def _look_of(run: Watched, viewer: Watching) -> _Look | None:
    """What is to be looked at; None before anything was computed of the run."""
    return None if run.state is None else _Look(run.state, run.state_config, viewer.task, viewer.weights_chart)
