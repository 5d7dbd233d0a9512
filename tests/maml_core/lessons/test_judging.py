"""Verdicts: the first case that holds, the one right answer, how far a guess is off."""

from __future__ import annotations

import math
from typing import Any

import pytest

from maml_core.lessons.judging import judge, place, right_options, verdict
from maml_core.lessons.lesson import Case, Option, Prediction, Step

CASES = (
    Case(when="a.x < 1", says="Low: {a.x:.1f}."),
    Case(when="a.x < 2", says="Middle: {a.x:.1f}.", taught=True),
    Case(when="", says="High or unknown."),
)
CHOICE = Prediction(
    kind="choice",
    question="?",
    options=(Option(text="low", right="a.x < 1"), Option(text="high", right="a.x >= 1")),
)


def number(**more: Any) -> Prediction:
    return Prediction(
        kind="number",
        question="?",
        truth="100 * a.x",
        **{"unit": "tasks", "low": 0.0, "high": 100.0, "tolerance": 0.1, **more},
    )


def step(prediction: Prediction | None = None) -> Step:
    return Step(name="a", text="", prediction=prediction, verdict=CASES)


@pytest.mark.parametrize(
    ("names", "says"),
    [({"a.x": 0.5}, 0), ({"a.x": 1.5}, 1), ({"a.x": 9.0}, 2), ({"a.x": math.nan}, 2), ({}, 2)],
)
def test_the_first_case_that_holds(names: dict[str, float], says: int) -> None:
    assert judge(step(), names) is CASES[says]


def test_without_a_prediction() -> None:
    assert verdict(step(), {"a.x": 0.5}, {}) == ("Low: 0.5.", None, None)


def test_a_choice() -> None:
    assert right_options(CHOICE, {"a.x": 0.5}) == (0,)
    assert verdict(step(CHOICE), {"a.x": 0.5}, {}, 0) == ("“low”: right. Low: 0.5.", True, 0)
    assert verdict(step(CHOICE), {"a.x": 0.5}, {}, 1) == ("You said “high”; it is “low”. Low: 0.5.", False, 0)
    assert verdict(step(CHOICE), {"a.x": 0.5}, {}) == ("Low: 0.5.", None, 0)
    assert verdict(step(CHOICE), {}, {}, 1) == ("High or unknown.", None, None)


def test_a_number() -> None:
    close = verdict(step(number()), {"a.x": 0.5}, {}, 58.0)
    assert close == ("You said 58 tasks, it is 50 tasks: close enough. Low: 0.5.", True, 50.0)
    assert verdict(step(number()), {"a.x": 0.5}, {}, 62.0).sentence.startswith(
        "You said 62 tasks, it is 50 tasks: too high."
    )
    assert verdict(step(number()), {"a.x": 0.5}, {}, 30.0)[:2] == (
        "You said 30 tasks, it is 50 tasks: too low. Low: 0.5.",
        False,
    )
    assert verdict(step(number()), {}, {}, 30.0) == ("High or unknown.", None, None)


def test_a_number_beyond_the_axis_is_at_its_end() -> None:
    found = verdict(step(number(unit="")), {"a.x": math.inf}, {}, 95.0)
    assert found.right
    assert found.sentence.startswith("You said 95, it is beyond any number: close enough.")
    assert verdict(step(number()), {"a.x": 12345.0}, {}, 0.0).sentence.startswith(
        "You said 0 tasks, it is 1 · 10^6 tasks: too low."
    )


def test_a_guess_can_be_spoken_of() -> None:
    says = Case(when="guess > 100 * a.x", says="{guess:.0f} is more."), Case(when="", says="Not more.", taught=True)
    one = Step(name="a", text="", prediction=number(), verdict=says)
    assert verdict(one, {"a.x": 0.1}, {}, 20.0).sentence.endswith("20 is more.")
    assert verdict(one, {"a.x": 0.3}, {}, 20.0).sentence.endswith("Not more.")


def test_a_curve() -> None:
    asked = Prediction(
        kind="curve", question="?", truth="adaptation", low=0.0, high=4.0, num_points=3, x_label="k", tolerance=0.1
    )
    curves = {"adaptation": (4.0, 2.0, 1.0, 0.5)}
    found = verdict(step(asked), {"a.x": 0.5}, curves, (4.0, 2.4, 1.0))
    assert found == (
        "Your curve lies 3% of the axis away, on average: close enough. Low: 0.5.",
        True,
        (4.0, 2.0, 1.0),
    )
    assert verdict(step(asked), {"a.x": 0.5}, curves, (0.0, 0.0, 0.0)).right is False
    assert verdict(step(asked), {}, {}, (0.0, 0.0, 0.0)) == ("High or unknown.", None, None)
    assert verdict(step(asked), {}, curves, (0.0, 0.0)).right is None


@pytest.mark.parametrize(
    ("value", "logarithmic", "at"),
    [(0.01, True, 0.0), (0.1, True, 0.5), (1.0, True, 1.0), (99.0, True, 1.0), (0.0, True, 0.0), (0.505, False, 0.5)],
)
def test_places_on_an_axis(value: float, logarithmic: bool, at: float) -> None:
    axis = Prediction(kind="number", question="?", low=0.01, high=1.0, logarithmic=logarithmic)
    assert place(axis, value) == pytest.approx(at)
