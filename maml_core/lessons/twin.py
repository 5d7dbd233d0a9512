"""The static twin of a lesson: its words, questions and verdicts, with the figures of one run, on a page where nothing can be pressed.

It is what a study compares the lesson with: all that is told and shown is the same, and only the guess, the dials and one's own run are missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from maml_core.analysis_records import Directions
from maml_core.config import RunConfig, replace
from maml_core.lessons.checking import beside, wanted_of
from maml_core.lessons.drawing import Axis, Line, Numbers, chart, legend
from maml_core.lessons.judging import three_digits, verdict
from maml_core.lessons.lesson import Action, Lesson, Prediction, Step
from maml_core.lessons.measures import LOOK_OF, curves, measured, of_snapshot, of_training
from maml_core.lessons.pages import page, rich
from maml_core.lessons.reading import look_of, model_value, restarted
from maml_core.records import Curvature, Demonstration, Entry, Records, Snapshot, TaskFit, View
from maml_core.runs import advance, apply_entry, init_run
from maml_core.snapshots import snapshot
from maml_core.threads import single_threaded

BEFORE, AFTER, OTHER, SUPPORT, QUERY = "#0072b2", "#d55e00", "#6b7280", "#e69f00", "#009e73"
"""The page's colours (`dashboard/theme.py`), of what they are there."""
_MUCH = 10_000
"""A loss beyond this is a loss without bound."""


class Shown(NamedTuple):
    """What a step of a lesson has to show of its run."""

    config: RunConfig
    """The set-up that holds by now."""
    snapshot: Snapshot
    records: Records | None
    """What the run recorded since it began; None before its first outer step."""
    earlier: Records | None
    """What the run before recorded, where the lesson has begun another."""


class Figure(NamedTuple):
    """A chart with what stands below it."""

    svg: str
    legend: str
    caption: str


@single_threaded
def twin(lesson: Lesson, seed: int = 0) -> str:
    """The twin of a lesson as a page, from the run of one seed.

    Args:
        lesson: The lesson.
        seed: Of the initial weights and of the training tasks.
    """
    walk = _Walk(lesson, seed)
    steps = [_section(walk, at) for at in range(len(lesson.steps))]
    body = f"""
<h1>{rich(lesson.title)}</h1>
<p class="about">{rich(lesson.about)}</p>
<p class="about">This page shows a lesson as it went with one run (seed {seed}). Where the text asks to press, to drag or to draw, that has been done already.
Think of an answer to each question before you read on.</p>
{"".join(steps)}
<h2>And then?</h2>
<p>{rich(lesson.transfer)}</p>
<p class="said">{rich(lesson.answer)}</p>
<footer>Source: {rich(lesson.source)}. Written by <code>maml lessons twin {lesson.name}</code>.</footer>
"""
    return page(lesson.title, body)


class _Walk:
    """A run that does what a lesson asks."""

    def __init__(self, lesson: Lesson, seed: int) -> None:
        self.lesson = lesson
        self.names: dict[str, float] = {}  # all that was measured so far
        self._seeds = {"weights_seed": seed, "tasks_seed": seed}
        self._wanted = wanted_of(lesson)
        self._earlier: Records | None = None
        self._begin(0, lesson.config)

    def _begin(self, at: int, config: RunConfig) -> None:
        self._config = replace(beside(self.lesson, at, config, self._wanted), self._seeds)
        self._state = init_run(self._config)
        self._records: list[Records] = []

    def step(self, at: int) -> tuple[Shown, Mapping[str, Sequence[float]]]:
        """What a step shows once its action is done, and its curves."""
        step = self.lesson.steps[at]
        if (again := restarted(self.lesson, step)) is not None:
            self._earlier = Records.joined(self._records) if self._records else None
            self._begin(at, again)
        self._act(step.action)
        look = look_of(self.lesson, at)
        view = View(
            tasks=tuple(Demonstration(draw=draw) for draw in _draws(step)),
            paths=False,
            look=LOOK_OF.get(look, ""),
            moves=look == "layers",
        )
        seen = snapshot(self._config, self._state, view)
        found = of_snapshot(self._config, self._state.status, seen, **of_training(self._records))
        records = Records.joined(self._records) if self._records else None
        self.names |= {f"{step.name}.{name}": value for name, value in measured(found).items()}
        return Shown(self._config, seen, records, self._earlier), curves(found)

    def _act(self, action: Action | None) -> None:
        match action:
            case Action(kind="set"):
                self._apply(Entry(step=self._state.step, kind="change", changes={action.setting: model_value(action)}))
            case Action(kind="train"):
                if self._state.status.kind != "ok":
                    self._apply(Entry(step=self._state.step, kind="resume"))
                left = max(0, action.until - self._state.step)
                self._state, records = advance(self._config, self._state, num_steps=left)
                self._records.append(records)

    def _apply(self, entry: Entry) -> None:
        self._config, self._state = apply_entry(self._config, self._state, entry)


