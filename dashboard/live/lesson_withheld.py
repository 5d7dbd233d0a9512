"""What the charts of a lesson do not show yet: what a prediction asks for that nobody has answered, from the step on in which it could first be read."""

from __future__ import annotations

from collections.abc import Collection

from dashboard.charts.all import CHARTS
from maml_core.lessons.expressions import names_filled
from maml_core.lessons.lesson import Lesson, Step
from maml_core.lessons.measures import CURVES, MEASURES
from maml_core.lessons.reading import asked_names

_WITHHOLDS = {chart.id: chart.withholds for chart in CHARTS}

_SHOWN_IN = {
    **dict.fromkeys(("loss_before", "loss_after", "accuracy_before", "accuracy_after"), ("loss", "adaptation")),
    **dict.fromkeys(("training_loss", "training_accuracy"), ("loss",)),
    **dict.fromkeys(("lambda_max", "limit", "alpha_lambda", "raised_share"), ("gauge", "rates")),
}
"""Charts of measures that some other one than that of held-out tasks shows, and that are none of a closer look."""

_OF_THE_SET_UP = frozenset({"step", "alpha", "beta", "num_inner_steps", "diverged", "rollbacks"})
"""Measures that no chart shows."""


def shown_in(name: str) -> tuple[str, ...]:
    """The charts from which a measure, or a curve, can be read.

    >>> shown_in("task_disk.r2"), shown_in("median_last"), shown_in("alpha")
    (('task_disk',), ('adaptation',), ())
    """
    if name in CURVES or name not in MEASURES:
        return ("adaptation",)
    if look := MEASURES[name].look:
        return (look,)
    return () if name in _OF_THE_SET_UP else _SHOWN_IN.get(name, ("adaptation",))


def moves_on(step: Step) -> bool:
    """Whether the run, or its set-up, is another one when what the step asks for is done."""
    return step.action is not None and step.action.kind in ("train", "set")


def withheld(lesson: Lesson, reached: int, *, asks: bool) -> frozenset[str]:
    """The measures and curves that must not be read yet.

    Args:
        lesson: The lesson.
        reached: Place of the last step that was entered.
        asks: Whether that one waits for an answer.
    """
    step = lesson.steps[reached]
    found: set[str] = set()
    if asks:
        found |= {name for name in asked_names(step) if not moves_on(step) or _is_looked_at(step, name)}
    told = _told_of(lesson, reached)
    for later in lesson.steps[reached + 1 :]:
        if later.restart or moves_on(later):
            break
        found |= asked_names(later) - told
        told |= _said(later)
    return frozenset(found)


def covered(lesson: Lesson, reached: int, *, asks: bool) -> tuple[str, ...]:
    """Ids of the charts that are covered: those that cannot leave out what is withheld, and what a step points at that asks without anything to do."""
    step, names = lesson.steps[reached], withheld(lesson, reached, asks=asks)
    pointed_at: Collection[str] = step.lit if asks and step.action is None else ()
    hidden = {chart for name in names for chart in shown_in(name) if name not in _WITHHOLDS[chart]}
    return tuple(chart for chart in _WITHHOLDS if chart in hidden or chart in pointed_at)


def _is_looked_at(step: Step, name: str) -> bool:
    """Whether a step that still trains asks for what a closer look shows, which it opens itself or does not speak of."""
    look = MEASURES[name].look if name in MEASURES else ""
    return bool(look) and (step.look == look or look not in step.lit)


def _told_of(lesson: Lesson, reached: int) -> set[str]:
    """What the verdicts of the steps at which the run is as it is now have said, up to this one."""
    found: set[str] = set()
    for step in reversed(lesson.steps[: reached + 1]):
        found |= _said(step)
        if step.restart or moves_on(step):
            break
    return found


def _said(step: Step) -> set[str]:
    """The measures of a step that its own verdict says."""
    names = (name.partition(".") for case in step.verdict for name in names_filled(case.says))
    return {measure for of, _, measure in names if of == step.name}
