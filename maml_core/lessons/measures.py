"""What lessons measure: names for single numbers of what a page, or the check, has seen of a run. Nothing here imports torch.

A number that there is not (a class' accuracy of curves, what only an open closer look measures) has no entry.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from maml_core.analysis_records import (
    Coherence,
    Directions,
    LabelOrders,
    LayerChanges,
    Shift,
    Spectrum,
    TaskVectors,
    middle,
)
from maml_core.config import RunConfig
from maml_core.records import Curvature, InnerDescent, LayerMoves, Numbers, Records, Snapshot, Status, Summary


class Measure(NamedTuple):
    """A number by its name."""

    name: str
    sentence: str
    look: str
    """The chart that must stand in the place of the paths for it to be measured; empty where it always is."""


class Observed(NamedTuple):
    """What was seen of a run at one outer step, as plain records."""

    config: RunConfig
    """The set-up that holds there."""
    step: int
    status: Status = Status()
    rollbacks: int = 0
    """How often it went back to a good state since it began."""
    summary: Summary | None = None
    """Held-out losses of the run's theta_0 (the trajectory ``maml`` of a snapshot)."""
    joint: Summary | None = None
    random: Summary | None = None
    curvature: Curvature | None = None
    descent: InnerDescent | None = None
    moves: LayerMoves | None = None
    found: Any = None
    """What the closer look that is open has found: a record of `analysis_records`, or the tuple of shifts."""
    training_loss: float = math.nan
    """Mean of the training query loss over the `RECENT_STEPS` newest outer steps."""
    training_accuracy: float = math.nan
    """Mean of the training query accuracy over them."""


RECENT_STEPS = 20
"""Outer steps over which the training loss of a lesson is the mean."""


class Seen(Protocol):
    """What has been looked at of a run: a `Snapshot`, or what a page has gathered of several."""

    @property
    def trajectories(self) -> Mapping[str, Summary]:
        """Held-out losses by learner."""

    @property
    def curvature(self) -> Curvature | None:
        """lambda_max over held-out tasks."""

    @property
    def descent(self) -> InnerDescent | None:
        """What the inner steps do to the support loss."""

    @property
    def moves(self) -> LayerMoves | None:
        """How far each layer moves."""


def observed(
    config: RunConfig,
    status: Status,
    seen: Seen,
    *,
    step: int,
    found: object = None,
    rollbacks: int = 0,
    losses: Sequence[float] | Numbers = (),
    accuracies: Sequence[float] | Numbers = (),
) -> Observed:
    """What was seen of a run.

    Args:
        config: The set-up that holds there.
        status: Of the run.
        seen: What was looked at.
        step: The outer step at which it was.
        found: What the closer look that is open has found.
        rollbacks: How often it went back.
        losses: Training query losses of its outer steps, the newest last.
        accuracies: Training query accuracies, likewise.
    """
    return Observed(
        config=config,
        step=step,
        status=status,
        rollbacks=rollbacks,
        summary=seen.trajectories.get("maml"),
        joint=seen.trajectories.get("joint"),
        random=seen.trajectories.get("random"),
        curvature=seen.curvature,
        descent=seen.descent,
        moves=seen.moves,
        found=found,
        training_loss=_newest(losses),
        training_accuracy=_newest(accuracies),
    )


def of_snapshot(config: RunConfig, status: Status, seen: Snapshot, **training: Any) -> Observed:
    """What a snapshot shows of a run; `training` as `observed` takes it and `of_training` gives it."""
    return observed(config, status, seen, step=seen.step, found=seen.look, **training)


def of_training(records: Sequence[Records]) -> dict[str, Any]:
    """What `of_snapshot` takes of a run's training, from the records of its stretches, oldest first."""
    losses, accuracies = (
        [float(v) for part in records for v in getattr(part, name)] for name in ("query_loss", "accuracy")
    )
    return {"rollbacks": sum(len(part.events) for part in records), "losses": losses, "accuracies": accuracies}


def _newest(values: Sequence[float] | Numbers) -> float:
    return float(np.mean(values[-RECENT_STEPS:])) if len(values) else math.nan


LOOK_OF: Mapping[str, str] = {
    "coherence": "coherence",
    "directions": "directions",
    "features": "layers",
    "label_orders": "label_orders",
    "shifts": "shifts",
    "spectrum": "spectrum",
    "task_disk": "task_vectors",
}
"""The charts of closer looks that something is measured of, and the look of the engine that each shows."""

