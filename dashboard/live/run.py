"""One live run as the page's server holds it, and those that take its place: started again, opened, brought back, or shared by an address."""

from __future__ import annotations

import secrets
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from dashboard.live.changes import Changes, split_timeline
from dashboard.live.ghosts import Ghosts, Left
from dashboard.live.history import History
from dashboard.live.origin import Origin
from dashboard.live.training import Training
from dashboard.live.travel import cut
from dashboard.live.visit import NO_VISIT, Visit
from dashboard.setups import limits
from dashboard.setups.address import Address
from dashboard.setups.settings import Shown
from maml_core.config import (
    CHANGEABLE,
    FolderConfig,
    GlyphsConfig,
    RunConfig,
    RunTasks,
    changed,
    learns_rates,
    replace,
)
from maml_core.datasets.again import FileConfig
from maml_core.moments import Moment
from maml_core.presets import PRESETS
from maml_core.records import Entry
from maml_core.store import SavedRun

ASKS_WHERE = "The sidebar asks where the images lie now; or choose other tasks there."
"""What to do about images that are no longer there."""

BRANCHED = "From outer step {at:,} on this is another run: the one that had come to {end:,} stays as a pale ghost, and Undo brings it back."
"""What is said where a run goes on from an earlier outer step."""

LEAST_KEPT = 20
"""Outer steps from which on a run is worth bringing back when another took its place."""


class _Before(NamedTuple):
    """The run before a restart, as it can be taken up again."""

    saved: SavedRun
    history: History
    ghosts: tuple[Left, ...]
    called: str


