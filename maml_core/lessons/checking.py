"""The check of a lesson on the engine: a model pupil does what it asks, at several seeds, and what it teaches has to come out at each."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from maml_core.config import RunConfig, replace
from maml_core.lessons.expressions import evaluate, filled
from maml_core.lessons.judging import judge, right_options
from maml_core.lessons.lesson import Action, Lesson, Prediction, Step
from maml_core.lessons.measures import curves, measured
from maml_core.lessons.pupils import Stretch, begun, observed, pupils, trained
from maml_core.lessons.reading import Dial, look_of, model_value, restarted, used_names
from maml_core.threads import single_threaded

SEEDS = (0, 1, 2)
"""Seeds of the initial weights and of the training tasks."""

Names = dict[str, float]


class StepCheck(NamedTuple):
    """What a step has come to, at every seed."""

    name: str
    sentences: tuple[str, ...]
    """What is said of each run."""
    truths: tuple[int | float | tuple[float, ...] | None, ...]
    """What the prediction should have been; None where nothing is asked."""
    problems: tuple[str, ...]
    """Why it does not show what it teaches, in sentences; empty where it does."""


class LessonCheck(NamedTuple):
    """What a lesson has come to."""

    lesson: str
    seeds: tuple[int, ...]
    steps: tuple[StepCheck, ...]
    numbers: tuple[Mapping[str, float], ...]
    """Everything that was measured, a table a seed."""
    cpu_s: float

    @property
    def problems(self) -> tuple[str, ...]:
        """The problems of all steps, each with its name."""
        return tuple(f"{step.name}: {problem}" for step in self.steps for problem in step.problems)

    @property
    def shows(self) -> bool:
        """Whether every step shows what it teaches at every seed."""
        return not self.problems


@single_threaded
def check(lesson: Lesson, seeds: Sequence[int] = SEEDS, *, dial: Dial = "model") -> LessonCheck:
    """Walk through a lesson as a model pupil does, and judge every step.

    Args:
        lesson: The lesson.
        seeds: Of the pupils' runs.
        dial: Where in a range the pupils set what they are asked to set.
    """
    start = time.thread_time()
    wanted = wanted_of(lesson)
    config = beside(lesson, 0, lesson.config, wanted)
    run, seeds = begun(config), tuple(seeds)
    names: list[Names] = [{} for _ in seeds]
    found: list[StepCheck] = []
    for at, step in enumerate(lesson.steps):
        if (again := restarted(lesson, step)) is not None:
            config = beside(lesson, at, again, wanted)
            run = begun(config)
        config, run = _acted(step.action, config, run, seeds, dial)
        drawn: list[Mapping[str, Sequence[float]]] = [{} for _ in seeds]
        asks_curve = step.prediction is not None and step.prediction.kind == "curve"
        if (of_step := wanted.get(step.name)) or asks_curve:
            for row, pupil in enumerate(pupils(run, seeds)):
                seen = observed(pupil, config, measures=of_step or frozenset(), look=look_of(lesson, at))
                names[row] |= {f"{step.name}.{name}": value for name, value in measured(seen).items()}
                drawn[row] = curves(seen)
        found.append(_judged(step, seeds, names, drawn))
    return LessonCheck(lesson.name, seeds, tuple(found), tuple(names), time.thread_time() - start)


def wanted_of(lesson: Lesson) -> dict[str, frozenset[str]]:
    """The measures that are spoken of, by the step in which they are taken."""
    found: dict[str, set[str]] = {}
    for step in lesson.steps:
        for name in used_names(step) - {"guess"}:
            of, _, measure = name.partition(".")
            found.setdefault(of, set()).add(measure)
    return {of: frozenset(measures) for of, measures in found.items()}


def beside(lesson: Lesson, at: int, config: RunConfig, wanted: Mapping[str, frozenset[str]]) -> RunConfig:
    """The run that begins in a step, with joint training beside it only if it is spoken of before another begins."""
    ahead = list(itertools.takewhile(lambda step: not step.restart, lesson.steps[at + 1 :]))
    of_run = (measure for step in (lesson.steps[at], *ahead) for measure in wanted.get(step.name, ()))
    return replace(config, {"joint_baseline": any(measure.startswith("joint_") for measure in of_run)})


def _acted(
    action: Action | None, config: RunConfig, run: tuple[Stretch, ...], seeds: tuple[int, ...], dial: Dial
) -> tuple[RunConfig, tuple[Stretch, ...]]:
    """The set-up and the run when an action is done."""
    match action:
        case Action(kind="train"):
            return config, trained(run, config, action.until, seeds)
        case Action(kind="set"):
            return replace(config, {action.setting: model_value(action, dial)}), run
        case _:  # what is looked at changes nothing
            return config, run


def _judged(
    step: Step, seeds: tuple[int, ...], names: Sequence[Names], drawn: Sequence[Mapping[str, Sequence[float]]]
) -> StepCheck:
    problems: list[str] = []
    sentences: list[str] = []
    truths: list[Any] = []
    for seed, known, shown in zip(seeds, names, drawn, strict=True):
        truth, problem = _truth(step.prediction, known, shown)
        truths.append(truth)
        problems += [f"at seed {seed} {problem}"] if problem else []
        if not step.verdict:
            continue
        known = {**known, "guess": truth} if isinstance(truth, float) else known
        case = judge(step, known)
        sentences.append(filled(case.says, known))
        if not case.taught:
            problems.append(f"at seed {seed} what comes out is “{sentences[-1]}”, which is not what it teaches")
        if "no number" in sentences[-1]:
            problems.append(f"at seed {seed} there is a number missing in “{sentences[-1]}”")
    if step.prediction is not None and step.prediction.kind == "choice" and len(set(truths)) > 1 and not problems:
        problems.append(f"the right answer differs from seed to seed: {', '.join(map(str, truths))}")
    return StepCheck(step.name, tuple(sentences), tuple(truths), tuple(problems))


def _truth(prediction: Prediction | None, names: Names, drawn: Mapping[str, Sequence[float]]) -> tuple[Any, str]:
    """What the prediction should have been, and what is wrong with that."""
    if prediction is None:
        return None, ""
    low, high = prediction.low, prediction.high
    match prediction.kind:
        case "choice":
            right = right_options(prediction, names)
            said = [prediction.options[at].text for at in right]
            return (right[0], "") if len(right) == 1 else (None, f"the right answers are {said}, and not one")
        case "number":
            value = float(evaluate(prediction.truth, names))
            lies = math.isfinite(value) and low <= value <= high
            return value, "" if lies else f"the number is {value:.3g}, which the axis from {low:g} to {high:g} has not"
        case "curve":
            values = tuple(drawn.get(prediction.truth, ())[: prediction.num_points])
            if len(values) < prediction.num_points:
                return None, f"the curve has {len(values)} points, and not {prediction.num_points}"
            beyond = [value for value in values if not (math.isfinite(value) and low <= value <= high)]
            return values, f"the curve comes to {beyond[0]:.3g}, which the axis has not" if beyond else ""
