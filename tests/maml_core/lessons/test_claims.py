"""What every lesson teaches comes out on the engine at three seeds, wherever in its range a person leaves a dial."""

from __future__ import annotations

import pytest

from maml_core.lessons.checking import check
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.reading import Dial, shipped

pytestmark = pytest.mark.slow


LONG = {
    "the-memory-trap",
    "peeking-at-the-queries",
    "what-first-order-leaves-out",
    "reptile-with-one-step",
    "labels-mean-nothing",
    "how-many-tasks-are-enough",
}
"""Lessons whose runs take more than ten seconds; those of one algorithm or of images that are left show in each run of the tests."""


@pytest.mark.parametrize(
    "lesson",
    [
        pytest.param(each, id=name, marks=pytest.mark.thorough if name in LONG else ())
        for name, each in shipped().items()
    ],
)
def test_what_it_teaches_shows(lesson: Lesson) -> None:
    assert check(lesson).problems == ()


TURNING = [
    lesson
    for lesson in shipped().values()
    if any(step.action is not None and step.action.low < step.action.high for step in lesson.steps)
]


@pytest.mark.thorough
@pytest.mark.parametrize("dial", ["low", "high"])
@pytest.mark.parametrize("lesson", TURNING, ids=lambda lesson: lesson.name)
def test_it_shows_at_both_ends_of_its_dials(lesson: Lesson, dial: Dial) -> None:
    assert check(lesson, dial=dial).problems == ()