_ALWAYS = {
    "step": "Outer steps taken.",
    "alpha": "Inner step size.",
    "beta": "Outer step size.",
    "num_inner_steps": "N, inner steps in training.",
    "loss_before": "Held-out query loss before adaptation, mean over tasks.",
    "loss_after": "Held-out query loss after N steps, mean over tasks.",
    "loss_last": "Held-out query loss after all inner steps of the evaluation, mean over tasks.",
    "median_before": "Held-out query loss before adaptation, median over tasks.",
    "median_after": "Held-out query loss after N steps, median over tasks.",
    "median_last": "Held-out query loss after all inner steps of the evaluation, median over tasks.",
    "worse_share": "Share of held-out tasks whose loss is higher after N steps than before, 0..1.",
    "diverged_share": "Share of held-out tasks that diverged within N steps, 0..1.",
    "diverged_last": "Share of held-out tasks that diverged within all inner steps of the evaluation, 0..1.",
    "accuracy_before": "Held-out query accuracy before adaptation, 0..1.",
    "accuracy_after": "Held-out query accuracy after N steps, 0..1.",
    "accuracy_last": "Held-out query accuracy after all inner steps of the evaluation, 0..1.",
    "joint_before": "As median_before, of joint pretraining.",
    "joint_after": "As median_after, of joint pretraining.",
    "joint_last": "As median_last, of joint pretraining.",
    "random_before": "As median_before, of the initial weights.",
    "random_after": "As median_after, of the initial weights.",
    "random_last": "As median_last, of the initial weights.",
    "training_loss": f"Training query loss after N steps, mean over the newest {RECENT_STEPS} outer steps.",
    "training_accuracy": f"Training query accuracy after N steps, mean over the newest {RECENT_STEPS} outer steps.",
    "lambda_max": "Largest curvature of the support loss at theta_0, median over held-out tasks.",
    "limit": "2 / lambda_max: the step size beyond which steps overshoot on a quadratic.",
    "alpha_lambda": "alpha times lambda_max; 2 is the limit.",
    "raised_share": "Share of held-out tasks on which some inner step raises the support loss, 0..1.",
    "diverged": "1 where the run has diverged and waits, else 0.",
    "rollbacks": "How often the run went back to a good state.",
}
_OF_LOOKS = {
    "coherence.same_task": "Cosine of gradients on two halves of one task, mean over tasks.",
    "coherence.two_tasks": "Cosine of gradients on two tasks, mean over pairs.",
    "directions.first_order": "Cosine of FOMAML's direction and MAML's at the run's N, over all batches.",
    "directions.reptile": "Cosine of Reptile's direction and MAML's at the run's N.",
    "directions.joint": "Cosine of joint training's direction and MAML's at the run's N.",
    "directions.agreement": "Cosine of MAML's directions on two batches at the run's N.",
    "features.body": "Linear CKA of the last hidden layer before and after adaptation, median over tasks.",
    "features.head": "Linear CKA of the output before and after adaptation, median over tasks.",
    "label_orders.best": "Accuracy of the task that is shown under the best of its numberings.",
    "label_orders.worst": "Accuracy under the worst.",
    "label_orders.mean": "Accuracy, mean over numberings.",
    "label_orders.zeroed": "Accuracy with the head set to zero before adaptation.",
    "label_orders.together": "Accuracy on some new tasks, each one's images asked together.",
    "label_orders.alone": "The same with each image asked by itself, so that batch norm sees no other.",
    "layers.body": "How far adaptation moves the hidden layer that it moves most, as a share of its length, median over tasks.",
    "layers.head": "How far it moves the head.",
    "shifts.inside": "Loss after all inner steps of the evaluation on tasks like those of training, median over tasks.",
    "shifts.amplitude": "The same on tasks of larger amplitude, as a multiple of inside.",
    "shifts.phase": "The same on tasks of later phase, as a multiple of inside.",
    "spectrum.start": "Largest curvature of the support loss at theta_0, median over tasks.",
    "spectrum.end": "The same at theta_N.",
    "task_disk.r2": "R² with which the two components tell the task.",
    "task_disk.explained": "Share of the variance of theta_N - theta_0 along the two components, 0..1.",
}

MEASURES: Mapping[str, Measure] = {
    **{name: Measure(name, sentence, "") for name, sentence in _ALWAYS.items()},
    **{name: Measure(name, sentence, name.partition(".")[0]) for name, sentence in _OF_LOOKS.items()},
}
"""Every measure by name; those of closer looks are ``<chart>.<name>``."""

CURVES: Mapping[str, Measure] = {
    "adaptation": Measure("adaptation", "Held-out query loss after 0, 1, 2, ... inner steps, median over tasks.", ""),
    "accuracy": Measure("accuracy", "Held-out query accuracy after 0, 1, 2, ... inner steps, 0..1.", ""),
}
"""What a curve can be predicted of."""


class Named:
    """Measured numbers as attributes; what was not measured is NaN, so that no condition on it holds.

    >>> trained = Named({"loss_after": 0.5, "task_disk.r2": 0.9})
    >>> trained.loss_after, trained.task_disk.r2, trained.features.body < 1
    (0.5, 0.9, False)
    """

    def __init__(self, values: Mapping[str, float]) -> None:
        self._values = values

    def __getattr__(self, name: str) -> Any:
        if name in self._values:
            return self._values[name]
        of_look = {key.partition(".")[2]: value for key, value in self._values.items() if key.startswith(f"{name}.")}
        return Named(of_look) if any(measure.look == name for measure in MEASURES.values()) else math.nan


