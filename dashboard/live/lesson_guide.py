"""What leads one viewer through a lesson: what a step lets people do with its run, when what it asks for is done, and what is measured then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.charts.all import SHARING
from dashboard.live.closer import draw_for
from dashboard.live.lesson import Pupil
from dashboard.live.watched import Restartable, Watched, Watching
from maml_core.config import RunConfig, replace
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.measures import Observed, curves, measured, observed
from maml_core.lessons.reading import DIALS, look_of, restarted

SETTLED_S = 0.7
"""A dial that is dragged through a range is not meant to stop there: it counts once it has rested for so long."""

LOCKED = "Locked in this step."
LOOKS_BACK = "You look back at an earlier step: Next leads on."
ASKS_FIRST = "First your guess, then the result."
NOT_HERE = "Not in a lesson: its steps decide where the run begins. Live lets you."
DONE = "This step is done: Next leads on."
NOT_YET = "First what the last step asks for; then the run is yours to play on with."
NOTHING_TO_TRAIN = "This step needs no training."

_TRAINS = frozenset({"play", "outer_step", "run_until", "apart_do"})
_OTHER_RUNS = frozenset(
    {"reset", "reset_all", "compare", "keep_moment", "open_moment", "undo", "jump", "shared", "branch"}
)
_SHOWS = frozenset({"task", "own_task", "own_points", "example_task", "apart", "apart_by", "travel", "travel_by"})
"""What lets more be seen of the run."""


class Guide:
    """See the module. One follows one run, whatever takes its place.

    Args:
        lesson: Which.
        at: Place of the step at which it begins.
        seed: Added to the seeds of the weights and of the training tasks.
    """

    def __init__(self, lesson: Lesson, *, at: int = 0, seed: int = 0) -> None:
        self.pupil = Pupil(lesson, at)
        self._seed = seed
        self._there_since: float | None = None
        """When the dial that the step asks for came to lie in its range."""
        self._draws = self._walks = 0
        """Tasks that were drawn when the step began, and walks down the inner steps since."""
        self._was_stopped = False
        """The run had stopped by itself before the step, and has not gone on yet."""
        self._measures = False
        """What the step asks for is done, and is being measured."""
        self._is_free = False
        """Its run was wanted to be played on with, when all was done."""
        self._asked_of: tuple[str, int, RunConfig] | None = None
        """The run, its outer step and its set-up that all was asked to be looked at of."""

    def continues(self, other: Guide) -> bool:
        """Whether both are about the same run of the same lesson."""
        return (self.pupil.lesson.name, self._seed) == (other.pupil.lesson.name, other._seed)

    @property
    def config(self) -> RunConfig:
        """The run that the step begins with: that of the newest step that starts one, or the lesson's own."""
        lesson = self.pupil.lesson
        starts = (restarted(lesson, step) for step in reversed(lesson.steps[: self.pupil.at + 1]))
        return self._seeded(next((config for config in starts if config is not None), lesson.config))

    def _seeded(self, config: RunConfig) -> RunConfig:
        seeds = {name: getattr(config, name) + self._seed for name in ("weights_seed", "tasks_seed")}
        return replace(config, seeds) if self._seed else config

    # What people ask for

    def enter(self, run: Restartable, viewer: Watching) -> None:
        """A step is entered for the first time."""
        self._there_since, self._draws, self._walks = None, viewer.task_draw, 0
        self._asked_of, self._was_stopped = None, run.status.kind != "ok"
        run.pause()
        viewer.travel.go(None)
        config = restarted(self.pupil.lesson, self.pupil.step)
        if config is not None and self.pupil.at > 0:
            run.restart(self._seeded(config))
        if viewer.weights_chart != self._look:
            viewer.choose_weights_chart(self._look)

    def go(self, to: object, run: Restartable, viewer: Watching) -> None:
        """Show another step.

        Raises:
            ValueError: There is none, or it cannot be entered yet.
        """
        if self.pupil.go(to):
            self.enter(run, viewer)

    def answer(self, given: object) -> None:
        """Take a prediction.

        Raises:
            ValueError: It is none that can be given now.
        """
        self.pupil.answer(given)

    def act(self, run: Watched, viewer: Watching) -> None:
        """The step's button was pressed; of `inner`, whose walk is the page's own, that walk is through.

        Raises:
            ValueError: There is nothing to press now.
        """
        action = self.pupil.step.action
        if action is None or self.pupil.is_done:
            raise ValueError("there is nothing to do in this step")
        match action.kind:
            case "train" if run.step < action.until:
                run.play(until=action.until)
            case "task":
                viewer.draw_task()
            case "inner":
                self._walks += 1

    def set_free(self) -> None:
        """All is done, and whoever did it plays on with the run as they like.

        Raises:
            ValueError: Something is left to do.
        """
        if not (self.pupil.is_last and self.pupil.is_done):
            raise ValueError(NOT_YET)
        self._is_free = True

    @property
    def plays_freely(self) -> bool:
        """Whether no step decides any more what may be done with the run."""
        return self._is_free and not self.pupil.looks_back

    def allowed(self, message: Mapping[str, Any], run: Watched) -> str:
        """What a page asks for, as the step takes it: whoever presses Play does what the step's button does.

        Raises:
            ValueError: The step does not let people do that; says why.
        """
        kind, pupil = str(message.get("type")), self.pupil
        if kind in _OTHER_RUNS:
            raise ValueError(NOT_HERE)
        if pupil.asks and kind in _TRAINS | _SHOWS | {"set", "weights_chart", "lesson_act"}:
            raise ValueError(ASKS_FIRST)
        changes = dict(message["changes"]) if kind == "set" else {}
        reasons = (self.locked.get(name, "" if name in DIALS else LOCKED) for name in changes)
        if refused := next(filter(None, reasons), ""):
            raise ValueError(refused)
        if kind == "tasks_chart" and not self.plays_freely:
            raise ValueError(LOCKED)
        is_another = kind == "weights_chart" and message["chart"] != self._look
        if is_another and self._look != "path" and not self.plays_freely:
            raise ValueError(LOCKED)
        if kind in _TRAINS and (refusal := self._why_no_training()):
            raise ValueError(refusal)
        action = pupil.step.action
        is_its_own = action is not None and action.kind == "train" and run.step < action.until and not pupil.is_done
        return "lesson_act" if kind in ("play", "run_until") and is_its_own else kind

    def _why_no_training(self) -> str:
        step = self.pupil.step
        if self.plays_freely:
            return ""
        if self.pupil.looks_back:
            return LOOKS_BACK
        if "play" not in step.lit and (step.action is None or step.action.kind != "train"):
            return NOTHING_TO_TRAIN
        return DONE if self.pupil.is_done else ""

    @property
    def locked(self) -> dict[str, str]:
        """Dials that cannot be moved now, each with the reason."""
        pupil = self.pupil
        if self.plays_freely:
            return {}
        if pupil.looks_back or pupil.asks:
            return dict.fromkeys(DIALS, LOOKS_BACK if pupil.looks_back else ASKS_FIRST)
        return {dial: LOCKED for dial in DIALS if dial not in pupil.step.free or pupil.is_done}

    # What happens to the run

    @property
    def _look(self) -> str:
        """The chart in the place of the paths."""
        return look_of(self.pupil.lesson, self.pupil.reached)

    def follow(self, run: Watched, viewer: Watching, now: float) -> bool:
        """Look whether what the step asks for is done, and measure when it is; True when that has changed.

        Args:
            run: Its run.
            viewer: Whose lesson it is.
            now: The clock.
        """
        pupil = self.pupil
        self._was_stopped = self._was_stopped and run.status.kind != "ok"
        before, self._measures = (
            self._measures,
            not (pupil.is_done or pupil.asks) and self._is_reached(run, viewer, now),
        )
        if not self._measures:
            return before
        if run.playback.playing:
            run.pause()
        if not _stands(run):
            return not before
        if self._asked_of != (of := (run.name, run.step, run.config)):
            self._asked_of = of
            run.audience.measure()
        looked, look = viewer.closer.looked, SHARING[viewer.weights_chart].look
        at = (*of[1:], draw_for(look, viewer.task_draw))
        if look and (looked is None or (looked.step, looked.config, looked.draw) != at):
            return not before
        if run.audience.unseen:
            return not before
        shown = _observed(run, looked.found if looked is not None else None)
        pupil.finish(measured(shown), curves(shown))
        self._measures = False
        return True

    def _is_reached(self, run: Watched, viewer: Watching, now: float) -> bool:
        """Whether what the step asks for was done, by whatever."""
        action = self.pupil.step.action
        if action is None:
            return True
        match action.kind:
            case "train":
                return run.step >= action.until or (run.status.kind != "ok" and not self._was_stopped)
            case "set":
                return self._has_settled(action.low <= getattr(run.config, action.setting) <= action.high, now)
            case "task" | "inner":
                return self._count(viewer) >= action.times

    def _count(self, viewer: Watching) -> int:
        """How often was done what the step wants some times: tasks drawn, or walks down the inner steps."""
        action = self.pupil.step.action
        return viewer.task_draw - self._draws if action is not None and action.kind == "task" else self._walks

    def _has_settled(self, is_there: bool, now: float) -> bool:
        """Whether a dial has rested in its range for a while."""
        if not is_there:
            self._there_since = None
        elif self._there_since is None:
            self._there_since = now
        return self._there_since is not None and now - self._there_since >= SETTLED_S

    def told(self, run: Watched, viewer: Watching) -> dict[str, Any]:
        """What the page's strip says."""
        pupil, action = self.pupil, self.pupil.step.action
        trains = run.playback.trains and action is not None and action.kind == "train" and not pupil.is_done
        return {
            **pupil.told(),
            "seed": self._seed,
            "free": self.plays_freely,
            "busy": "training" if trains else "measuring" if self._measures else None,
            "until": action.until if action is not None and action.kind == "train" else None,
            "times": action.times if action is not None else 1,
            "count": self._count(viewer),
            "idle": ASKS_FIRST if pupil.asks else self._why_no_training(),
        }


def _stands(run: Watched) -> bool:
    """Whether nothing is on its way that would change what is measured."""
    waits = run.playback.playing or run.playback.has_single or run.is_stepping or run.changes.waits
    return run.state is not None and not waits and run.config == run.state_config and not run.failure


def _observed(run: Watched, found: object) -> Observed:
    """What was seen of a run that stands.

    Args:
        run: The run.
        found: What the closer look that is open has found.
    """
    records = run.recording.records()
    return observed(
        run.config,
        run.status,
        run.audience.seen,
        step=run.step,
        found=found,
        rollbacks=sum(entry.kind == "rollback" for entry in run.changes.done),
        losses=records.query_loss if records is not None else (),
        accuracies=records.accuracy if records is not None else (),
    )
