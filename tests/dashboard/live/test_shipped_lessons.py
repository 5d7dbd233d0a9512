"""Every lesson that comes with the page, walked on a live run with trainings of a few outer steps: all that its verdicts speak of is measured
there, and it comes to its end. That its claims are true is checked on the engine."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from dashboard.charts.all import CHARTS, charts_of
from dashboard.live.lesson_withheld import shown_in
from maml_core.lessons.expressions import names_filled
from maml_core.lessons.lesson import Lesson, Prediction
from maml_core.lessons.measures import MEASURES
from maml_core.lessons.reading import DIALS, shipped, used_names, with_settings
from maml_core.records import ImageFit
from tests.dashboard.live.test_lesson import Attended

OUTER_STEPS = 2
CHART_IDS = {chart.id for chart in CHARTS}


def shortened(lesson: Lesson) -> Lesson:
    """The lesson with few held-out tasks and short trainings."""
    steps, until = [], 0
    for step in lesson.steps:
        until = OUTER_STEPS if step.restart else until + OUTER_STEPS
        short = step.action is not None and step.action.kind == "train"
        action = dataclasses.replace(step.action, until=until) if short and step.action else step.action
        steps.append(dataclasses.replace(step, action=action))
    config = with_settings(lesson.config, {"evaluation_tasks": 4, "meta_batch_size": 2})
    return dataclasses.replace(lesson, config=config, steps=tuple(steps))


def answer_to(prediction: Prediction) -> Any:
    match prediction.kind:
        case "choice":
            return 0
        case "number":
            return prediction.low
        case "curve":
            return [prediction.low] * prediction.num_points


@pytest.mark.parametrize("name", shipped())
def test_all_that_a_lesson_speaks_of_is_measured_on_the_page(name: str):
    lesson = shortened(shipped()[name])
    page = Attended(lesson)
    for at, step in enumerate(lesson.steps):
        if at:
            page.say("lesson_go", to=at)
        assert page.told["step"] == at
        there = charts_of(page.run.config, page.viewer.weights_chart, page.viewer.tasks_chart)
        assert {place for place in step.lit if place in CHART_IDS} <= set(there), "what it points at is not on the page"
        if step.prediction is not None:
            page.say("lesson_answer", answer=answer_to(step.prediction))
        action = step.action
        if action is not None and action.kind == "set":
            assert action.setting in DIALS
            model = action.model if action.model is not None else (action.low + action.high) / 2
            whole = action.setting == "num_inner_steps"
            page.say("set", changes={action.setting: round(model) if whole else model})
        elif action is not None:
            for _ in range(action.times):
                page.say("lesson_act")
        page.rest()
        # The charts of the page show means: a verdict in medians says so, once.
        in_medians = {".median_" in case.says and "the median of" not in case.says for case in step.verdict} or {False}
        assert (page.told["note"] != "") in in_medians
        assert page.told["done"], step.name
        assert used_names(step) - {"guess"} <= page.guide.pupil.names.keys()
        assert "no number" not in page.told["verdict"]
        if step.prediction is not None:
            assert page.told["prediction"]["truth"], step.name


@pytest.mark.parametrize("name", shipped())
def test_what_a_lesson_points_at_is_on_its_page(name: str):
    lesson = shipped()[name]
    known = {chart.id for chart in CHARTS} | {*DIALS, "play", "task", "formulas"}
    assert {lit for step in lesson.steps for lit in step.lit} <= known


@pytest.mark.parametrize("name", shipped())
def test_a_step_points_at_the_closer_look_that_shows_what_its_verdict_says(name: str):
    lesson = shipped()[name]
    for step in lesson.steps:
        said = {measure for case in step.verdict for measure in names_filled(case.says)}
        own = {measure.partition(".")[2] for measure in said if measure.partition(".")[0] == step.name}
        looks = {
            chart for measure in own if measure in MEASURES and MEASURES[measure].look for chart in shown_in(measure)
        }
        assert looks <= set(step.lit), step.name


@pytest.mark.parametrize("name", ["peeking-at-the-queries", "labels-mean-nothing"])
def test_a_look_at_one_task_is_at_the_task_that_is_shown(name: str):
    page = Attended(shortened(shipped()[name]))
    page.viewer.choose_weights_chart("label_orders")
    page.rest()
    accuracies = []
    for draw in range(4):
        assert page.viewer.task_draw == draw
        fit, looked = page.viewer.fit, page.viewer.closer.looked
        assert isinstance(fit, ImageFit)
        assert looked is not None
        shown = (fit.query_probabilities[page.run.config.num_inner_steps].argmax(1) == fit.query_labels).mean()
        accuracies.append(float(looked.found.accuracy[-1, 0, 0]))
        assert accuracies[-1] == pytest.approx(shown)
        page.viewer.draw_task()
        page.rest()
    assert len(set(accuracies)) > 1
