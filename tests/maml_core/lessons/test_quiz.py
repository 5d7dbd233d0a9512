"""The test on paper: two forms that ask for the same, keys that rest on what lessons teach, and the sheets that ship."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from maml_core.errors import ConfigError
from maml_core.lessons.quiz import FORMS, QUESTIONS, Question, key, letter, of_form, questions, read_questions, sheet
from maml_core.lessons.reading import shipped

LEARNING = Path(__file__).parents[3] / "assets" / "learning"
TEXT = QUESTIONS.read_text(encoding="utf-8")


@pytest.mark.parametrize("one", questions(), ids=lambda one: f"{one.form} {one.lesson}")
def test_a_key_rests_on_what_a_lesson_teaches(one: Question) -> None:
    """The check of the lessons holds that this case comes out at every seed."""
    (step,) = (step for step in shipped()[one.lesson].steps if step.name == one.step)
    assert sum(case.taught for case in step.verdict) == 1
    assert one.question.rstrip().endswith("?")
    assert all(option.endswith(".") for option in (*one.options, one.why))


def test_two_forms_ask_ten_questions_each_for_the_same_and_in_other_words() -> None:
    first, second = (of_form(form) for form in FORMS)
    assert len(first) == len(second) == 10
    assert [one.lesson for one in first] == [one.lesson for one in second]
    assert len({one.lesson for one in first}) == 10
    assert len({one.question for one in questions()}) == 20
    assert len({option for one in questions() for option in one.options}) == 80


@pytest.mark.parametrize("form", FORMS)
def test_who_knows_nothing_finds_no_pattern(form: str) -> None:
    asked = of_form(form)
    places = Counter(one.right for one in asked)
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) <= 3
    longest = sum(max(one.options, key=len) == one.options[one.right] for one in asked)
    shortest = sum(min(one.options, key=len) == one.options[one.right] for one in asked)
    assert longest <= 4
    assert shortest <= 4


def test_a_sheet_asks_everything_and_answers_nothing() -> None:
    for form in FORMS:
        text = sheet(form)
        for one in of_form(form):
            assert one.question in text
            assert all(option in text for option in one.options)
            assert one.why not in text
        assert "<script" not in text
        assert "http" not in text


def test_the_key_has_the_answer_to_each_question_of_each_form() -> None:
    found = re.findall(r"<tr><th>(\d+)</th><td><b>([a-d])</b></td>", key())
    assert found == [(str(n), letter(one.right)) for form in FORMS for n, one in enumerate(of_form(form), start=1)]


@pytest.mark.parametrize("name", ["test-a", "test-b", "key"])
def test_the_sheets_that_ship_are_what_the_command_writes(name: str) -> None:
    text = key() if name == "key" else sheet(name[-1].upper())
    assert (LEARNING / f"{name}.html").read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('lesson = "over-the-edge"', 'lesson = "over-the-egde"', "did you mean 'over-the-edge'?"),
        ('step = "longer"', 'step = "back"', "questions.3.step"),
        ("right = 2", "right = 5", "a whole number from 1 to 4"),
        ('    "It is low before adapting, and lower still after 3 steps.",\n', "", "4 different answers"),
        ('form = "A"', 'form = "C"', "questions.1.form"),
        ('form = "A"', 'form = "B"', "as many of form A as of form B"),
        ("why =", "because =", "questions.1.why"),
    ],
)
def test_a_mistake_is_told_by_its_key(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        read_questions(TEXT.replace(old, new, 1), shipped())


def test_no_other_form() -> None:
    with pytest.raises(ConfigError, match="form"):
        sheet("C")
