"""Time travel: what one viewer sees of an earlier outer step of the run, in the place of now, while the run trains on or stands."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args

from dashboard.live.latest import Seen
from maml_core.chunks import ChunkRequest
from maml_core.config import RunConfig, replace
from maml_core.datasets.trained import TrainedImages
from maml_core.families.own import OwnCode
from maml_core.moments import Moment, Moments, asked
from maml_core.records import Demonstration, Entry, Fit, Plane, Snapshot, Status, View
from maml_core.store import SavedRun

Part = Literal["task", "weights", "trajectories", "curvature"]
"""A look is taken in these parts, in this order, several at a time where workers are free: the task and the paths, which the eye goes to first, take a
fifth of all of it."""

PARTS: tuple[Part, ...] = get_args(Part)

NOTHING = View(tasks=(), trajectories=False, curvature=False, rates=False, paths=False)


class Look(NamedTuple):
    """What is looked at of a moment."""

    moment: Moment
    task: Demonstration
    chart: str
    """The one in the place of the paths."""
    evaluation_steps: int
    """Inner steps of the held-out tasks, as the run has them now: the charts' axes stay."""
    measured: Snapshot | None = None
    """What the run has measured there already."""
    is_parted: bool = False
    """Whether what is drawn of the weights is a part of its own, for a worker that has nothing else to do; else it comes with the task."""

    @property
    def config(self) -> RunConfig:
        """The set-up that it is computed with."""
        return replace(self.moment.config, {"evaluation_steps": self.evaluation_steps})

    @property
    def parts(self) -> Mapping[Part, Mapping[str, Any]]:
        """What each part of it asks for, by the fields of a `View`."""
        weights = {"moves": self.chart == "layers", "paths": self.chart == "path"}
        return {
            "task": {"tasks": (self.task,), **({} if self.is_parted else weights)},
            "weights": weights if self.is_parted else {},
            "trajectories": {"trajectories": True, "rates": True},
            "curvature": {"curvature": True},
        }

    @property
    def known(self) -> Snapshot | None:
        """What the run has measured there, as far as it is of as many inner steps at evaluation."""
        found = self.measured
        if found is None or not found.trajectories or len(found.trajectories["maml"].mean) == self.evaluation_steps + 1:
            return found
        return dataclasses.replace(found, trajectories={})

    def knows(self, part: Part) -> bool:
        """Whether the run has measured all that a part of it asks for."""
        if part in ("task", "weights") or (found := self.known) is None:
            return False
        if part == "curvature":
            return found.curvature is not None
        return "maml" in found.trajectories and ("joint" in found.trajectories or not self.moment.config.joint_baseline)

    def asks(self, part: Part) -> bool:
        """Whether there is anything in a part of it."""
        return any(self.parts[part].values())

    def has(self, part: Part, other: Look) -> bool:
        """Whether this part of both shows the same."""
        if self.moment is not other.moment or self.evaluation_steps != other.evaluation_steps:
            return False
        is_of_chart = self.chart == other.chart
        if part == "task":
            return is_same_task(self.task, other.task) and (is_of_chart or other.is_parted)
        return is_of_chart or part != "weights"


class LookPart(NamedTuple):
    """A part of a look, as it is computed."""

    look: Look
    part: Part


