"""What every lesson teaches comes out on the engine at three seeds, wherever in its range a person leaves a dial."""

from __future__ import annotations

import pytest

from maml_core.lessons.checking import check
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.reading import Dial, shipped

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lesson", shipped().values(), ids=lambda lesson: lesson.name)
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
