"""Where somebody stands in a lesson: the step, what was predicted, and what was measured in the steps that are done. It knows no run."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from dashboard.charts.symbols import in_greek
from dashboard.live.lesson_withheld import covered, withheld
from maml_core.lessons.expressions import names_filled
from maml_core.lessons.judging import Answer, Verdict, judge, verdict
from maml_core.lessons.lesson import Lesson, Prediction, Step
from maml_core.lessons.reading import used_names

Curves = Mapping[str, tuple[float, ...]]

MEDIANS = (
    "Losses said here are medians, of the task in the middle; the charts show means, which a few hard tasks raise."
)


class Pupil:
    """See the module.

    Args:
        lesson: Which.
        at: Place of the step at which it begins; those before it are passed over.
    """

    def __init__(self, lesson: Lesson, at: int = 0) -> None:
        self.lesson = lesson
        self.at = self.reached = min(max(at, 0), len(lesson.steps) - 1)
        """Places of the step that is shown, and of the last one that was entered."""
        self.answers: dict[int, Answer] = {}
        """What was predicted, by the place of the step."""
        self.names: dict[str, float] = {}
        """What was measured, ``<step>.<measure>``."""
        self._curves: dict[int, Curves] = {}
        """Curves that were measured, by the place of the step: those that are done have an entry."""

    @property
    def step(self) -> Step:
        """The step that is shown."""
        return self.lesson.steps[self.at]

    @property
    def looks_back(self) -> bool:
        """Whether a later step was entered already."""
        return self.at < self.reached

    @property
    def asks(self) -> bool:
        """Whether an answer is waited for, before which nothing may be seen."""
        return self._asks(self.at)

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do in the step that is shown."""
        return self._is_done(self.at)

    @property
    def withheld(self) -> frozenset[str]:
        """Measures and curves that the charts must not show yet."""
        return withheld(self.lesson, self.reached, asks=self._asks(self.reached))

    @property
    def covered(self) -> tuple[str, ...]:
        """Ids of the charts that are covered for it."""
        return covered(self.lesson, self.reached, asks=self._asks(self.reached))

    def _asks(self, at: int) -> bool:
        return self.lesson.steps[at].prediction is not None and at not in self.answers and not self._is_done(at)

    def _is_done(self, at: int) -> bool:
        step = self.lesson.steps[at]
        only_reads = step.action is None and step.prediction is None and not step.verdict
        return only_reads or at in self._curves or at < self.reached

    @property
    def is_over(self) -> bool:
        """Whether its last step was entered, and is done."""
        last = len(self.lesson.steps) - 1
        return self.reached == last and self._is_done(last)

    @property
    def is_last(self) -> bool:
        """Whether no step comes behind it."""
        return self.at == len(self.lesson.steps) - 1

    def go(self, to: object) -> bool:
        """Show another step; True where it is entered for the first time.

        Raises:
            ValueError: There is no such step, or the one before it is not done.
        """
        if not isinstance(to, int) or isinstance(to, bool) or not 0 <= to < len(self.lesson.steps):
            raise ValueError(f"this lesson has no step {str(to)[:20]}")
        if to > self.reached + 1 or (to > self.reached and not self._is_done(self.reached)):
            raise ValueError("the step before it comes first: do what it asks for")
        self.at = to
        is_new = to > self.reached
        self.reached = max(self.reached, to)
        return is_new

    def answer(self, given: object) -> None:
        """Take a prediction, once.

        Raises:
            ValueError: None is asked for, or it is none that can be given.
        """
        prediction = self.step.prediction
        if prediction is None or not self.asks:
            raise ValueError("this prediction was made already" if prediction else "no prediction is asked for here")
        self.answers[self.at] = answer_to(prediction, given)

    def finish(self, measured: Mapping[str, float], curves: Curves) -> None:
        """The step is done, and this was measured of the run then."""
        self.names |= {f"{self.step.name}.{name}": value for name, value in measured.items()}
        self._curves[self.at] = curves

    @property
    def verdict(self) -> Verdict | None:
        """What is said about the step that is shown; None before it is done, and where there is nothing to say."""
        return self._verdict_on(self.answers.get(self.at))

    def _verdict_on(self, answer: Answer) -> Verdict | None:
        step = self.step
        if self.at not in self._curves or not (step.verdict or step.prediction):
            return None
        if missing := self._passed_over():
            return Verdict(
                f"This compares with step {missing}, which was passed over: begin the lesson there.", None, None
            )
        return verdict(step, self.names, self._curves[self.at], answer)

    @property
    def _note(self) -> str:
        """How the losses of the verdict differ from those of the charts; empty where they do not, and where it says so itself. Before it is there,
        that it compares with a step that was passed over.
        """
        is_judged = self.at in self._curves
        if missing := self._passed_over():
            return (
                ""
                if is_judged
                else f"What comes out is compared with step {missing}, which was passed over: begin the lesson there."
            )
        if not is_judged or not self.step.verdict:
            return ""
        answer = self.answers.get(self.at)
        guess = {"guess": float(answer)} if isinstance(answer, int | float) else {}
        says = judge(self.step, {**self.names, **guess}).says
        are_medians = any(name.partition(".")[2].startswith("median_") for name in names_filled(says))
        return MEDIANS if are_medians and "median" not in re.sub("{.*?}", "", says) else ""

    def _passed_over(self) -> int:
        """Number of the first step before it that its verdict speaks of and that nothing was measured in; 0 for none."""
        spoken_of = {name.partition(".")[0] for name in used_names(self.step)}
        known = {name.partition(".")[0] for name in self.names}
        names = [step.name for step in self.lesson.steps]
        return min((names.index(name) + 1 for name in spoken_of - known - {"guess", self.step.name}), default=0)

    # What the page is told

    def told(self) -> dict[str, Any]:
        """What the strip says, but for what the run decides."""
        lesson, step, said, found = self.lesson, self.step, self.verdict, self._verdict_on(None)
        return {
            "name": lesson.name,
            "title": in_greek(lesson.title),
            "step": self.at,
            "steps": len(lesson.steps),
            "text": in_greek(step.text),
            "lit": list(step.lit),
            "covered": list(self.covered),
            "button": in_greek(step.action.says) if step.action is not None else "",
            "action": step.action.kind if step.action is not None else None,
            "done": self.is_done,
            "asks": self.asks,
            "prediction": told_of(step.prediction, self.answers.get(self.at), said) if step.prediction else None,
            "verdict": in_greek(said.sentence) if said is not None else "",
            "found": in_greek(found.sentence) if found is not None else "",
            "right": said.right if said is not None else None,
            "note": self._note,
            "transfer": in_greek(lesson.transfer) if self.is_last and self.is_done else "",
            "answer": in_greek(lesson.answer) if self.is_last and self.is_done else "",
        }


