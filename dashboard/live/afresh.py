"""Everything as it was when the page opened, and back: the run, its ghosts, and what one viewer had chosen."""

from __future__ import annotations

from dashboard.live.run import LiveRun
from dashboard.live.viewer import Choices, Reset, Viewer
from dashboard.setups.choices import demo_of
from maml_core.config import PythonConfig
from maml_core.presets import DEFAULT_PRESET

DONE = "Everything is as on a new page. Undo brings the run, its ghosts and what you had chosen back."


def reset(run: LiveRun, viewer: Viewer) -> None:
    """The set-up that a page opens with, that of a problem of one's own if it shows one, takes the run's place, without ghosts, and the viewer looks at what a new one would."""
    choices, scratch, speed = viewer.choices, run.audience.scratch, run.playback.steps_per_s
    tasks = run.config.tasks
    run.give_way(demo_of(tasks) if isinstance(tasks, PythonConfig) else DEFAULT_PRESET.config)
    run.ghosts.forget()
    run.notice = DONE
    _choose(run, viewer, Choices(), scratch=False, speed=None)
    viewer.reset = Reset(run.num_starts, choices, scratch, speed)


def undo(run: LiveRun, viewer: Viewer) -> None:
    """Bring the run before the newest restart back; where everything was reset then, also what the viewer had chosen.

    Raises:
        ValueError: There is no such run.
    """
    before, start = viewer.reset, run.num_starts
    run.undo()
    viewer.reset = None
    if before is not None and before.start == start:
        _choose(run, viewer, before.choices, scratch=before.scratch, speed=before.steps_per_s)


def _choose(run: LiveRun, viewer: Viewer, choices: Choices, *, scratch: bool, speed: float | None) -> None:
    viewer.choose(choices)
    run.audience.scratch = scratch
    run.audience.hurry()
    run.playback.set_speed(speed)
