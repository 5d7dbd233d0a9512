"""In no lesson the answer to a prediction can be read before it is asked for and given."""

from __future__ import annotations

import pytest

from dashboard.charts.all import CHARTS, infos
from dashboard.live.chart_data import results
from dashboard.live.lesson_withheld import covered, moves_on, shown_in, withheld
from maml_core.lessons.expressions import names_filled
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.measures import CURVES, MEASURES
from maml_core.lessons.reading import asked_names, shipped
from tests.dashboard.live.lessons import AFRESH, DRAWN, SEEN, TRAINED, WALKED, lesson
from tests.dashboard.live.test_lesson import Attended
from tests.dashboard.live.test_shipped_lessons import answer_to, shortened

BY_ID = {chart.id: chart for chart in CHARTS}


def states_of(of: Lesson) -> list[tuple[int, int]]:
    """Number of the run's state in which each step begins, and of that in which it ends."""
    found, state = [], 0
    for step in of.steps:
        state += bool(step.restart)
        begins, state = state, state + moves_on(step)
        found.append((begins, state))
    return found


@pytest.mark.parametrize("name", shipped())
def test_what_is_asked_for_is_nowhere_to_be_read_before(name: str) -> None:
    of = shipped()[name]
    states = states_of(of)
    for at in range(len(of.steps)):
        for later in range(at, len(of.steps)):
            # It can be read in every state that is the one asked for, in its own step before the answer.
            if of.steps[later].prediction is None or states[later][1] not in (
                states[at] if later > at else states[at][:1]
            ):
                continue
            before = [
                step for step, (_, state) in zip(of.steps[:later], states, strict=False) if state == states[later][1]
            ]
            said = {one for step in before for case in step.verdict for one in names_filled(case.says)}
            asked = asked_names(of.steps[later]) - {one.partition(".")[2] for one in said}
            hidden, left_out = covered(of, at, asks=later == at), withheld(of, at, asks=later == at)
            for measure in asked:
                for chart in shown_in(measure):
                    leaves_out = measure in left_out and measure in BY_ID[chart].withholds
                    assert chart in hidden or leaves_out, (of.steps[at].name, of.steps[later].name, measure, chart)


def words_of(page: Attended, chart: str) -> str:
    """What a chart says on the page, for the eye and for a screen reader."""
    (found,) = [(one, info) for one, info in infos(results(page.run, page.viewer)) if one.id == chart]
    return f"{found[0].subtitle(found[1])} {found[0].summary(found[1])}"


def done(page: Attended) -> Attended:
    """Do all that the step that is shown asks for."""
    step = page.guide.pupil.step
    if page.told["asks"]:
        page.say("lesson_answer", answer=answer_to(step.prediction))
    for _ in range(step.action.times if step.action is not None and not page.told["done"] else 0):
        page.say("lesson_act").rest()
    return page.rest()


@pytest.mark.parametrize(
    ("name", "chart", "answer", "first", "asked"),
    [
        ("the-clock-in-the-weights", "task_disk", "%", 1, 3),
        ("outside-the-range", "shifts", "phase", 0, 1),
        ("outside-the-range", "shifts", "amplitude", 0, 2),
        ("peeking-at-the-queries", "label_orders", "asked one by one", 0, 1),
    ],
)
def test_a_chart_leaves_out_what_is_asked_for_later(name: str, chart: str, answer: str, first: int, asked: int) -> None:
    page = Attended(shortened(shipped()[name]))
    for at in range(asked):
        if at >= first:
            assert chart in page.told["covered"] or answer not in words_of(page, chart), at
        done(page)
        if at >= first:
            assert chart in page.told["covered"] or answer not in words_of(page, chart), at
        page.say("lesson_go", to=at + 1).rest()
    assert chart in page.told["covered"]
    done(page)
    assert chart not in page.told["covered"]
    assert answer in words_of(page, chart)


def test_who_looks_back_sees_no_more() -> None:
    page = Attended(lesson(TRAINED, SEEN)).say("lesson_answer", answer=1).say("lesson_act").rest()
    assert page.told["covered"] == ["adaptation"]
    page.say("lesson_go", to=1).rest()
    asked = page.told["covered"]
    assert "adaptation" in asked
    page.say("lesson_go", to=0)
    assert page.told["covered"] == asked
    page.say("lesson_go", to=1).say("lesson_answer", answer=[4.0, 3.0, 2.0]).rest()
    assert page.told["covered"] == []


def test_nothing_is_withheld_of_a_run_that_is_not_yet_what_is_asked_of() -> None:
    for steps in ((DRAWN, TRAINED), (WALKED, AFRESH, SEEN)):
        assert withheld(lesson(*steps), 0, asks=False) == frozenset()
    assert covered(lesson(TRAINED, DRAWN, SEEN), 0, asks=False) == ("adaptation",)


def test_every_measure_has_its_charts() -> None:
    charts = {name: shown_in(name) for name in (*MEASURES, *CURVES)}
    assert {chart for of in charts.values() for chart in of} <= set(BY_ID)
    assert {name for name, of in charts.items() if not of} == {
        "step",
        "alpha",
        "beta",
        "num_inner_steps",
        "diverged",
        "rollbacks",
    }
    for chart in CHARTS:
        assert all(chart.id in charts[name] for name in chart.withholds)
