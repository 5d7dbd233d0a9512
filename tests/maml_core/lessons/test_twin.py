"""Static twins: the lesson's words, questions and verdicts with the figures of one run, and nothing that can be pressed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from maml_core.lessons.checking import check
from maml_core.lessons.drawing import Axis, Line, chart
from maml_core.lessons.pages import rich
from maml_core.lessons.reading import read_lesson, shipped
from maml_core.lessons.template import TEMPLATE
from maml_core.lessons.twin import twin

LEARNING = Path(__file__).parents[3] / "assets" / "learning"
TWINS = ("a-start-not-a-curve", "over-the-edge", "what-first-order-leaves-out")
_NUMBER = re.compile(r"-?\d+(?:,\d{3})*(?:\.\d+)?")


def shipped_twin(name: str) -> str:
    return (LEARNING / f"{name}.html").read_text(encoding="utf-8")


def without_pictures(text: str) -> str:
    return re.sub(r"<svg.*?</svg>", "<svg/>", text, flags=re.DOTALL)


def numbers(text: str) -> list[float]:
    return [float(found.replace(",", "")) for found in _NUMBER.findall(text)]


@pytest.mark.parametrize("name", TWINS)
def test_a_twin_that_ships_has_the_lessons_words_and_no_more(name: str) -> None:
    lesson, text = shipped()[name], shipped_twin(name)
    told = [lesson.title, lesson.about, lesson.transfer, lesson.answer, *(step.text for step in lesson.steps)]
    for step in lesson.steps:
        asked = step.prediction
        told += [] if asked is None else [asked.question, *(option.text for option in asked.options)]
        (taught,) = [case for case in step.verdict if case.taught] or [None]
        if taught is not None:
            told += [part for part in re.split(r"\{[^}]*\}", taught.says) if part.strip()]
    for words in told:
        assert rich(words) in text, words
    assert len(text.encode()) < 200_000
    assert not re.search(r"<(script|button|input|a|img|link|iframe)\b|https?:", text)
    pictures = re.findall(r'<svg [^>]*role="img" aria-label="([^"]+)"', text)
    assert len(pictures) >= 3
    assert all(len(alt) > 40 for alt in pictures)
    assert text.count("<figure>") == len(pictures)


def test_a_twin_that_ships_is_what_the_command_writes() -> None:
    """To rounding, which hundreds of outer steps magnify on another processor."""
    (name, *_) = TWINS
    found, kept = twin(shipped()[name]), shipped_twin(name)
    words = [_NUMBER.sub("#", without_pictures(text)) for text in (found, kept)]
    assert words[0] == words[1]
    assert numbers(without_pictures(found)) == pytest.approx(numbers(without_pictures(kept)), rel=0.2, abs=0.05)
    assert found.count("<path") == kept.count("<path")


def test_a_twin_says_what_the_check_of_the_lesson_comes_to() -> None:
    lesson = read_lesson(TEMPLATE, name="own")
    said = check(lesson, (3,))
    text = without_pictures(twin(lesson, 3))
    sentences = [sentence for step in said.steps for sentence in step.sentences]
    assert sentences
    assert all(rich(sentence) in text for sentence in sentences)
    for step, asked in zip(said.steps, lesson.steps, strict=True):
        if asked.prediction is not None and asked.prediction.kind == "choice":
            assert f"Answer: <strong>{rich(asked.prediction.options[step.truths[0]].text)}</strong>" in text


def test_a_chart_puts_points_where_its_axes_say() -> None:
    x, y = Axis("step", 0.0, 10.0), Axis("loss", 0.01, 100.0, logarithmic=True)
    assert (x.place(2.5), y.place(1.0)) == (0.25, pytest.approx(0.5))
    assert y.ticks() == [0.01, 0.1, 1.0, 10.0, 100.0]
    assert x.ticks() == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
    drawn = chart([Line("a", [0.0, 5.0, 10.0], [0.01, float("nan"), 1e9], "red")], x, y, "a & b")
    assert 'aria-label="a &amp; b"' in drawn
    path = re.search(r'<path d="([^"]*)" fill="none"', drawn)
    assert path is not None
    assert path[1] == "M50.0 200.0M390.0 10.0"  # a gap where there is no number; what lies beyond is at the edge