class LiveRun(Training):
    """See the module.

    Args:
        config: The set-up at outer step 0.
        timeline: Changes to make when their step is reached (a shared run is replayed this way).
        at: The outer step that the run had taken where it was shared.
        stands_in_for: See `Origin`.
    """

    def __init__(
        self,
        config: RunConfig,
        timeline: Sequence[Entry] = (),
        *,
        at: int = 0,
        stands_in_for: FileConfig | None = None,
    ) -> None:
        self.key = secrets.token_urlsafe(16)
        """Whoever knows it may take the run over after a reload."""
        self._spoken_of = secrets.token_urlsafe(8)  # part of its name, which all who watch it are told
        self.turn = 0.0
        """Processor seconds of training that count when it is decided who is next."""
        self.ghosts = Ghosts()
        self.origin = Origin(config, timeline, at, stands_in_for)
        self.notice = ""  # a sentence to show once
        self._before: _Before | None = None
        self._came_from: RunConfig | None = None  # what a restart left, until the new set-up was computed once
        self.num_left = 0
        """Runs that another one took the place of, and that could be brought back."""
        self.num_starts = 0
        """Grows whenever another run takes this one's place, so that nothing seen of the old one passes for the new one's."""
        self.called = ""
        """Name among the presets of the run that was opened; empty where it was none of them."""
        self._opened: RunConfig | None = None  # its set-up
        self._lost_images = False  # the last chunk failed for want of its images, or because they are others now
        self._visit = NO_VISIT
        super().__init__(Changes(config, timeline))

    def _start(self, changes: Changes) -> None:
        self.num_starts += 1
        self.called, self._opened, self._lost_images, self._visit = "", None, False, NO_VISIT
        super()._start(changes)

    # What people ask for

    def change(self, changes: Mapping[str, Any], *, now: float, drag: Hashable = None) -> None:
        """Change settings while training: from the next chunk on, marked on the curve and noted on the timeline.
        What belongs to one `drag` is one mark.

        Raises:
            ConfigError: A value is not accepted; nothing changed.
        """
        new = limits.check(replace(self.config, changes))
        found = {name: getattr(new, name) for name in changes if getattr(new, name) != getattr(self.config, name)}
        if not found.keys() <= CHANGEABLE:
            self.restart(new)
            return
        if self.has_begun:
            changed(self.config, found)  # what the chunk would refuse is refused here
        self.audience.hurry()
        if not found:
            return
        self.failure = ""
        self._leave_shared()
        if not self.has_begun:
            self._begin_with(new)  # nothing has happened yet: this is where the run starts
            return
        self.changes.ask(found, now, drag)
        self.config = new
        if self.status.kind != "ok":  # what it stopped for, and says, holds no longer
            self._resume()
            self.playback.go_on()

    def restart(self, config: RunConfig | None = None) -> None:
        """Back to outer step 0, by default with the current settings; the curves so far stay as a ghost. A shared run that is being
        replayed keeps the changes that lie ahead of it, and those behind it.

        Raises:
            ConfigError: The set-up is too large for a live page; nothing changed.
        """
        if config is None and self.changes.scheduled and self.origin.replays(self.changes, self.step):
            self.open_shared()
            return
        if config is not None:
            limits.check(config)
        self._leave_shared()
        self._leave(config or self.config)
        self._start(Changes(config or self.config, ()))
        if not isinstance(self.config.tasks, GlyphsConfig):
            self.origin.stands_in_for = None

    def _leave_shared(self) -> None:
        self.notice = self.origin.leave_shared(self.changes, self.step) or self.notice

    def open_shared(self) -> None:
        """Back to the run that the page's address held, at outer step 0.

        Raises:
            ValueError: It held none.
        """
        shared = self.origin.shared
        if shared is None:
            raise ValueError("the address of this page held no run with changes to go back to")
        self._leave(shared.start)
        self._start(Changes(shared.start, shared.timeline))
        self.origin.has_left_shared = False

    def open(self, saved: SavedRun, history: History, *, called: str = "") -> None:
        """Go on with a saved run, paused at its step; the curves so far stay as a ghost.

        Args:
            saved: Its state must be one that a worker accepts.
            history: Made by `History.from_records` of its records, which takes a while where they are many.
            called: What it is called among the presets, if it stands there.

        Raises:
            ConfigError: The set-up is too large for a live page; nothing changed.
        """
        limits.check(saved.start)
        limits.check(saved.config)
        self._leave(saved.config)
        self.origin.shared = self.origin.stands_in_for = None
        past, coming = split_timeline(saved)
        coming = limits.checked(Address(saved.config, coming, ()), saved.config).timeline
        self._start(Changes(saved.start, coming, past=past, step=saved.step))
        self._go_on_from(saved, history)
        self.called, self._opened = called, saved.config

    def give_way(self, config: RunConfig, timeline: Sequence[Entry] = (), *, at: int = 0, visits: bool = False) -> None:
        """A run of another start takes this one's place, as if the page's address had named it; this one can be brought back however short it is.
        Who visits a moment leaves no ghost, and Undo leads back to where the first visit began.

        Raises:
            ConfigError: The set-up is too large for a live page; nothing changed.
        """
        limits.check(config)
        self._leave(config, least=0, visits=visits)
        self._start(Changes(config, timeline))
        self.origin = Origin(config, timeline, at, None)
        self._visit = Visit(at, tuple(timeline)) if visits else NO_VISIT

    def _leave(self, config: RunConfig, *, least: int = LEAST_KEPT, visits: bool = False) -> None:
        """Keep what stays of this run when one with another set-up takes its place; itself from so many outer steps on."""
        passes = self._visit.is_all(self.changes, self.step)
        saved = self.saved("before the restart") if self.step >= least and not passes else None
        if saved is not None:
            self._before = _Before(saved, self.history, self.ghosts.all, self.called)
        self.num_left += saved is not None or (passes and self._before is not None)  # which can still be brought back
        if self.step > 0 and not (visits or passes):
            self.ghosts.add(self)
        if config.tasks != self.config.tasks:
            self.ghosts.forget()
            self.levels = None
        self.audience.leave_run(self.config, config)
        self._came_from = self.state_config if self.state is not None else None
        self.generation += 1

    def branch(self, moment: Moment) -> None:
        """Go on from one of the kept moments, paused: the timeline is cut there, and the run so far stays as a ghost."""
        whole = self.saved("the run so far")
        assert whole is not None  # it has kept a moment
        self._visit = NO_VISIT
        self.open(cut(whole, moment), History.from_records(whole.records.until(moment.step)), called=self.called)
        self.ghosts.branched(moment.step)
        self.notice = BRANCHED.format(at=moment.step, end=whole.step)

    @property
    def before(self) -> SavedRun | None:
        """The run before the last restart, at its newest finished step; None where it had taken a few steps only."""
        return self._before.saved if self._before is not None else None

    def undo(self) -> None:
        """Bring the run before the last restart back, paused; the one that is there now can then be brought back in its turn.

        Raises:
            ValueError: There is none.
        """
        before, leaves_ghost = self._before, self.step > 0 and not self._visit.is_all(self.changes, self.step)
        if before is None:
            raise ValueError("there is no run before a restart to bring back")
        self._before = None
        self.open(before.saved, before.history, called=before.called)
        self.ghosts.go_back(before.ghosts, with_newest=leaves_ghost)  # or the run's own curves would be its ghost

    def jump(self) -> None:
        """Replay the shared run at full speed to the outer step where it was, without a look on the way, then pause.

        Raises:
            ValueError: There is no such step ahead.
        """
        self.play(until=self.origin.step_ahead(self.changes, self.step), jumps=True)

    # What is computed

    def failed(self, why: str, *, lost_images: bool = False) -> bool:
        """The chunk in flight cannot be computed: keep the last state and its settings. A run that trains goes on with them where the
        chunk brought a change, which is then what could not be computed; any other stands still and says why. A set-up that was never
        computed gives its place back to the run, or to the set-up, that it took it from. Gives whether it goes on.

        Args:
            why: In a sentence.
            lost_images: The images are not there, or others than the run's.
        """
        tasks = self.config.tasks
        if self.state is None and self._came_from is not None:
            self._give_back(self._came_from)
            self._lost_images = lost_images and _folder_of(tasks) == _folder_of(self.config.tasks) is not None
            asks = f" {ASKS_WHERE}" if self._lost_images else ""
            self.failure = f"{why} The settings from before are back.{asks}"
            return False
        self._lost_images = lost_images and _folder_of(tasks) is not None
        way_on = f". {ASKS_WHERE}" if self._lost_images else ": choose other settings, or reset."
        return self._fall_back(f"{why} The run stands at its last good step{way_on}")

    def _give_back(self, config: RunConfig) -> None:
        """The run before the restart, where it was kept; or its set-up at outer step 0."""
        if self._before is not None and self._before.saved.config == config:
            self.undo()
        else:
            self.restart(config)
        self._came_from = None

    # What is shown

    @property
    def name(self) -> str:
        """What tells this run from the one before it in the same place, and from every other page's."""
        return f"{self._spoken_of}.{self.num_starts}"

    @property
    def locked(self) -> dict[str, str]:
        """Live settings that cannot change now, each with the reason."""
        if not (self.has_begun and learns_rates(self.config)):
            return {}
        return {"alpha": "The inner step sizes are learned; α is only where they started. Reset to start elsewhere."}

    @property
    def shown(self) -> Shown:
        """What the sidebar shows of the run."""
        opened = self.called if self._opened == self.config else ""
        preset = opened or next((preset.name for preset in PRESETS if preset.config == self.config), None)
        return Shown(self.config, preset, self.audience.scratch, self.lost_images)

    @property
    def lost_images(self) -> bool:
        """Whether it stands still for want of its folder of images."""
        return self._lost_images and bool(self.failure)


def _folder_of(tasks: RunTasks) -> str | None:
    """The folder of images that tasks are drawn from; None for other tasks."""
    return tasks.folder if isinstance(tasks, FolderConfig) else None
