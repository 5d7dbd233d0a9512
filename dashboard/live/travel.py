"""Time travel: what one viewer sees of an earlier outer step of the run, in the place of now, while the run trains on or stands."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

from dashboard.live.latest import Seen
from maml_core.chunks import ChunkRequest
from maml_core.config import RunConfig, replace
from maml_core.datasets.trained import TrainedImages
from maml_core.moments import Moment, Moments, asked
from maml_core.records import Demonstration, Entry, ImageFit, Plane, Snapshot, Status, TaskFit, View
from maml_core.store import SavedRun


class Look(NamedTuple):
    """What is looked at of a moment."""

    moment: Moment
    task: Demonstration
    chart: str
    """The one in the place of the paths."""
    evaluation_steps: int
    """Inner steps of the held-out tasks, as the run has them now: the charts' axes stay."""

    @property
    def config(self) -> RunConfig:
        """The set-up that it is computed with."""
        return replace(self.moment.config, {"evaluation_steps": self.evaluation_steps})

    def is_of(self, other: Look) -> bool:
        """Whether both show the same."""
        return self.moment is other.moment and is_same_task(self.task, other.task) and self[2:] == other[2:]


class Travel:
    """Where one viewer is: now, or at a kept moment.

    Tasks of images take two looks, since what is waited for most, the task and the paths, is there long before the held-out tasks are.
    """

    def __init__(self) -> None:
        self.target: Moment | None = None
        """Where it goes, or is; None for now."""
        self.shown: Moment | None = None
        """What its charts show; None for now."""
        self.seen = Seen()
        self.fit: TaskFit | ImageFit | None = None
        self.cpu_s = 0.0
        """What all its looks took: who had least is next."""
        self._sent: tuple[Look, bool] | None = None
        self._light: Look | None = None
        """The newest look at the task and the paths."""
        self._heavy: Look | None = None
        """The newest look at everything else."""

    def go(self, moment: Moment | None) -> None:
        """Show a kept moment, or now again."""
        self.target = moment
        if moment is None:
            self.shown = self.fit = self._sent = self._light = self._heavy = None
            self.seen = Seen()

    def to(self, step: int | None, moments: Moments, now: int) -> None:
        """Show the kept moment nearest to an outer step; None for now.

        Args:
            step: Which.
            moments: What is kept of the run.
            now: Where it stands.

        Raises:
            ValueError: That is no outer step.
        """
        if isinstance(step, bool) or not isinstance(step, int | None):
            raise ValueError(f"show outer step {str(step)[:20]}: give a whole number, or nothing for now")
        self.go(moments.nearest(step) if step is not None and step < now else None)

    def by(self, by: int, moments: Moments, now: int) -> None:
        """Show the kept moment after the one that is shown, or the one before; after the newest comes now.

        Args:
            by: 1 or -1.
            moments: What is kept of the run.
            now: Where it stands.

        Raises:
            ValueError: It is neither.
        """
        if by not in (1, -1):
            raise ValueError(f"travel by {str(by)[:20]}: give 1 or -1")
        at = self.target
        if at is None:
            self.go(moments.before(now) if by < 0 else None)
        else:
            self.go(None if by > 0 and at is moments.newest else moments.beside(at.step, by))

    @property
    def here(self) -> Moment:
        """The moment that it is at, to go on from.

        Raises:
            ValueError: It is now.
        """
        if self.target is None:
            raise ValueError("choose an earlier outer step first, on the slider below the loss curve")
        return self.target

    def is_due(self, look: Look) -> bool:
        """Whether something of this is not seen yet."""
        return not (_has(self._light, look) and _has(self._heavy, look))

    def request(self, look: Look, *, plane: Plane | None, images: TrainedImages | None) -> ChunkRequest:
        """What to compute next.

        Args:
            look: Of which something is due.
            plane: That the paths of now are drawn in, so that both can be compared.
            images: What the run is trained on, where that is images in files.
        """
        light = not _has(self._light, look)
        heavy = not light or not look.config.classifies
        self._sent = look, heavy
        view = View(
            tasks=(look.task,) if light else (),
            trajectories=heavy,
            curvature=heavy,
            rates=heavy,
            moves=light and look.chart == "layers",
            paths=light and look.chart == "path",
            plane=plane,
            previous_plane=plane,
        )
        return ChunkRequest(config=look.config, state=look.moment.state, view=view, images=images)

    def take(self, snapshot: Snapshot) -> bool:
        """Take in what the look has found; False where its viewer has gone elsewhere since."""
        sent, self._sent = self._sent, None
        if sent is None or sent[0].moment is not self.target:
            return False
        look, heavy = sent
        if self.shown is not look.moment:
            self.shown, self.seen, self._heavy = look.moment, Seen(), None
        self.seen.take(snapshot, 0.0, config=look.config, computed=look.config, scratch=False)
        if snapshot.fits:
            self._light, self.fit = look, snapshot.fits[0]
        if heavy:
            self._heavy = look
        return True


def _has(seen: Look | None, wanted: Look) -> bool:
    return seen is not None and seen.is_of(wanted)


def is_same_task(one: Demonstration, other: Demonstration) -> bool:
    """Whether two demonstrations are of one task; a drawn one is only ever the same as itself."""
    return one.own is other.own and one._replace(own=None) == other._replace(own=None)


def cut(run: SavedRun, moment: Moment) -> SavedRun:
    """A run as it was at one of its kept moments, to go on with otherwise: its timeline says that it does."""
    branch = [Entry(step=moment.step, kind="branch")] if moment.step > 0 else []
    return dataclasses.replace(
        run,
        config=moment.config,
        timeline=(*asked(run.timeline)[: moment.num_entries], *branch),
        records=run.records.until(moment.step),
        state=moment.state,
        step=moment.step,
        status=Status(),
        moments=tuple(one for one in run.moments if one.step <= moment.step),
    )