def _draws(step: Step) -> range:
    """Which held-out tasks are drawn: the first, or as many others as a step asks for."""
    times = step.action.times if step.action is not None and step.action.kind == "task" else 0
    return range(1, times + 1) if times else range(1)


# --- Words ------------------------------------------------------------------------------------------------------------


def _section(walk: _Walk, at: int) -> str:
    step = walk.lesson.steps[at]
    shown, drawn = walk.step(at)
    parts = [f"<h2>Step {at + 1} of {len(walk.lesson.steps)}</h2>", f"<p>{rich(step.text)}</p>"]
    if step.prediction is not None:
        parts.append(_question(step.prediction))
    if step.action is not None:
        parts.append(f'<p class="about">Done: {rich(_done(step.action))}.</p>')
    parts += [
        f"<figure>\n{figure.svg}\n<figcaption>{figure.legend}<br>{rich(figure.caption)}</figcaption>\n</figure>"
        for place in step.lit
        for figure in FIGURES.get(place, _nothing)(shown)
    ]
    found = verdict(step, walk.names, drawn)
    if step.prediction is not None and isinstance(found.truth, int | float):
        parts.append(f"<p>Answer: <strong>{rich(_answer(step.prediction, found.truth))}</strong></p>")
    if found.sentence:
        parts.append(f'<p class="said">{rich(found.sentence)}</p>')
    return "\n".join(parts) + "\n"


def _done(action: Action) -> str:
    return f"{action.says} ({action.setting} = {model_value(action):g})" if action.kind == "set" else action.says


def _question(asked: Prediction) -> str:
    options = "".join(f"<li><b></b>{rich(option.text)}</li>\n" for option in asked.options)
    axis = f" (from {asked.low:g} to {asked.high:g}{f' {asked.unit}' if asked.unit else ''})" if not options else ""
    listed = f'<ul class="options">\n{options}</ul>' if options else ""
    return f'<div class="asked">\n<p><strong>{rich(asked.question)}</strong>{axis}</p>\n{listed}</div>'


def _answer(asked: Prediction, truth: float) -> str:
    if asked.kind == "choice":
        return asked.options[int(truth)].text
    return f"{three_digits(float(truth))} {asked.unit}".rstrip()


# --- Figures ----------------------------------------------------------------------------------------------------------


def _nothing(_: Shown) -> list[Figure]:
    return []


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"


def _after(config: RunConfig) -> str:
    count = config.num_inner_steps
    return f"after {_steps(count)} (θ<sub>{count}</sub>)"


_BEFORE = "before adapting (θ<sub>0</sub>)"


def _fits(of: Shown) -> list[Figure]:
    """Held-out tasks with what the network says of them before and after adapting."""
    found = []
    for fit in of.snapshot.fits:
        if not isinstance(fit, TaskFit):
            continue
        n = min(of.config.num_inner_steps, len(fit.curves) - 1)
        lines = [
            Line("truth", fit.grid, fit.truth, OTHER, "6 4"),
            Line(_BEFORE, fit.grid, fit.curves[0], BEFORE, "2 3"),
            Line(_after(of.config), fit.grid, fit.curves[n], AFTER),
            Line("examples (support)", fit.support_x, fit.support_y, SUPPORT, marker="circle"),
            Line("test points (query)", fit.query_x, fit.query_y, QUERY, marker="diamond"),
        ]
        losses = [float(fit.query_loss[k]) for k in (0, n)]
        caption = f"A wave that was never trained on: loss on its test points {three_digits(losses[0])} before adapting, {three_digits(losses[1])} after {_steps(n)}."
        reach = 1.15 * max(5.0, float(np.abs(fit.truth).max()))
        x = Axis("input x", float(fit.grid[0]), float(fit.grid[-1]))
        found.append(Figure(chart(lines, x, Axis("output y", -reach, reach), caption), legend(lines), caption))
    return found


