"""What is known of a sweep's settings: plain frozen records for the study, the table, the page and the command line."""

from __future__ import annotations

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from maml_core.config import PythonConfig, at_test
from maml_core.divergence import DIVERGED_FACTOR, loss_scale
from maml_core.families.curves import CurveFamily
from maml_core.intervals import half_width
from maml_core.records import Curvature, Numbers, Status
from maml_core.sweeps.axes import Value
from maml_core.sweeps.definition import Setting, SweepConfig

MOST_TASKS = 1000
"""Held-out tasks whose values are kept one by one, of each lane."""


class LaneStop(NamedTuple):
    """A lane that left the batch by itself."""

    lane: int
    """Its place in `configs`."""
    step: int
    """Outer step at which it was found."""
    status: Status
    """As the single run would have said it."""


class LaneRefusal(NamedTuple):
    """A lane that left the batch since it cannot be computed; its setting is left out."""

    lane: int
    """Its place in `configs`."""
    why: str


class LaneResult(NamedTuple):
    """One seed of a setting."""

    seed: int
    """Added to the base's seeds."""
    status: Literal["ok", "diverged", "dead", "pruned"]
    step: int
    """Outer step that it reached."""
    loss: float
    """Held-out query loss after N inner steps, mean over tasks; inf or NaN where it is not finite."""
    ci95: float
    """Half-width over held-out tasks."""
    before: float
    """Held-out query loss before adaptation."""
    accuracy: float
    """After N inner steps, 0..1; NaN in regression."""
    accuracy_ci95: float
    diverged_share: float
    """Share of the held-out tasks that diverge within N inner steps."""
    worse_share: float
    """Share of the held-out tasks whose loss after N inner steps is higher than before adaptation."""
    lambda_max: float
    """NaN where it was not measured."""
    task_values: bytes = b""
    """See `by_task`: float32, little-endian. Empty where the lane left by itself, or an earlier version measured it."""

    @property
    def by_task(self) -> Numbers:
        """What is optimised after N inner steps, task by task: held-out loss, or accuracy of classes, of the first `MOST_TASKS` held-out tasks,
        [T]; empty where it is not known.
        """
        values: Numbers = np.frombuffer(self.task_values, dtype="<f4").astype(np.float64)
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingResult:
    """One setting, as far as it is known."""

    number: int
    values: Mapping[str, Value]
    status: Literal["waiting", "running", "ok", "diverged", "pruned", "refused"]
    """diverged: the status of a lane is not ok, or its held-out loss is not finite. refused: its values do not go together, or its tasks
    cannot be drawn; it is left out."""
    value: float
    """Mean over seeds of what is optimised: held-out loss, or accuracy of classes; NaN while nothing was measured, the cap where diverged."""
    ci95: float
    """With one seed over its held-out tasks; with several over the seeds (Student's t)."""
    lanes: tuple[LaneResult, ...] = ()
    steps: Numbers | None = None
    """Outer steps of the rungs that were measured, [R]."""
    curve: Numbers | None = None
    """Held-out value at the rungs, mean over seeds, at worst the cap, [R]."""
    curvatures: Numbers | None = None
    """lambda_max at theta_0 of the rungs, mean over the seeds that were measured there, [R]; NaN where none was, or an earlier version
    measured it."""
    training_steps: Numbers | None = None
    """The last outer steps of the stretches that the training loss is averaged over, [P]."""
    training: Numbers | None = None
    """Training query loss after adaptation, mean over each stretch, [seeds, P]; NaN after a lane left. None where others have it."""
    form_changes: tuple[int, ...] = ()
    """The outer steps from which on its steps were taken in another form than before: compiled from the first on, eager from the second, and so
    on. Empty where all were eager."""
    refusal: str = ""
    """Why it was refused."""

    @property
    def is_done(self) -> bool:
        """Whether it needs no more work."""
        return self.status in ("ok", "diverged", "pruned", "refused")

    @property
    def is_finished(self) -> bool:
        """Whether it was computed; what is left out was not."""
        return self.is_done and self.status != "refused"

    @property
    def lambda_max(self) -> float:
        """Mean over the seeds that were measured; NaN where none was."""
        known = [lane.lambda_max for lane in self.lanes if math.isfinite(lane.lambda_max)]
        return float(np.mean(known)) if known else math.nan

    @property
    def stability_limit(self) -> float:
        """2 / lambda_max at its theta_0."""
        return Curvature.stability_limit(self.lambda_max)


def waiting(setting: Setting) -> SettingResult:
    """A setting of which nothing is known yet."""
    return SettingResult(number=setting.number, values=setting.values, status="waiting", value=math.nan, ci95=math.nan)


def refused(setting: Setting, refusal: str) -> SettingResult:
    """A setting that is left out, and why."""
    return SettingResult(
        number=setting.number, values=setting.values, status="refused", value=math.nan, ci95=math.nan, refusal=refusal
    )


