"""Who watches a run, and what is looked at for them: what is the same for all once, and besides each task that one of them shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from dashboard.live.latest import Seen
from dashboard.live.pacing import HEAVY, Pace, Pacing
from dashboard.live.travel import is_same_task
from dashboard.live.viewer import Viewer
from dashboard.setups import limits
from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.records import Demonstration, Snapshot, View


class _Asked(NamedTuple):
    """A viewer for whom the chunk in flight looks."""

    viewer: Viewer
    place: int
    """Where its task stands among those of the look."""
    change_id: int | None
    """The newest change that it has asked for."""


class Sent(NamedTuple):
    """A look that is being taken."""

    kinds: frozenset[str] = frozenset()
    """Heavy kinds."""
    asked: tuple[_Asked, ...] = ()
    answers: bool = False
    """Somebody waits for it."""


class Audience:
    """The viewers of one run and of those that take its place, and the looks at the run that is there now."""

    def __init__(self) -> None:
        self.viewers: list[Viewer] = []
        self.scratch = False
        """Training from scratch on each held-out task is asked for; see `shows_scratch`."""
        self.seen = Seen()
        self.pacing = Pacing(of_images=False)
        self.unseen: frozenset[str] = frozenset()
        """Heavy kinds of looks that `measure` asked for and that were not taken since."""
        self.num_taken = 0
        """How many looks were taken in."""
        self._slow_of: tuple[int, RunConfig] | None = None
        """Outer step and set-up at which what moves slowly was last looked at, of the run as it stood then, or is going to be."""
        self._hurries = False
        self._sent = Sent()  # that of the chunk in flight

    def start_over(self, config: RunConfig) -> None:
        """A run with this set-up is watched from its start on."""
        self.seen = Seen()
        self.pacing = Pacing(of_images=config.classifies)
        self.unseen = frozenset()
        self._slow_of = None
        self._sent = Sent()
        self.num_taken += 1  # what is under way is of the run before
        for viewer in self.viewers:
            viewer.start_over()
        self.hurry()

    # Who watches

    def join(self, viewer: Viewer) -> None:
        """One more watches."""
        self.viewers.append(viewer)
        viewer.waits = True

    def leave(self, viewer: Viewer) -> None:
        """One has gone; the others watch on."""
        self.viewers.remove(viewer)

    def leave_run(self, old: RunConfig, new: RunConfig) -> None:
        """A run with another set-up takes the place of the one that is watched."""
        for viewer in self.viewers:
            viewer.leave(old, new)

    # What they ask for

    @property
    def waits(self) -> bool:
        """Whether something changed that somebody waits to see."""
        return self._hurries or any(viewer.waits for viewer in self.viewers if viewer.aside is None)

    @property
    def is_answered(self) -> bool:
        """Whether somebody waits for the chunk in flight."""
        return self._sent.answers

    def hurry(self) -> None:
        """Something changed that all of them wait to see."""
        self._hurries = True

    def measure(self) -> None:
        """Look at everything of the run as it stands now: somebody wants numbers that belong together."""
        self.pacing.owed = self.unseen = frozenset(HEAVY)

    def settle(self, step: int, config: RunConfig) -> None:
        """The run stands here: nobody looks again by itself, and what moves slowly would show for good what held before."""
        if self._slow_of != (step, config):
            # Asked for once, whatever comes of it: a look that is lost is owed again by itself.
            self._slow_of = (step, config)
            self.pacing.owed |= {"slow"}

    def rest(self) -> None:
        """Nobody waits any longer."""
        self._hurries = False
        for viewer in self.viewers:
            viewer.waits = False

    def show_scratch(self, wanted: bool, config: RunConfig) -> None:
        """Show what training from scratch on each held-out task reaches, or no longer.

        Raises:
            ConfigError: That would take too long with this set-up; nothing changed.
        """
        if wanted:
            limits.check_scratch(config)
        self.scratch = wanted
        self.hurry()
        if not wanted:
            self.seen.forget_scratch()

    def shows_scratch(self, config: RunConfig) -> bool:
        """Whether that is asked for and short enough with the current set-up, which may have changed since."""
        try:
            limits.check_scratch(config)
        except ConfigError:
            return False
        return self.scratch

    # The looks

    def is_due(self, now: float, pace: Pace, *, playing: bool) -> bool:
        """Whether it is time for another look at a run that trains."""
        return self.pacing.is_due("fit", now, pace.frame_s, playing=playing)

    def pass_over(self) -> None:
        """The chunk that is computed next takes no look."""
        self._sent = Sent()

    def look(
        self, now: float, pace: Pace, config: RunConfig, *, playing: bool, watching: Sequence[Viewer] | None = None
    ) -> View:
        """What the chunk that is computed next looks at.

        Args:
            now: The clock.
            pace: Least times between two looks.
            config: The set-up that is asked for.
            playing: Whether the run trains.
            watching: Whose tasks are looked at; None for all viewers. Not those of viewers that look aside.
        """
        kinds = self.pacing.take(now, pace, playing=playing, urgent=self.waits, joint=config.joint_baseline)
        tasks: list[Demonstration] = []
        asked = []
        watching = [viewer for viewer in (self.viewers if watching is None else watching) if viewer.aside is None]
        for viewer in watching:
            place = _place(viewer.task, tasks)
            asked.append(_Asked(viewer, place, viewer.asked_id))
        self._sent = Sent(kinds, tuple(asked), self.waits)
        self.rest()
        charts = {viewer.weights_chart for viewer in watching}
        return self.seen.view(
            kinds,
            now,
            tasks=tuple(tasks),
            config=config,
            charts=charts,
            scratch=self.shows_scratch(config),
            task_losses=any(viewer.second is not None for viewer in self.viewers),
        )

    def hand_over(self) -> Sent:
        """The look of the last chunk, which somebody else takes."""
        sent, self._sent = self._sent, Sent()
        return sent

    def take(
        self, snapshot: Snapshot, now: float, *, config: RunConfig, computed: RunConfig, sent: Sent | None = None
    ) -> None:
        """Take in what the look has found.

        Args:
            snapshot: What it has found.
            now: The clock.
            config: The set-up that is asked for by now.
            computed: The set-up that it was computed with.
            sent: What `hand_over` gave; None for the look of the chunk in flight, which alone is of the run as it stands now.
        """
        self.num_taken += 1
        self.pacing.measured(snapshot.seconds)
        if sent is None:
            sent, self.unseen = self._sent, self.unseen - self._sent.kinds
            if "slow" in sent.kinds:
                self._slow_of = snapshot.step, computed
        for viewer, place, change_id in sent.asked:
            if viewer in self.viewers:  # or it has gone meanwhile
                viewer.take(snapshot.fits[place], change_id)
        self.seen.take(snapshot, now, config=config, computed=computed, scratch=self.shows_scratch(config))
        if "scratch" in snapshot.trajectories and not self.scratch:  # switched off meanwhile
            self.show_scratch(False, config)

    def lost(self) -> None:
        """The look was never taken: all of it is owed."""
        self.pacing.lost(self._sent.kinds)
        self._sent = Sent()
        self.hurry()

    def give_up(self) -> None:
        """The look cannot be taken, and nobody waits for another."""
        self.pacing.owed = frozenset()
        self._sent = Sent()
        self.rest()


def _place(task: Demonstration, tasks: list[Demonstration]) -> int:
    """Place of a task among those that are looked at, where one that several show stands once."""
    for place, known in enumerate(tasks):
        if is_same_task(known, task):
            return place
    tasks.append(task)
    return len(tasks) - 1
