"""A small lesson for tests: a choice and a training, a dial, a task and the inner steps, a curve that is there at once."""

from __future__ import annotations

from typing import Any

from maml_core.lessons.lesson import Action, Case, Lesson, Option, Prediction, Step
from tests.dashboard.live.driver import TINY


def cases(taught: str, other: str = "Otherwise.", *, when: str) -> tuple[Case, Case]:
    return Case(when=when, says=taught, taught=True), Case(when="", says=other)


TRAINED = Step(
    name="trained",
    text="Train with alpha, from theta_0 on, with *Play*.",
    lit=("loss", "play"),
    prediction=Prediction(
        kind="choice",
        question="How far does it come?",
        options=(Option(text="To 4", right="trained.step < 5"), Option(text="To 6", right="trained.step >= 5")),
    ),
    action=Action(kind="train", says="Train to outer step 6", until=6),
    verdict=cases("It came to {trained.step:.0f}.", when="trained.step >= 6"),
)
MOVED = Step(
    name="moved",
    text="Drag alpha.",
    lit=("alpha",),
    free=("alpha",),
    prediction=Prediction(
        kind="number", question="How large is it?", truth="moved.alpha", low=0.001, high=1.0, logarithmic=True
    ),
    action=Action(kind="set", says="Drag alpha to 0.02", setting="alpha", low=0.015, high=0.025),
    verdict=cases("It is {moved.alpha:.3f}, it was {trained.alpha:.3f}.", when="moved.alpha > trained.alpha"),
)
DRAWN = Step(name="drawn", text="Draw.", action=Action(kind="task", says="Draw two", times=2))
WALKED = Step(name="walked", text="Walk.", action=Action(kind="inner", says="Walk"))
SEEN = Step(
    name="seen",
    text="Look.",
    prediction=Prediction(
        kind="curve", question="How does it go?", truth="adaptation", low=0.0, high=10.0, num_points=3
    ),
    look="directions",
    verdict=cases("FOMAML agrees: {seen.directions.first_order:.2f}.", when="seen.directions.first_order > -2"),
)
AFRESH = Step(name="afresh", text="Again.", restart={"alpha": 0.03})


def lesson(*steps: Step, **changes: Any) -> Lesson:
    about: dict[str, Any] = {
        "name": "small",
        "title": "A small lesson",
        "about": "What is small?",
        "source": "These tests",
        "order": 1,
        "minutes": 1,
        "config": TINY,
        "transfer": "And if alpha were 0?",
        "answer": "Then theta_0 stays.",
    }
    return Lesson(**{**about, **changes}, steps=steps)


SMALL = lesson(TRAINED, MOVED, DRAWN, WALKED, SEEN, AFRESH)
