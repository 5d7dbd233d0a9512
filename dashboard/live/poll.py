"""What a class is asked before the result may be seen: who has answered, how the answers spread, and when all see it together. It knows no names."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from typing import Any

from dashboard.live.lesson import answer_to, told_of
from maml_core.lessons.judging import Answer, Verdict
from maml_core.lessons.lesson import Option, Prediction

MIN_OPTIONS, MAX_OPTIONS = 2, 5
MAX_QUESTION, MAX_OPTION, MAX_UNIT = 200, 80, 20
"""Letters of what a teacher types."""

NUM_BINS = 10
"""Bars of the histogram of numbers, equally wide on their axis."""


def asked(message: Mapping[str, Any]) -> Prediction:
    """A question that a teacher has typed.

    Raises:
        KeyError: A field is missing.
        ValueError: It cannot be asked like this; says why.
    """
    question = _text(message["question"], "the question", MAX_QUESTION)
    match message["kind"]:
        case "choice":
            options = message["options"]
            if not isinstance(options, list) or not MIN_OPTIONS <= len(options) <= MAX_OPTIONS:
                raise ValueError(f"a question has {MIN_OPTIONS} to {MAX_OPTIONS} answers to choose from")
            texts = [_text(option, "an answer", MAX_OPTION) for option in options]
            if len(set(texts)) < len(texts):
                raise ValueError("two of the answers are the same")
            return Prediction(
                kind="choice", question=question, options=tuple(Option(text=text, right="") for text in texts)
            )
        case "number":
            low, high, unit = message["low"], message["high"], message["unit"]
            if not (_is_number(low) and _is_number(high) and low < high and math.isfinite(float(high) - float(low))):
                raise ValueError("the axis of a number goes from a smaller number to a larger one")
            if not isinstance(unit, str) or len(unit) > MAX_UNIT:
                raise ValueError(f"a unit has at most {MAX_UNIT} letters")
            return Prediction(kind="number", question=question, unit=unit.strip(), low=float(low), high=float(high))
        case _:
            raise ValueError("ask for a choice or for a number")


def _text(value: object, what: str, most: int) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not 0 < len(text) <= most:
        raise ValueError(f"{what} has 1 to {most} letters")
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max


class Poll:
    """See the module.

    Args:
        prediction: What is asked: a choice or a number.
        number: How many questions this class was asked, with this one.

    Raises:
        ValueError: It asks for a curve.
    """

    def __init__(self, prediction: Prediction, number: int) -> None:
        if prediction.kind == "curve":
            raise ValueError("a class is asked for a choice or a number: this step asks for a curve")
        self.prediction = prediction
        self.number = number
        self.revealed = False
        self.said: Verdict | None = None
        """What came out of the teacher's run, where that is judged."""
        self._answers: dict[str, Answer] = {}
        """By who has given them."""

    def answer(self, member: str, given: object) -> None:
        """Take somebody's answer, or another one in its place.

        Raises:
            ValueError: It is none that can be given, or comes too late.
        """
        if self.revealed:
            raise ValueError("the answers are shown already: this one came too late")
        self._answers[member] = answer_to(self.prediction, given)

    @property
    def num_answers(self) -> int:
        """How many have answered."""
        return len(self._answers)

    def told(self, member: str | None) -> dict[str, Any]:
        """What one page shows of it.

        Args:
            member: Whose page it is; None for the teacher's, which sees the answers before they are shown to all.
        """
        given = self._answers.get(member) if member is not None else None
        sees = self.revealed or member is None
        return {
            "number": self.number,
            "prediction": told_of(self.prediction, given, self.said if self.revealed else None),
            "revealed": self.revealed,
            "answered": self.num_answers if sees else 0,
            "counts": self.counts() if sees else [],
        }

    def counts(self) -> list[int]:
        """How often each answer was given: each option, or each of `NUM_BINS` parts of the axis."""
        found = [0] * (len(self.prediction.options) or NUM_BINS)
        for given in self._answers.values():
            found[self._place(given)] += 1
        return found

    def _place(self, given: Answer) -> int:
        if self.prediction.kind == "choice":
            assert isinstance(given, int)
            return given
        assert isinstance(given, float)
        low, high = self.prediction.low, self.prediction.high
        share = (given - low) / (high - low)
        if self.prediction.logarithmic:
            share = math.log(given / low) / math.log(high / low)
        return min(int(share * NUM_BINS), NUM_BINS - 1)
