"""What one page looks at of a run: the task, the metric, the chart of the weights. A run may have several viewers."""

from __future__ import annotations

from typing import NamedTuple, get_args
from weakref import WeakSet

from dashboard.charts.adaptation import ADAPTATION
from dashboard.charts.all import CLOSER, SHARING
from dashboard.charts.results import Metric
from dashboard.live.apart import Apart
from dashboard.live.aside import Aside
from dashboard.live.closer import Closer
from dashboard.live.drawings import Drawings
from dashboard.live.ghosts import Left
from dashboard.live.keeping import Keeping
from dashboard.live.lesson_guide import Guide
from dashboard.live.own_points import takes_points
from dashboard.live.second import Second
from dashboard.live.travel import Look, LookPart, Travel
from maml_core.config import RunConfig, RunTasks, SinusoidConfig, at_test
from maml_core.families.curves import CurveFamily
from maml_core.records import Demonstration, Fit, OwnPoints, OwnTask

SHAPE = ("amplitude", "phase_rad", "frequency")
"""What shapes a sinusoid on the page, in the order of a task's parameters; few have the last one."""


def shape_of(tasks: SinusoidConfig) -> tuple[str, ...]:
    """What shapes a task of this family.

    >>> shape_of(SinusoidConfig()), shape_of(SinusoidConfig(frequency=(0.5, 2.0)))
    (('amplitude', 'phase_rad'), ('amplitude', 'phase_rad', 'frequency'))
    """
    return SHAPE[: len(tasks.parameter_ranges)]


class Choices(NamedTuple):
    """What is chosen on a page besides the run; by default what a new one shows."""

    weights_chart: str = "path"
    metric: Metric = "accuracy"
    task_parameters: tuple[float, ...] | None = None
    task_draw: int = 0
    own_task: OwnTask | None = None
    points: OwnPoints | None = None
    beside: str = ""
    """What the run is compared with, as an address calls it; empty for nothing."""
    tasks_chart: str = ADAPTATION.id


class Reset(NamedTuple):
    """What resetting everything took away besides the run and its ghosts."""

    start: int
    """Which run then took the place (`LiveRun.num_starts`)."""
    choices: Choices
    scratch: bool
    steps_per_s: float | None


