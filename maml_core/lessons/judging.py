"""What is said about a step of a lesson: which case its numbers make true, which answer was right, how far a guess was off. Nothing here
imports torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from maml_core.lessons.expressions import evaluate, filled
from maml_core.lessons.lesson import Case, Prediction, Step
from maml_core.values import shown

Answer = int | float | tuple[float, ...] | None
"""Place of an option, a number, or the values of a curve; None where nothing was predicted."""


class Verdict(NamedTuple):
    """What is said, and whether the prediction was right."""

    sentence: str
    """One sentence about the guess, where there is one, and what the run has shown."""
    right: bool | None
    """None where there was nothing to predict, or what was asked for was not measured."""
    truth: Answer
    """The right option, the number or the curve; None where it was not measured."""


def judge(step: Step, names: Mapping[str, float]) -> Case:
    """The first case that holds; the last one always does."""
    return next(case for case in step.verdict if not case.when or evaluate(case.when, names))


def right_options(prediction: Prediction, names: Mapping[str, float]) -> tuple[int, ...]:
    """Places of the options that are right: one, where the lesson is sound and everything was measured."""
    return tuple(at for at, option in enumerate(prediction.options) if evaluate(option.right, names))


def verdict(
    step: Step, names: Mapping[str, float], curves: Mapping[str, Sequence[float]], answer: Answer = None
) -> Verdict:
    """What is said when a step's action is done.

    Args:
        step: The step.
        names: What was measured in it and before it, ``<step>.<measure>``.
        curves: Curves that were measured in it, by name.
        answer: What was predicted.
    """
    said: list[str] = []
    right, truth = None, None
    if step.prediction is not None:
        about, right, truth = _compared(step.prediction, names, curves, answer)
        said += [about] if about else []
    if isinstance(answer, int | float):
        names = {**names, "guess": float(answer)}
    if step.verdict:
        said.append(filled(judge(step, names).says, names))
    return Verdict(" ".join(said), right, truth)


def _compared(
    prediction: Prediction, names: Mapping[str, float], curves: Mapping[str, Sequence[float]], answer: Answer
) -> tuple[str, bool | None, Answer]:
    match prediction.kind:
        case "choice":
            return _choice(prediction, names, answer)
        case "number":
            return _number(prediction, names, answer)
        case "curve":
            return _curve(prediction, curves, answer)


def _choice(prediction: Prediction, names: Mapping[str, float], answer: Answer) -> tuple[str, bool | None, Answer]:
    rights = right_options(prediction, names)
    if len(rights) != 1:
        return "", None, None
    (truth,) = rights
    if not isinstance(answer, int) or not 0 <= answer < len(prediction.options):
        return "", None, truth
    chosen, of_run = prediction.options[answer].text, prediction.options[truth].text
    if answer == truth:
        return f"“{chosen}”: right.", True, truth
    return f"You said “{chosen}”; it is “{of_run}”.", False, truth


def _number(prediction: Prediction, names: Mapping[str, float], answer: Answer) -> tuple[str, bool | None, Answer]:
    truth = float(evaluate(prediction.truth, names))
    if math.isnan(truth):
        return "", None, None
    if not isinstance(answer, int | float):
        return "", None, truth
    right = abs(place(prediction, float(answer)) - place(prediction, truth)) <= prediction.tolerance
    unit = f" {prediction.unit}" if prediction.unit else ""
    found = "beyond any number" if math.isinf(truth) else f"{three_digits(truth)}{unit}"
    judged = "close enough" if right else "too high" if answer > truth else "too low"
    return f"You said {three_digits(float(answer))}{unit}, it is {found}: {judged}.", right, truth


def _curve(
    prediction: Prediction, curves: Mapping[str, Sequence[float]], answer: Answer
) -> tuple[str, bool | None, Answer]:
    truth = tuple(float(value) for value in curves.get(prediction.truth, ())[: prediction.num_points])
    if len(truth) < prediction.num_points or any(map(math.isnan, truth)):
        return "", None, None
    if not isinstance(answer, tuple) or len(answer) != len(truth):
        return "", None, truth
    distances = [abs(place(prediction, a) - place(prediction, b)) for a, b in zip(answer, truth, strict=True)]
    mean = sum(distances) / len(distances)
    right = mean <= prediction.tolerance
    judged = "close enough" if right else "look where they part"
    return f"Your curve lies {mean:.0%} of the axis away, on average: {judged}.", right, truth


def place(prediction: Prediction, value: float) -> float:
    """Where a value lies on the axis of a prediction, 0 at its low end and 1 at its high one; what lies beyond is at the end.

    >>> place(Prediction(kind="number", question="?", low=0.01, high=1.0, logarithmic=True), 0.1)
    0.5
    """
    low, high = prediction.low, prediction.high
    value = min(max(value, low), high)
    if prediction.logarithmic:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return (value - low) / (high - low)


def three_digits(value: float) -> str:
    """A number of three significant digits, without a power of ten where a reader would stumble over it.

    >>> three_digits(0.12345), three_digits(1761.0)
    ('0.123', '1,760')
    """
    if abs(value) >= 1e6:
        return filled("{value:.0f}", {"value": value})
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 1000 else shown(rounded)