def _losses(of: Shown) -> list[Figure]:
    """Held-out losses over the outer steps, and those of the run before."""
    if of.records is None:
        return []
    records = of.records
    lines = [
        Line(_BEFORE, records.held_out_steps, records.held_out_before, BEFORE, "6 4"),
        Line(_after(of.config), records.held_out_steps, records.held_out_after, AFTER),
    ]
    if of.earlier is not None:
        name = f"the run before, {_after(of.config)}"
        lines.insert(0, Line(name, of.earlier.held_out_steps, of.earlier.held_out_after, OTHER, "2 3"))
    ends = [_from_to(line.y) for line in lines[-2:]]
    caption = f"Loss on new waves, mean of {of.config.evaluation_tasks}, in training: {ends[0]} before adapting, {ends[1]} after {_steps(of.config.num_inner_steps)}."
    last = max(float(line.x[-1]) for line in lines if len(line.x))
    return [_of_losses(lines, Axis("outer step", 0.0, max(last, 1.0)), caption)]


def _adaptation(of: Shown) -> list[Figure]:
    """Held-out loss after each inner step, the middle task."""
    values = of.snapshot.trajectories["maml"].median
    lines = [
        Line("the trained start" if of.records is not None else "the start", np.arange(len(values)), values, AFTER)
    ]
    caption = f"Loss on the middle one of {of.config.evaluation_tasks} new waves: {_from_to(values)} in {len(values) - 1} steps of {of.config.alpha:g}."
    return [_of_losses(lines, Axis("inner step", 0.0, float(len(values) - 1)), caption)]


def _gauge(of: Shown) -> list[Figure]:
    """The inner step size beside the limit."""
    found = of.snapshot.curvature
    if found is None or not math.isfinite(limit := Curvature.stability_limit(found.median)):
        return []
    alpha = of.config.alpha
    lines = [
        Line("limit (2/λ<sub>max</sub>)", [0.0, 1.0], [limit, limit], AFTER, "6 4"),
        Line("inner step size (α)", [0.0, 1.0], [alpha, alpha], "#1f2430"),
    ]
    caption = f"The inner step size {alpha:g} beside the longest that is safe on a bowl curved like the loss, {three_digits(limit)}."
    axis = Axis("step size", 0.001, 1.0, logarithmic=True)
    return [Figure(chart(lines, Axis("", 0.0, 1.0), axis, caption), legend(lines), caption)]


def _directions(of: Shown) -> list[Figure]:
    """Cosines of first order with the whole meta-gradient, by the number of inner steps."""
    found = of.snapshot.look
    if not isinstance(found, Directions):
        return []
    cosines = found.cosine[found.rules.index("fomaml"), :, 0]
    lines = [Line("first order", np.array(found.num_inner_steps), cosines, AFTER)]
    at = (
        found.num_inner_steps.index(of.config.num_inner_steps)
        if of.config.num_inner_steps in found.num_inner_steps
        else -1
    )
    caption = f"How far the direction of first order agrees with the whole one (1: the same way): {cosines[at]:.2f} for {_steps(found.num_inner_steps[at])}."
    steps = Axis("inner steps", float(found.num_inner_steps[0]), float(found.num_inner_steps[-1]))
    return [
        Figure(
            chart(lines, steps, Axis("cosine", min(0.0, float(np.nanmin(cosines))), 1.0), caption),
            legend(lines),
            caption,
        )
    ]


def _of_losses(lines: Sequence[Line], x: Axis, caption: str) -> Figure:
    """On a scale of powers that holds what is finite, up to a thousand times the first loss."""
    known = np.concatenate([np.asarray(line.y, dtype=np.float64) for line in lines])
    known = known[np.isfinite(known) & (known > 0.0)]
    high = min(float(known.max()), 1000.0 * float(known[0]))
    axis = Axis("loss", float(known.min()) / 1.3, 1.3 * high, logarithmic=True)
    return Figure(chart(lines, x, axis, caption), legend(lines), caption)


def _from_to(values: Numbers) -> str:
    first, last = (
        f"more than {_MUCH:,}" if value > _MUCH else three_digits(value)
        for value in map(float, (values[0], values[-1]))
    )
    return f"{first} to {last}"


FIGURES: Mapping[str, Callable[[Shown], list[Figure]]] = {
    "fit": _fits,
    "loss": _losses,
    "adaptation": _adaptation,
    "gauge": _gauge,
    "directions": _directions,
}
"""What can be drawn of the charts that a step points at."""
