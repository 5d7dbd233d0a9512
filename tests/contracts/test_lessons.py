"""What every lesson that comes with the page must pass: it is read, it asks, and all that it names is there."""

from __future__ import annotations

import re

import pytest

from dashboard.charts.all import CHARTS as PAGE_CHARTS
from dashboard.charts.all import SHARING
from dashboard.setups.setting_names import SETTING_NAMES
from maml_core.lessons.expressions import filled
from maml_core.lessons.lesson import Lesson, Step
from maml_core.lessons.measures import LOOK_OF, MEASURES
from maml_core.lessons.reading import CHARTS, DIALS, LOOKS, PLACES, SHIPPED, look_of, restarted, shipped, used_names

LESSONS = list(shipped().values())
STEPS = [(lesson, step) for lesson in LESSONS for step in lesson.steps]


def test_every_file_of_the_folder_is_a_lesson() -> None:
    assert {path.stem for path in SHIPPED.iterdir() if path.suffix == ".toml"} == set(shipped())
    assert [lesson.order for lesson in LESSONS] == sorted({lesson.order for lesson in LESSONS})


def test_what_lessons_may_name_is_what_the_page_has() -> None:
    assert set(CHARTS) == {chart.id for chart in PAGE_CHARTS}
    assert set(LOOKS) == set(SHARING)
    assert {chart: SHARING[chart].look for chart in LOOK_OF} == dict(LOOK_OF)
    assert set(DIALS) == {name for name, of in SETTING_NAMES.items() if of.role}


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_asks_and_names_what_its_run_has(lesson: Lesson) -> None:
    assert 2 <= len(lesson.steps) <= 7
    assert any(step.prediction is not None for step in lesson.steps)
    assert lesson.about.endswith("?")
    assert "?" in lesson.transfer
    config, by_id = lesson.config, {chart.id: chart for chart in PAGE_CHARTS}
    for at, step in enumerate(lesson.steps):
        config = restarted(lesson, step) or config
        shown = look_of(lesson, at)
        for place in step.lit:
            is_chart = place in by_id and by_id[place].belongs(config, shown)
            assert is_chart or place in SETTING_NAMES or place in PLACES, (step.name, place)
        assert by_id[shown].belongs(config, shown)
        assert not by_id[shown].why_empty(config)


@pytest.mark.parametrize(("lesson", "step"), STEPS, ids=lambda one: one.name)
def test_words_come_before_symbols(lesson: Lesson, step: Step) -> None:
    """Symbols stand in brackets behind the words that they stand for."""
    for text in (step.text, *(case.says for case in step.verdict)):
        bare = re.sub(r"\([^)]*\)", "", re.sub(r"\{[^}]*\}", "1", text))
        assert not re.search(r"theta_\w|θ|\bquery\b|\bsupport\b|lambda_max|\bMSE\b", bare), text


@pytest.mark.parametrize(("lesson", "step"), STEPS, ids=lambda one: one.name)
def test_every_sentence_can_be_filled(lesson: Lesson, step: Step) -> None:
    names = dict.fromkeys(used_names(step), 1.0)
    for case in step.verdict:
        text = filled(case.says, names)
        assert "{" not in text
        assert "no number" not in text
    assert {name.partition(".")[2] for name in names if name != "guess"} <= set(MEASURES)
