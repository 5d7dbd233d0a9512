"""What every lesson teaches comes out on the engine at three seeds."""

from __future__ import annotations

import pytest

from maml_core.lessons.checking import check
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.reading import shipped

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lesson", shipped().values(), ids=lambda lesson: lesson.name)
def test_what_it_teaches_shows(lesson: Lesson) -> None:
    assert check(lesson).problems == ()