class Viewer:
    """See the module."""

    def __init__(self) -> None:
        self.weights_chart = "path"
        """Which of the charts that share one place is shown there: the inner paths, how far each layer moves, or a closer look."""
        self.closer = Closer()
        """What was found for the closer look that is open there."""
        self.tasks_chart = ADAPTATION.id
        """What stands in the place of the held-out tasks: these, or a second closer look."""
        self.second_closer = Closer()
        """What was found for that one."""
        self.task_parameters: tuple[float, ...] | None = None
        """What defines the task that somebody has chosen; None for one that was drawn."""
        self.task_draw = 0
        self.own = Drawings()
        self.points: OwnPoints | None = None
        """Points of its own that it shows in the demonstration task's place, if any."""
        self.fit: Fit | None = None
        """The newest look at the task; None before there is one, and of tasks that cannot be drawn."""
        self._is_seen = False
        self.waits = False
        """Its page waits for a look."""
        self.change_id: int | None = None
        """The newest change that the page asked for and that a look has seen."""
        self.asked_id: int | None = None
        """The newest one that it asked for."""
        self._metric: Metric = "accuracy"
        self.hidden: WeakSet[Left] = WeakSet()
        """The ghosts that it does not want to see, as long as they are there."""
        self.travel = Travel()
        """The outer step that its charts show."""
        self.apart = Apart()
        """Where it stands in the next outer step, if it goes through one."""
        self.guide: Guide | None = None
        """What leads it through a lesson, if it is in one."""
        self.reset: Reset | None = None
        """What to choose again where that is undone."""
        self.second: Second | None = None
        """A run that is compared with the one that is watched."""
        self.aside: Aside | None = None
        """Looks of its own at a run that is another's; None where the run's own chunks look for it."""

    def beside(self) -> Viewer:
        """One that looks at the same, and goes on to look at the run for itself."""
        found = Viewer()
        found.choose(self.choices._replace(beside=""))  # it would cost as much again
        found.hidden |= self.hidden
        found.travel.go(self.travel.target)
        if self._is_seen:
            found.take(self.fit, None)
        found.aside = Aside()
        return found

    @property
    def choices(self) -> Choices:
        """What is chosen."""
        chosen = self.weights_chart, self._metric, self.task_parameters, self.task_draw, self.own.task, self.points
        return Choices(*chosen, self.second.key if self.second is not None else "", self.tasks_chart)

    # What its page asks for

    def choose(self, choices: Choices) -> None:
        """Choose all of it, as it was chosen before."""
        self.choose_metric(choices.metric)
        self.choose_weights_chart(choices.weights_chart)
        self.choose_tasks_chart(choices.tasks_chart)
        self.task_parameters, self.task_draw = choices.task_parameters, choices.task_draw
        self.points = choices.points
        self.choose_own_task(choices.own_task)
        self.compare(choices.beside)

    def choose_metric(self, metric: Metric) -> None:
        """What the curves show; a run that does not classify has a loss only.

        Raises:
            ValueError: No such metric.
        """
        if metric not in get_args(Metric):
            raise ValueError(f"metric {str(metric)[:20]!r}: choose one of {', '.join(get_args(Metric))}")
        self._metric = metric

    def choose_weights_chart(self, chart: str) -> None:
        """Show the inner paths, how far each layer moves, or a closer look.

        Raises:
            ValueError: No such chart.
        """
        if not isinstance(chart, str) or chart not in SHARING:
            raise ValueError(f"chart {str(chart)[:20]!r}: choose one of {', '.join(SHARING)}")
        self.weights_chart = chart
        self.waits = self.waits or not SHARING[chart].look
        self.closer.forget()
        if chart == self.tasks_chart:
            self.choose_tasks_chart(ADAPTATION.id)
        self.share_look(self.second_closer)

    def choose_tasks_chart(self, chart: str) -> None:
        """Show the held-out tasks, or a closer look in their place; the one in the place of the paths changes places.

        Raises:
            ValueError: No such chart.
        """
        accepted = (ADAPTATION.id, *(closer.id for closer in CLOSER))
        if chart not in accepted:
            raise ValueError(f"chart {str(chart)[:20]!r}: choose one of {', '.join(accepted)}")
        self.tasks_chart = chart
        self.second_closer.forget()
        if chart == self.weights_chart:
            self.choose_weights_chart("path")
        self.share_look(self.closer)

    def share_look(self, found: Closer) -> None:
        """Where both closer looks that are open draw what one and the same measurement finds, give the other what this one has found."""
        (chart, first), *second = self.open_closers
        for name, other in second:
            if SHARING[chart].look and SHARING[chart].look == SHARING[name].look and found.looked is not None:
                (first if found is other else other).adopt(found)

    @property
    def open_closers(self) -> tuple[tuple[str, Closer], ...]:
        """The charts that may be closer looks, each with what was found for it."""
        second = ((self.tasks_chart, self.second_closer),) if self.tasks_chart in SHARING else ()
        return ((self.weights_chart, self.closer), *second)

    def compare(self, key: str) -> None:
        """Train a second run beside the one that is watched, with one thing changed (`setups.others`); empty for none."""
        self.second = Second(key) if key else None

    def show_ghost(self, ghost: Left, shown: bool) -> None:
        """Show one of the run's ghosts, or hide it."""
        if shown:
            self.hidden.discard(ghost)
        else:
            self.hidden.add(ghost)

    def draw_task(self) -> None:
        """Show a new task with new points."""
        self.task_draw += 1
        self.own.task = self.points = self.task_parameters = None
        self.waits = True

    def choose_task(self, parameters: tuple[float, ...], tasks: RunTasks) -> None:
        """Show the task with these parameters (of `SHAPE`, those that it has).

        Args:
            parameters: What defines the task.
            tasks: The family that the run draws from.

        Raises:
            ValueError: Not as many numbers as a task of this family has, or outside the family's ranges.
        """
        ranges = at_test(tasks).parameter_ranges if isinstance(tasks, CurveFamily) else ()
        if not ranges:
            raise ValueError("a task of this family is not defined by numbers; draw a new one")
        fits = len(parameters) == len(ranges) and all(
            low <= value <= high for value, (low, high) in zip(parameters, ranges, strict=True)
        )
        if not fits:
            raise ValueError(f"a task of this family needs numbers within {ranges}, not {str(parameters)[:60]}")
        self.task_parameters, self.waits = parameters, True

    def choose_own_task(self, task: OwnTask | None) -> None:
        """Show a task that somebody drew (`drawings.own_task`); None goes back to the generated one."""
        self.own.task, self.waits = task, True

    def choose_points(self, points: OwnPoints | None) -> None:
        """Show points of one's own (`own_points.own_points`); None goes back to the generated task."""
        self.points, self.waits = points, True

    def expect(self, change_id: int | None) -> None:
        """The page wants to know which look has seen what it has just asked for, by its number for it."""
        if change_id is not None:
            self.asked_id = change_id

    # What it shows

    def look_back(self, config: RunConfig, kept: Keeping, *, is_parted: bool = False) -> LookPart | None:
        """What it waits to see of an earlier outer step, and nobody looks at yet; None where there is nothing.

        Args:
            config: The set-up of now.
            kept: What is known of earlier outer steps.
            is_parted: See `Look`.
        """
        moment = self.travel.target
        if moment is None:
            return None
        look = Look(moment, self.task, self.weights_chart, config.evaluation_steps, kept.measured(moment), is_parted)
        return self.travel.due(look)

    @property
    def looks_elsewhere(self) -> bool:
        """Whether it looks at an earlier outer step, or waits for a closer look that it has opened: what is drawn of now would delay that."""
        awaits = any(closer.is_measuring and closer.looked is None for _, closer in self.open_closers)
        return self.travel.target is not None or awaits

    def awaits_look_s(self, now: float) -> float:
        """How long its run may stand still for a closer look that was just opened, in seconds: the processors are the look's until then."""
        return max((closer.awaited_s(now) for _, closer in self.open_closers), default=0.0)

    @property
    def task(self) -> Demonstration:
        """The task that is shown."""
        return Demonstration(self.task_parameters, self.task_draw, self.own.task or self.points)

    @property
    def is_seen(self) -> bool:
        """Whether the task was looked at yet: until then the page has nothing of this run to show."""
        return self._is_seen

    @property
    def look(self) -> str:
        """The chart in the place of the paths as an address names it, and the one in the place of the held-out tasks behind a comma; empty for
        these.
        """
        if self.tasks_chart != ADAPTATION.id:
            return f"{self.weights_chart},{self.tasks_chart}"
        return "" if self.weights_chart == "path" else self.weights_chart

    def metric(self, config: RunConfig) -> Metric:
        """What the curves of such a run show."""
        return self._metric if config.classifies else "loss"

    def take(self, fit: Fit | None, change_id: int | None) -> None:
        """Take in a look at the task, which has seen the changes up to this one."""
        self.fit, self.change_id, self._is_seen = fit, change_id, True
        self.own.look(fit)

    # What happens to the run

    def leave(self, old: RunConfig, new: RunConfig) -> None:
        """Forget what cannot be shown of a run with another set-up."""
        if old.tasks != new.tasks:
            self.task_parameters = None
        self.own.leave(old, new)
        if not takes_points(new):
            self.points = None

    def start_over(self) -> None:
        """Another run has taken the place of the one that was looked at."""
        self.fit = self.change_id = self.asked_id = None
        self._is_seen = False
        self.travel.go(None)
        self.closer.forget()
        self.second_closer.forget()
        self.apart.close()
        if self.aside is not None:
            self.aside.start_over()
