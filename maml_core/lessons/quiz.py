"""A test of what the lessons teach, on paper, before and after: two forms of ten questions, and their key. Nothing here imports torch.

Each answer is tied to the step of a lesson which teaches it, and whose case the check of the lessons wants at every seed: a key that is wrong fails there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from maml_core.errors import ConfigError
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.pages import page, rich
from maml_core.lessons.reading import SHIPPED, shipped
from maml_core.lessons.table import Table
from maml_core.texts import from_toml
from maml_core.wording import one_of

Form = Literal["A", "B"]
FORMS: tuple[Form, ...] = ("A", "B")
QUESTIONS = SHIPPED / "quiz" / "questions.toml"

NUM_OPTIONS = 4
MAX_QUESTION, MAX_OPTION = 280, 100
"""Characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question of one form."""

    form: Form
    lesson: str
    """Name of the lesson that teaches the answer."""
    step: str
    """Name of its step whose taught case says so."""
    question: str
    options: tuple[str, ...]
    right: int
    """Place of the right option, from 0."""
    why: str
    """In a sentence."""


def read_questions(text: str, lessons: Mapping[str, Lesson]) -> tuple[Question, ...]:
    """The questions of a TOML text, in their order.

    Args:
        text: Of the file.
        lessons: Those that may be named.

    Raises:
        ConfigError: It is no TOML, a key is missing, unknown or not accepted, or question n of the forms is not of one lesson.
    """
    try:
        top = Table(from_toml(text.encode()), "")
    except ValueError as error:
        raise ConfigError("questions", "", f"it is no TOML ({error}); correct it") from None
    found = tuple(_question(part, lessons) for part in top.tables("questions", low=2, high=100))
    top.done()
    first, second = ([one.lesson for one in found if one.form == form] for form in FORMS)
    if first != second:
        raise ConfigError(
            "questions", [first, second], "as many of form A as of form B, those of one number of one lesson"
        )
    return found


def _question(part: Table, lessons: Mapping[str, Lesson]) -> Question:
    lesson = lessons[part.choice("lesson", tuple(lessons))]
    teaching = tuple(step.name for step in lesson.steps if any(case.taught for case in step.verdict))
    options = part.value("options")
    fits = isinstance(options, list) and len(options) == NUM_OPTIONS == len({*map(str, options)})
    if not fits or not all(isinstance(option, str) and 0 < len(option) <= MAX_OPTION for option in options):
        raise part.refuse("options", options, f"{NUM_OPTIONS} different answers of at most {MAX_OPTION} characters")
    form: Form = "A" if part.choice("form", FORMS) == "A" else "B"
    found = Question(
        form=form,
        lesson=lesson.name,
        step=part.choice("step", teaching),
        question=part.text("question", MAX_QUESTION),
        options=tuple(options),
        right=int(part.number("right", low=1, high=NUM_OPTIONS, whole=True)) - 1,
        why=part.text("why", MAX_QUESTION),
    )
    part.done()
    return found


@lru_cache(maxsize=1)
def questions() -> tuple[Question, ...]:
    """The test that comes with the page."""
    return read_questions(QUESTIONS.read_text(encoding="utf-8"), shipped())


def of_form(form: str) -> list[Question]:
    """The questions of one form, in their order.

    Raises:
        ConfigError: There is no such form.
    """
    if form not in FORMS:
        raise ConfigError("form", form, one_of(FORMS, form))
    return [one for one in questions() if one.form == form]


def sheet(form: str) -> str:
    """A form as a page to fill in, without the answers.

    Raises:
        ConfigError: There is no such form.
    """
    asked = "\n".join(f"<li>{rich(one.question)}\n{_options(one)}</li>" for one in of_form(form))
    body = f"""
<h1>What do you know of learning to learn?</h1>
<p class="about">Form {form} · ten questions, about ten minutes. One answer to each. Whoever does not know says so: that is an answer too.</p>
<p class="fields"><span>Code</span><span>Date</span><span>Before or after</span></p>
<p>A <em>task</em> is a small problem with a few examples: one wave of which some points are known, or five characters with one drawing of each. A network
<em>adapts</em> to a task by a few steps of gradient descent on these examples, the <em>inner steps</em>. MAML trains the <em>start</em> from which they are taken.</p>
<ol class="questions">
{asked}
</ol>
"""
    return page(f"Learning to learn, form {form}", body)


def _options(one: Question) -> str:
    options = "\n".join(f"<li><b>{letter(at)}</b>{rich(option)}</li>" for at, option in enumerate(one.options))
    return f'<ul class="options">\n{options}\n<li class="unknown"><b>?</b>I do not know.</li>\n</ul>'


def letter(at: int) -> str:
    """What an option is called.

    >>> letter(0), letter(3)
    ('a', 'd')
    """
    return "abcdefgh"[at]


def key() -> str:
    """The answers of both forms: why each is right, and which lesson's check it rests on."""
    tables = "\n".join(f"<h2>Form {form}</h2>\n{_table(form)}" for form in FORMS)
    body = f"""
<h1>Learning to learn: the key</h1>
<p>One point for each right answer, none for a wrong one and for “I do not know”. Who guesses gets 2.5 of ten.</p>
<p>Each answer is what a lesson of the page teaches in the step that is named. <code>maml lessons check --all</code> does that lesson on the engine at three
seeds, and fails, with every build of the project, where it does not come out.</p>
{tables}
"""
    return page("Learning to learn: the key", body)


def _table(form: Form) -> str:
    rows = []
    for number, one in enumerate(of_form(form), start=1):
        lesson = shipped()[one.lesson]
        place = [step.name for step in lesson.steps].index(one.step) + 1
        taught = f'{rich(one.why)}<br><span class="about">Lesson “{rich(lesson.title)}”, step {place} of {len(lesson.steps)}</span>'
        rows.append(f"<tr><th>{number}</th><td><b>{letter(one.right)}</b></td><td>{taught}</td></tr>")
    return "<table>\n" + "\n".join(rows) + "\n</table>"