class Travel:
    """Where one viewer is: now, or at a kept moment. Each part of a look is shown as it comes; what the run has measured there comes with the
    first, and is not computed.
    """

    def __init__(self) -> None:
        self.target: Moment | None = None
        """Where it goes, or is; None for now."""
        self.shown: Moment | None = None
        """What its charts show; None for now."""
        self.seen = Seen()
        self.fit: Fit | None = None
        self.cpu_s = 0.0
        """What all its looks took: who had least is next."""
        self._sent: dict[Part, list[Look]] = {part: [] for part in PARTS}
        """The looks of which each part is under way, the oldest first."""
        self._found: dict[Part, Look] = {}
        """The newest look of which each part is shown."""
        self._early: tuple[LookPart, Snapshot] | None = None
        """What is drawn of the weights where it came before the task: it is shown with that, in one frame."""

    def go(self, moment: Moment | None) -> None:
        """Show a kept moment, or now again."""
        self.target = moment
        if moment is None:
            self.shown = self.fit = None
            self.seen, self._sent, self._found, self._early = Seen(), {part: [] for part in PARTS}, {}, None

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

    @property
    def waits(self) -> bool:
        """Whether it is on its way: nothing of where it goes is shown yet."""
        return self.target is not self.shown

    def due(self, look: Look) -> LookPart | None:
        """The next part of a look that is neither shown nor asked for; None where there is none."""
        for part in filter(look.asks, PARTS):
            found = [self._found[part]] if part in self._found else []
            if part == "weights" and self._early is not None:
                found.append(self._early[0].look)
            comes_along = self.waits and look.knows(part)
            if not comes_along and not any(known.has(part, look) for known in (*found, *self._sent[part])):
                return LookPart(look, part)
        return None

    def request(
        self, wanted: LookPart, *, plane: Plane | None, images: TrainedImages | None, code: OwnCode | None
    ) -> ChunkRequest:
        """What to compute next.

        Args:
            wanted: What is due.
            plane: That the paths of now are drawn in, so that both can be compared.
            images: What the run is trained on, where that is images in files.
            code: With which it is computed, where that is a problem of one's own.
        """
        look, part = wanted
        self._sent[part].append(look)
        view = dataclasses.replace(NOTHING, **look.parts[part], plane=plane, previous_plane=plane)
        return ChunkRequest(config=look.config, state=look.moment.state, view=view, images=images, code=code)

    def take(self, wanted: LookPart, snapshot: Snapshot) -> bool:
        """Take in what a part of a look has found; False where its viewer has gone elsewhere since: of where it came past, the task alone is
        shown, so that it follows a slider that is dragged.
        """
        look, part = wanted
        under_way = self._sent[part]
        place = next((place for place, each in enumerate(under_way) if each is look), None)
        if place is None:
            return False
        self._sent[part] = under_way[place + 1 :]  # what was asked for before comes too late
        if part == "weights" and self.shown is not look.moment:
            self._early = wanted, snapshot
            return False
        if look.moment not in (self.target, self.shown) and not (part == "task" and self.waits):
            return False
        if self.shown is not look.moment:
            self.shown, self.seen, self.fit, self._found = look.moment, Seen(), None, {}
            self._take_known(look)
        self._take_in(look, part, snapshot)
        if snapshot.fits:
            self.fit = snapshot.fits[0]
        if part == "task" and not look.is_parted:
            self._found["weights"] = look
        elif part == "task" and self._early is not None and self._early[0].look.moment is look.moment:
            (early, found), self._early = self._early, None
            self._take_in(early.look, "weights", found)
        return True

    def _take_in(self, look: Look, part: Part, snapshot: Snapshot) -> None:
        """Show what a part of a look at the moment that is shown has found."""
        self.seen.take(snapshot, 0.0, config=look.config, computed=look.config, scratch=False)
        self._found[part] = look

    def _take_known(self, look: Look) -> None:
        """Take in what the run has measured at a moment that is shown from now on."""
        if look.known is not None:
            self.seen.take(look.known, 0.0, config=look.config, computed=look.config, scratch=False)
            self._found |= {part: look for part in PARTS if look.knows(part)}

    def fail(self, wanted: LookPart) -> bool:
        """A part of a look could not be computed: back to now; False where its viewer has gone elsewhere since."""
        self._sent[wanted.part] = [each for each in self._sent[wanted.part] if each is not wanted.look]
        if wanted.look.moment is not self.target:
            return False
        self.go(None)
        return True


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
        measured={step: found for step, found in run.measured.items() if step <= moment.step},
    )