def told_of(prediction: Prediction, given: Answer, said: Verdict | None) -> dict[str, Any]:
    """A prediction as the page shows it.

    Args:
        prediction: What is asked.
        given: What was answered; None for nothing yet.
        said: What came out; None before that is known.
    """
    return {
        "kind": prediction.kind,
        "question": in_greek(prediction.question),
        "options": [in_greek(option.text) for option in prediction.options],
        "unit": in_greek(prediction.unit),
        "low": prediction.low,
        "high": prediction.high,
        "logarithmic": prediction.logarithmic,
        "x_label": in_greek(prediction.x_label),
        "num_points": prediction.num_points,
        "given": _sent(given),
        "truth": _sent(said.truth) if said is not None else None,
    }


def _sent(value: Answer) -> list[float | None]:
    """An answer as a list of numbers, null for those that are not finite; empty for none."""
    values = value if isinstance(value, tuple) else () if value is None else (value,)
    return [float(each) if math.isfinite(each) else None for each in values]


def answer_to(prediction: Prediction, given: object) -> Answer:
    """A prediction as it can be given.

    Raises:
        ValueError: It is another kind of answer, or lies outside the axis.
    """
    match prediction.kind:
        case "choice":
            if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(prediction.options):
                return given
            raise ValueError("choose one of the answers")
        case "number":
            return _number(given, prediction)
        case "curve":
            if not isinstance(given, list) or len(given) != prediction.num_points:
                raise ValueError(f"draw all of the curve: {prediction.num_points} points")
            return tuple(_number(value, prediction) for value in given)


def _number(given: object, prediction: Prediction) -> float:
    low, high = prediction.low, prediction.high
    if isinstance(given, int | float) and not isinstance(given, bool) and low <= given <= high:
        return float(given)
    raise ValueError(f"a prediction lies between {low:g} and {high:g}")
