"""A closer look: what one viewer has open of the engine's dearer measurements, computed for that viewer alone and beside the chunks of the run."""

from __future__ import annotations

import math
from typing import NamedTuple

from dashboard.charts.all import SHARING
from dashboard.charts.closer import MEASURING, WAITING
from dashboard.charts.results import Looked
from maml_core.analysis_records import LOOKS_AT_ONE_TASK
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import RunConfig
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.records import View

LEAST_S = 1.0
"""Between two looks at a run that trains."""

REST = 4.0
"""A run that trains is looked at again after so many times as long as the last look took: a fifth of one processor at most, of all that one
viewer has open."""


AWAITED_S = 0.8
"""So long a run stands still at most for the first answer of a look that was opened: within it that is measured, on a machine that does nothing else."""

MAX_PAST = 200
"""Looks that are remembered; then every second one is forgotten."""


def draw_for(look: str, task_draw: int) -> int:
    """The draw of the demonstration task that a look is at, where a page shows that of `task_draw`; 0 for a look that is not at one task."""
    return task_draw if look in LOOKS_AT_ONE_TASK else 0


class Wanted(NamedTuple):
    """What is looked at, and of which theta_0."""

    look: str
    run: str
    config: RunConfig
    state: bytes
    step: int
    is_earlier: bool
    """Somebody travelled there."""
    remembers: bool
    """What was found before is shown too."""
    draw: int = 0
    """Which demonstration task (`draw_for`)."""


class Closer:
    """What one viewer has open. At most one look that it waits for is under way."""

    def __init__(self) -> None:
        self.cpu_s = 0.0
        """What all its looks took: who had least is next."""
        self._found: tuple[Wanted, Looked] | None = None
        self._failed: tuple[Wanted, str] | None = None
        self._past: dict[int, object] = {}
        """What looks have found, by outer step, where that is shown."""
        self._sent: Wanted | None = None
        self._sent_at = -math.inf
        self.answered_at = -math.inf
        """When it was found last, or could not be."""
        self._rested_at = 0.0

    def forget(self) -> None:
        """Another one is opened, or another run is looked at: what was seen is no answer any more."""
        self._found = self._failed = self._sent = None
        self._past = {}
        self._rested_at, self.answered_at = 0.0, -math.inf

    def rest(self, other: Closer) -> None:
        """Wait as long as the other one that the same viewer has open: both together follow a run no more often than one alone."""
        self._rested_at = max(self._rested_at, other._rested_at)

    def adopt(self, other: Closer) -> None:
        """See what the other one that the same viewer has open has found: both show the same look."""
        self._found, self._failed, self._past = other._found, other._failed, dict(other._past)
        self._rested_at, self.answered_at = other._rested_at, other.answered_at

    def is_due(self, wanted: Wanted, now: float, *, playing: bool) -> bool:
        """Whether that is not seen yet, and it is time for it: of a run that trains not at once after the last look.

        Args:
            wanted: What is open, of the run as it is there.
            now: The clock.
            playing: The run trains.
        """
        newest = self._failed or self._found
        if newest is None:
            return True
        if newest[0] == wanted:
            return False
        follows = playing and not wanted.is_earlier and not newest[0].is_earlier
        return not follows or now >= self._rested_at

    def request(
        self, wanted: Wanted, images: TrainedImages | None, now: float, code: OwnCode | None = None
    ) -> ChunkRequest:
        """What to compute.

        Args:
            wanted: What is due.
            images: What the run is trained on, where that is images in files.
            now: The clock.
            code: With which the run is computed, where that is a problem of one's own.
        """
        self._sent, self._sent_at = wanted, now
        nothing = View(
            tasks=(),
            trajectories=False,
            curvature=False,
            rates=False,
            paths=False,
            look=wanted.look,
            look_draw=wanted.draw,
        )
        return ChunkRequest(config=wanted.config, state=wanted.state, view=nothing, images=images, code=code)

    @property
    def is_measuring(self) -> bool:
        """Whether what it waits for is under way."""
        return self._sent is not None

    def awaited_s(self, now: float) -> float:
        """How long a run may still stand still for its first answer, in seconds; 0 where something is shown already, or nothing is under way."""
        is_first = self._sent is not None and self._found is None
        return max(0.0, self._sent_at + AWAITED_S - now) if is_first else 0.0

    def take(self, wanted: Wanted, result: ChunkResult, now: float) -> bool:
        """Take in what was found of what was wanted; False where its viewer has opened something else since, or another run."""
        self.cpu_s += result.cpu_s
        if self._sent is not wanted:
            return False
        self._sent = None
        if result.snapshot is None:
            return False
        if wanted.remembers:
            self._past[wanted.step] = result.snapshot.look
            if len(self._past) > MAX_PAST:
                self._past = dict(list(self._past.items())[::2])
        looked = Looked(
            name=wanted.look,
            found=result.snapshot.look,
            step=wanted.step,
            config=wanted.config,
            is_earlier=wanted.is_earlier,
            draw=wanted.draw,
            past=tuple(self._past.items()),
        )
        self._found, self._failed = (wanted, looked), None
        self._rested_at, self.answered_at = now + max(LEAST_S, REST * result.cpu_s), now
        return True

    def fail(self, wanted: Wanted, why: str, now: float) -> None:
        """It could not be computed, for a reason in a sentence; it is tried again when the run has moved on."""
        if self._sent is wanted:
            self._sent = None
            self._failed, self._rested_at, self.answered_at = (wanted, why), now + LEAST_S, now

    @property
    def looked(self) -> Looked | None:
        """What was found; None until it is there."""
        return self._found[1] if self._found is not None else None

    def why_nothing(self, chart: str) -> dict[str, str]:
        """Why the chart that is open shows nothing yet, by its id, in a sentence; empty where it does, or takes no look."""
        if not SHARING[chart].look or (self._failed is None and self._found is not None):
            return {}
        if self._failed is not None:
            return {chart: self._failed[1]}
        return {chart: MEASURING if self.is_measuring else WAITING}