def measured(observed: Observed) -> dict[str, float]:
    """Every measure that there is, by name; a number that is not finite stays so."""
    config = observed.config
    found: dict[str, float] = {
        "step": observed.step,
        "alpha": config.alpha,
        "beta": config.beta,
        "num_inner_steps": config.num_inner_steps,
        "diverged": float(observed.status.kind == "diverged"),
        "rollbacks": observed.rollbacks,
        **_held_out(config, observed),
    }
    for name in ("training_loss", "training_accuracy"):
        if not math.isnan(value := getattr(observed, name)):
            found[name] = value
    if (curvature := observed.curvature) is not None:
        found["lambda_max"] = curvature.median
        found["limit"] = curvature.stability_limit(curvature.median)
        found["alpha_lambda"] = config.alpha * curvature.median
    if observed.descent is not None:
        found["raised_share"] = observed.descent.raised_share
    if (moves := observed.moves) is not None:
        *body, head = moves.median[-1]
        found["layers.head"] = head
        found |= {"layers.body": max(body)} if body else {}
    if observed.found is not None:
        found |= _of_look(config, observed.found)
    return {name: float(value) for name, value in found.items()}


def curves(observed: Observed) -> dict[str, tuple[float, ...]]:
    """Every curve that there is, by name: a value after each of 0, 1, 2, ... inner steps."""
    summary = observed.summary
    if summary is None:
        return {}
    found = {"adaptation": _plain(summary.median)}
    return found if summary.accuracy is None else {**found, "accuracy": _plain(summary.accuracy)}


def _plain(values: Numbers) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _held_out(config: RunConfig, observed: Observed) -> dict[str, float]:
    found: dict[str, float] = {}
    if (summary := observed.summary) is not None:
        found |= _stages("loss", summary.mean, config) | _stages("median", summary.median, config)
        found["diverged_last"] = summary.diverged_share[-1]
        if config.num_inner_steps < len(summary.mean):
            found["worse_share"] = summary.worse_share[config.num_inner_steps]
            found["diverged_share"] = summary.diverged_share[config.num_inner_steps]
        if summary.accuracy is not None:
            found |= _stages("accuracy", summary.accuracy, config)
    for name in ("joint", "random"):
        if (other := getattr(observed, name)) is not None:
            found |= _stages(name, other.median, config)
    return found


def _stages(name: str, values: Numbers, config: RunConfig) -> dict[str, float]:
    """A value after 0, N and all inner steps; none after N where fewer steps were taken."""
    found = {f"{name}_before": values[0], f"{name}_last": values[-1]}
    return {**found, f"{name}_after": values[config.num_inner_steps]} if config.num_inner_steps < len(values) else found


def _of_look(config: RunConfig, found: Any) -> dict[str, float]:
    match found:
        case Coherence():
            return {"coherence.same_task": found.same_task.mean, "coherence.two_tasks": found.two_tasks.mean}
        case Directions():
            return _directions(config, found)
        case LayerChanges():
            *body, head = middle(found.similarity)[1]
            return {"features.head": head, **({"features.body": body[-1]} if body else {})}
        case LabelOrders():
            of_orders = found.accuracy[-1, 0]
            return {
                "label_orders.best": of_orders.max(),
                "label_orders.worst": of_orders.min(),
                "label_orders.mean": of_orders.mean(),
                "label_orders.zeroed": found.zeroed_accuracy[-1, 0],
                "label_orders.together": found.together_accuracy[-1].mean(),
                "label_orders.alone": found.alone_accuracy[-1].mean(),
            }
        case Spectrum():
            ends = {"start": found.at_theta_0, "end": found.at_theta_n}
            return {f"spectrum.{name}": float(middle(values[:, :1])[1, 0]) for name, values in ends.items()}
        case TaskVectors():
            return {"task_disk.r2": found.r2, "task_disk.explained": float(found.explained.sum())}
        case (Shift(), *_):
            return _shifts({shift.name: float(shift.summary.median[-1]) for shift in found})
        case _:
            return {}


def _directions(config: RunConfig, found: Directions) -> dict[str, float]:
    if config.num_inner_steps not in found.num_inner_steps:
        return {}
    at = found.num_inner_steps.index(config.num_inner_steps)
    words = {"fomaml": "first_order"}
    cosines = {f"directions.{words.get(rule, rule)}": found.cosine[row, at, 0] for row, rule in enumerate(found.rules)}
    return {**cosines, "directions.agreement": found.agreement[at]}


def _shifts(medians: dict[str, float]) -> dict[str, float]:
    inside = medians["inside"]
    others = {"shifts.amplitude": "amplitude", "shifts.phase": "phase_rad"}
    return {
        "shifts.inside": inside,
        **{name: medians[kind] / inside for name, kind in others.items() if kind in medians and inside > 0.0},
    }
