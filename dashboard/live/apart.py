"""One outer step, slowly: where one viewer stands in the next step of the run, which the engine takes apart for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.charts.results import TakenApart
from dashboard.live.stages import Stage, places, stages
from dashboard.live.watched import Watched
from maml_core.analysis_records import NOT_TAKEN_APART, OneStep
from maml_core.chunks import ChunkRequest, ChunkResult
from maml_core.config import PythonConfig, RunConfig
from maml_core.records import Demonstration, Fit, View
from maml_core.traits import TRAITS

_OTHER_STEPS = (
    "play",
    "outer_step",
    "reset",
    "reset_all",
    "undo",
    "jump",
    "shared",
    "run_until",
    "travel",
    "travel_by",
    "open_moment",
    "branch",
)
LEAVING = frozenset((*_OTHER_STEPS, "task", "own_task", "own_points"))
"""What else a page may ask for that ends it: other steps, other times and other tasks than those that it is about."""

OWN_NOT_TAKEN_APART = "an outer step with an inner optimizer of your own is not taken apart: what that remembers of one inner step goes into the next"


class Apart:
    """See the module. It is about one outer step: once the run has taken it, or is another one, it is over."""

    def __init__(self) -> None:
        self.fit: Fit | None = None
        """The first task, at theta_0..theta_K."""
        self.cpu_s = 0.0
        """What all its looks took: who had least is next."""
        self._about: tuple[str, int] | None = None
        """Run and outer step; None while it is closed."""
        self._at = 0
        self._stages: tuple[Stage, ...] = ()
        self._found: OneStep | None = None
        self._of: tuple[bytes, RunConfig] | None = None
        """What the newest look was sent with: another set-up needs another one."""

    @property
    def is_open(self) -> bool:
        """Whether its viewer goes through an outer step."""
        return self._about is not None

    def open(self, run: Watched) -> None:
        """Begin with the next outer step of a run, which then stands still.

        Raises:
            ValueError: The outer step of its algorithm is not taken apart, or not with an inner optimizer of one's own.
        """
        tasks = run.config.tasks
        if isinstance(tasks, PythonConfig) and tasks.inner_optimizer:
            raise ValueError(OWN_NOT_TAKEN_APART)
        if TRAITS[run.config.algorithm].is_proximal:
            raise ValueError(NOT_TAKEN_APART)
        run.pause()
        self.close()
        self._about = run.name, run.step

    def close(self) -> bool:
        """Show the run as it is again; False where that is so."""
        was_open = self.is_open
        self._about = self._found = self._of = self.fit = None
        self._at, self._stages = 0, ()
        return was_open

    def by(self, by: int) -> None:
        """To the next place, or to the one before.

        Raises:
            ValueError: It is neither.
        """
        if by not in (1, -1):
            raise ValueError(f"go by {str(by)[:20]}: give 1 or -1")
        self._at = min(max(self._at + by, 0), max(len(self._stages) - 1, 0))

    def follow(self, run: Watched) -> None:
        """Close where the run has gone on, by whomever, or is another one. The chunk that was in flight when it was paused is none of that."""
        if self._about is None or self._about == (run.name, run.step):
            return
        if self._about[0] == run.name and self._of is None and not run.playback.playing:
            self._about = run.name, run.step
        else:
            self.close()

    # The look

    def is_due(self, run: Watched) -> bool:
        """Whether it is to be looked at, as the run is set up now."""
        self.follow(run)
        if not self.is_open or run.state is None or run.is_stepping:
            return False
        return self._of is None or self._of[0] is not run.state or self._of[1] != run.state_config

    def request(self, run: Watched) -> ChunkRequest:
        """The look at the step: all of it, and its first task."""
        assert run.state is not None  # it is due
        self._of = run.state, run.state_config
        view = View(
            tasks=(Demonstration(of_step=run.step),),
            trajectories=False,
            curvature=False,
            rates=False,
            paths=False,
            previous_plane=run.audience.seen.plane,  # one of its own: that of the held-out tasks may hold little of these
        )
        return ChunkRequest(
            config=run.state_config, state=run.state, view=view, images=run.images, code=run.code, apart=True
        )

    def take(self, result: ChunkResult, run: Watched) -> bool:
        """Take in what the look has found; False where it is about something else by now."""
        self.follow(run)
        if not self.is_open or self._of is None or result.apart is None or result.snapshot is None:
            return False
        if (result.apart.step, result.config) != (run.step, self._of[1]):
            return False
        self._found, self.fit = result.apart, result.snapshot.fit
        self._stages = stages(result.apart, result.config)
        self._at = min(self._at, len(self._stages) - 1)
        return True

    # What is shown

    @property
    def is_last(self) -> bool:
        """Whether nothing is left but to take the step."""
        return self._found is not None and self._at == len(self._stages) - 1

    @property
    def shown(self) -> TakenApart | None:
        """What the charts show; None for the run as it is."""
        if self._found is None:
            return None
        stage = self._stages[self._at]
        return TakenApart(self._found, stage.kind, stage.k)

    @property
    def told(self) -> Mapping[str, Any] | None:
        """What the page's strip says; None while it is closed."""
        if not self.is_open:
            return None
        if not self._stages:
            return {"kind": None, "k": None, "title": "One outer step", "words": "It is being taken apart …"} | {
                "stage": 0,
                "stages": 0,
                "within": "",
                "is_first": True,
                "is_last": False,
            }
        stage, (place, count, within) = self._stages[self._at], places(self._stages, self._at)
        return {
            **stage._asdict(),
            "stage": place,
            "stages": count,
            "within": within,
            "is_first": self._at == 0,
            "is_last": self.is_last,
        }
