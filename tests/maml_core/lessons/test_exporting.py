"""Lessons to take along: scripts and notebooks that run and say what the lesson says."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import re
from typing import Any

import pytest

from maml_core.lessons.checking import check
from maml_core.lessons.exporting import lesson_notebook, lesson_script
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.reading import read_lesson, shipped
from maml_core.lessons.template import TEMPLATE
from maml_core.lessons.twin import twin

LESSONS = list(shipped().values())


def run(code: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, "lesson", "exec"), {"__name__": "__main__"})
    return out.getvalue()


def shortened(code: str) -> str:
    """With a hundredth of the outer steps."""
    return re.sub(r"RUN\.train\((\d+)\)", lambda found: f"RUN.train({int(found[1]) // 100})", code)


def code_of(notebook: dict[str, Any]) -> str:
    return "\n\n".join("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_script_is_short_and_has_every_training_and_sentence(lesson: Lesson) -> None:
    text = lesson_script(lesson)
    assert len(text.splitlines()) <= 70
    ast.parse(text)
    until = [step.action.until for step in lesson.steps if step.action is not None and step.action.kind == "train"]
    assert [int(steps) for steps in re.findall(r"RUN\.train\((\d+)\)", text)] == until
    for step in lesson.steps:
        for case in step.verdict:
            assert repr(case.says) in text
    assert text.count("RUN = Run(") == 1 + sum(bool(step.restart) for step in lesson.steps[1:])


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_notebook_has_the_script_between_its_words(lesson: Lesson) -> None:
    found = json.loads(lesson_notebook(lesson))
    assert (found["nbformat"], found["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in found["cells"]}) == len(found["cells"])
    for cell in found["cells"]:
        assert set(cell) == {"id", "cell_type", "metadata", "source"} | (
            {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        )
    words = "".join("".join(cell["source"]) for cell in found["cells"] if cell["cell_type"] == "markdown")
    assert all(step.text in words for step in lesson.steps)
    assert lesson.transfer in words
    script = lesson_script(lesson)
    assert [line for line in code_of(found).splitlines() if line] == [
        line for line in script[script.index("from maml_core import") :].splitlines() if line
    ]


@pytest.mark.parametrize(
    "name", ["over-the-edge", "the-clock-in-the-weights", "does-the-body-move", "labels-mean-nothing"]
)
def test_a_script_runs(name: str) -> None:
    printed = run(shortened(lesson_script(shipped()[name])))
    judged = sum(bool(step.verdict) for step in shipped()[name].steps)
    said = [line for line in printed.splitlines() if not line.startswith("trained to outer step")]
    assert len(said) >= judged
    assert "{" not in printed


def test_a_script_says_what_the_lesson_says() -> None:
    lesson = read_lesson(TEMPLATE.replace("until = 400", "until = 20"), name="my-lesson")
    (_, trained) = check(lesson, (0,)).steps
    lines = run(lesson_script(lesson)).splitlines()
    assert lines[0].strip() == "trained to outer step 20"
    assert lines[1:] == list(trained.sentences)
    assert run(code_of(json.loads(lesson_notebook(lesson)))).splitlines()[1:] == list(trained.sentences)


GUESSED = """
title = "Guessed"
about = "How low?"
source = "Measured here"
transfer = "And then?"
answer = "Lower."

[setup]
preset = "Fast demo"

[[steps]]
name = "begun"
text = "Guess."

[steps.prediction]
kind = "number"
question = "The loss?"
truth = "begun.median_after"
low = 0.0
high = 10.0

[[steps.verdict]]
when = "guess > 2 * begun.median_after"
says = "{guess:.1f} is too much."

[[steps.verdict]]
when = "begun.median_after < 100"
says = "It is {begun.median_after:.2f}."
taught = true

[[steps.verdict]]
says = "It is high, and {guess:.1f} is what you said."
"""


def test_a_script_leaves_out_what_is_said_of_a_guess() -> None:
    lesson = read_lesson(GUESSED, name="guessed")
    (begun,) = check(lesson, (0,)).steps
    asked, said = run(lesson_script(lesson)).splitlines()
    assert asked.startswith("The loss?")
    assert (said,) == begun.sentences


def test_what_a_run_has_behind_it_is_not_trained_again() -> None:
    """A step that asks for fewer outer steps than the one before it is done at once."""
    again = """
[[steps]]
name = "again"
text = "Nothing is left to train."
[steps.action]
kind = "train"
says = "Train to outer step 10"
until = 10
"""
    lesson = read_lesson(TEMPLATE.replace("until = 400", "until = 20") + again, name="my-lesson")
    assert run(lesson_script(lesson)).split("\n").count("trained to outer step 20 ") == 2
    assert "Nothing is left to train." in twin(lesson)