def result_of(
    sweep: SweepConfig,
    setting: Setting,
    lanes: Sequence[LaneResult],
    *,
    done: bool,
    rungs: Sequence[tuple[int, float]] = (),
    curvatures: Mapping[int, float] | None = None,
    training: tuple[Numbers, Numbers] | None = None,
    form_changes: Sequence[int] = (),
) -> SettingResult:
    """What the lanes of a setting say about it.

    Args:
        sweep: That it is of.
        setting: Which one.
        lanes: One a seed; empty while nothing was measured.
        done: Whether no lane goes on.
        rungs: Outer steps and values so far.
        curvatures: lambda_max by the outer steps of the rungs, where it was measured.
        training: Steps and losses of the training curves.
        form_changes: As in `SettingResult`.
    """
    value, ci95 = value_of(sweep, lanes)
    gone = [lane.status in ("diverged", "dead") for lane in lanes]
    status: Literal["running", "ok", "diverged", "pruned"] = "running"
    if done:
        pruned = any(lane.status == "pruned" for lane in lanes)
        status = (
            "pruned" if pruned and not any(gone) else "ok" if not any(gone) and math.isfinite(value) else "diverged"
        )
    if status == "diverged":
        value, ci95 = cap_of(sweep), math.nan
    return SettingResult(
        number=setting.number,
        values=setting.values,
        status=status,
        value=value,
        ci95=ci95,
        lanes=tuple(lanes),
        steps=np.array([step for step, _ in rungs], dtype=np.float64),
        curve=np.array([value for _, value in rungs], dtype=np.float64),
        curvatures=np.array([(curvatures or {}).get(step, math.nan) for step, _ in rungs], dtype=np.float64),
        training_steps=None if training is None else training[0],
        training=None if training is None else training[1],
        form_changes=tuple(form_changes),
    )


def value_of(sweep: SweepConfig, lanes: Sequence[LaneResult]) -> tuple[float, float]:
    """What is optimised, mean over the seeds, and the half-width of its 95% interval; NaN where nothing was measured."""
    values = [lane.accuracy if sweep.maximises else lane.loss for lane in lanes]
    if not values:
        return math.nan, math.nan
    mean = float(np.mean(values))
    if not math.isfinite(mean):
        return mean, math.nan
    if len(values) == 1:
        return mean, lanes[0].accuracy_ci95 if sweep.maximises else lanes[0].ci95
    return mean, float(half_width(np.array(values)))


def cap_of(sweep: SweepConfig) -> float:
    """The worst value that a setting has in the study, so that one that diverged stands beside the others: an accuracy of 0, or a loss of
    `DIVERGED_FACTOR` times the zero predictor's, in the base set-up.

    >>> round(cap_of(SweepConfig()), 1)
    42.5
    """
    if sweep.maximises:
        return 0.0
    tasks = at_test(sweep.base.tasks)
    assert isinstance(tasks, CurveFamily | PythonConfig), "classes are judged by their accuracy"
    return DIVERGED_FACTOR * loss_scale(tasks.zero_level(), 0.0)


def capped(sweep: SweepConfig, value: float) -> float:
    """A value as the study has it: at worst the cap, which stands for what is not finite too.

    >>> round(capped(SweepConfig(), float("inf")), 1), capped(SweepConfig(), 0.5)
    (42.5, 0.5)
    """
    cap = cap_of(sweep)
    if not math.isfinite(value):
        return cap
    return max(value, cap) if sweep.maximises else min(value, cap)


def lanes_to_list(lanes: Sequence[LaneResult]) -> list[dict[str, Any]]:
    """Lanes as plain JSON values; a number that is not finite is its name, and bytes are in base 64, left out where there are none."""

    def plain(value: object) -> object:
        if isinstance(value, bytes):
            return base64.b64encode(value).decode("ascii")
        return str(value) if isinstance(value, float) and not math.isfinite(value) else value

    return [{name: plain(value) for name, value in lane._asdict().items() if value != b""} for lane in lanes]


def lanes_from_list(data: Sequence[Mapping[str, Any]]) -> tuple[LaneResult, ...]:
    """The lanes of `lanes_to_list`. Earlier versions had no `worse_share`, and counted as diverged each task that was far above its own zero
    predictor, however much it had improved: of theirs both shares are NaN.
    """

    def read(lane: Mapping[str, Any]) -> LaneResult:
        known: dict[str, Any] = {
            key: value if key == "status" or not isinstance(value, str) else float(value)
            for key, value in lane.items()
            if key != "task_values"
        }
        known["task_values"] = base64.b64decode(lane.get("task_values", ""), validate=True)
        if "worse_share" not in known:
            known |= {"diverged_share": math.nan, "worse_share": math.nan}
        return LaneResult(**known)

    return tuple(read(lane) for lane in data)
