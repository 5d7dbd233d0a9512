"""Every measurement of one state of a run, on held-out tasks, at sizes that a page can wait for: 0.4 s of a processor, the loss plane and the
spectrum 1.5 s.

Measured in processor seconds, which is what a look costs wherever it waits: of curves on the preset "Fast demo"; of images on "Glyphs, fast demo",
where the directions take 0.3 s, the loss plane 0.25 s, the spectrum 0.5 s and all others 0.1 s at most, and "Glyphs, 20 ways", where they take twice that, the numberings 0.5 s.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Literal, NamedTuple

import numpy as np

from maml_core.analysis.arrows import arrows
from maml_core.analysis.coherence import coherence
from maml_core.analysis.directions import NUM_BATCHES, directions
from maml_core.analysis.label_orders import label_orders
from maml_core.analysis.layer_changes import layer_changes
from maml_core.analysis.loss_plane import loss_plane
from maml_core.analysis.one_step import one_step
from maml_core.analysis.shifts import shifts
from maml_core.analysis.spectrum import spectrum
from maml_core.analysis.task_vectors import task_vectors
from maml_core.analysis_records import (
    LOOKS_AT_ONE_TASK,
    Arrows,
    Coherence,
    Directions,
    LabelOrders,
    LayerChanges,
    LossPlane,
    Shift,
    Spectrum,
    TaskVectors,
)
from maml_core.config import RunConfig
from maml_core.problem import Problem, demonstration_task, held_out_tasks, torch_dtype
from maml_core.records import Plane
from maml_core.run_state import Learner, rule, training_rule


class Sizes(NamedTuple):
    """How much each look looks at."""

    batch_tasks: int
    """Tasks of each batch of `directions`."""
    coherence_tasks: int
    vector_tasks: int
    plane_tasks: int
    plane_resolution: int
    spectrum_tasks: int
    layer_tasks: int
    shift_tasks: int
    """Tasks of each kind of shift."""
    asked_tasks: int
    """Tasks beside the one that is renumbered, whose query points are asked by themselves."""


CURVES = Sizes(
    batch_tasks=25,
    coherence_tasks=100,
    vector_tasks=400,
    plane_tasks=10,
    plane_resolution=41,
    spectrum_tasks=10,
    layer_tasks=50,
    shift_tasks=100,
    asked_tasks=20,
)
IMAGES = Sizes(
    batch_tasks=1,
    coherence_tasks=20,
    vector_tasks=60,
    plane_tasks=3,
    plane_resolution=9,
    spectrum_tasks=2,
    layer_tasks=8,
    shift_tasks=20,
    asked_tasks=10,
)

GRID_POINTS = 121
"""Inputs of curves at which the outputs of layers are compared."""


def sizes(config: RunConfig) -> Sizes:
    """How much is looked at of a run: a task of images takes some hundred times as long as one of points."""
    return IMAGES if config.classifies else CURVES


def look_at_directions(
    config: RunConfig, problem: Problem, learner: Learner, *, plane: Plane | None = None
) -> Directions:
    """FOMAML's, Reptile's and joint training's directions beside MAML's, for N = 1..5. Of iMAML, without its proximal term."""
    tasks = held_out_tasks(config, problem, num_tasks=NUM_BATCHES * sizes(config).batch_tasks)
    how = training_rule(config, problem, learner)._replace(proximal=0.0)
    return directions(learner.theta, tasks, problem=problem, how=how, plane=plane)


def look_at_arrows(config: RunConfig, problem: Problem, learner: Learner) -> Arrows:
    """The directions of `look_at_directions` at the N of the run, in the plane of its inner paths; after one step where N is 0."""
    tasks = held_out_tasks(config, problem, num_tasks=NUM_BATCHES * sizes(config).batch_tasks)
    how = training_rule(config, problem, learner)._replace(proximal=0.0)
    return arrows(learner.theta, tasks, problem=problem, how=how, num_inner_steps=max(1, config.num_inner_steps))


def look_at_coherence(config: RunConfig, problem: Problem, learner: Learner) -> Coherence:
    """Cosines of gradients on halves of one task and on two tasks."""
    tasks = held_out_tasks(config, problem, num_tasks=sizes(config).coherence_tasks)
    return coherence(learner.theta, tasks, problem=problem, how=rule(config, problem, learner))


def look_at_task_vectors(
    config: RunConfig, problem: Problem, learner: Learner, *, previous: Plane | None = None
) -> TaskVectors:
    """Principal components of theta_N - theta_0."""
    return task_vectors(
        learner.theta,
        held_out_tasks(config, problem, num_tasks=sizes(config).vector_tasks),
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.num_inner_steps,
        previous=previous,
    )


def look_at_loss_plane(
    config: RunConfig, problem: Problem, learner: Learner, *, directions: Literal["path", "random"] = "path"
) -> LossPlane:
    """Losses over the plane of the first held-out task's path, or over a random one."""
    return loss_plane(
        learner.theta,
        held_out_tasks(config, problem, num_tasks=sizes(config).plane_tasks),
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.num_inner_steps,
        directions=directions,
        resolution=sizes(config).plane_resolution,
    )


def look_at_spectrum(config: RunConfig, problem: Problem, learner: Learner) -> Spectrum:
    """The largest eigenvalues of support Hessians at theta_0 and theta_N."""
    return spectrum(
        learner.theta,
        held_out_tasks(config, problem, num_tasks=sizes(config).spectrum_tasks),
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.num_inner_steps,
    )


def look_at_layers(config: RunConfig, problem: Problem, learner: Learner) -> LayerChanges:
    """Similarity of each layer's outputs before and after adaptation: of curves over the range of x, of images on the query images."""
    grid = None if config.classifies else problem.probe_inputs(GRID_POINTS, torch_dtype(config))
    return layer_changes(
        learner.theta,
        held_out_tasks(config, problem, num_tasks=sizes(config).layer_tasks),
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.num_inner_steps,
        x=grid,
    )


def look_at_label_orders(config: RunConfig, problem: Problem, learner: Learner, *, draw: int = 0) -> LabelOrders:
    """Accuracy on the demonstration task of a numbered draw under numberings of its classes; with query points asked by themselves, on it and
    on held-out tasks.

    Raises:
        ValueError: Tasks that are not of classes.
    """
    how: dict[str, Any] = {
        "problem": problem,
        "how": rule(config, problem, learner),
        "num_steps": config.num_inner_steps,
    }
    shown = label_orders(learner.theta, demonstration_task(config, problem, draw), **how)
    others = label_orders(
        learner.theta, held_out_tasks(config, problem, num_tasks=sizes(config).asked_tasks), **how, num_orders=1
    )
    return shown._replace(
        alone_accuracy=np.concatenate([shown.alone_accuracy, others.alone_accuracy], axis=1),
        together_accuracy=np.concatenate([shown.together_accuracy, others.together_accuracy], axis=1),
    )


def look_at_shifts(config: RunConfig, problem: Problem, learner: Learner) -> tuple[Shift, ...]:
    """Adaptation on tasks outside the range of training beside tasks inside it."""
    return shifts(
        config,
        learner.theta,
        problem=problem,
        how=rule(config, problem, learner),
        num_steps=config.evaluation_steps,
        num_tasks=sizes(config).shift_tasks,
    )


LOOKS: Mapping[str, Callable[..., Any]] = {
    "directions": look_at_directions,
    "arrows": look_at_arrows,
    "coherence": look_at_coherence,
    "task_vectors": look_at_task_vectors,
    "loss_plane": look_at_loss_plane,
    "random_plane": partial(look_at_loss_plane, directions="random"),
    "spectrum": look_at_spectrum,
    "layers": look_at_layers,
    "label_orders": look_at_label_orders,
    "one_step": one_step,
    "shifts": look_at_shifts,
}
"""Every look by name: (config, problem, learner) and what its docstring names -> a record."""


def take_look(name: str, config: RunConfig, problem: Problem, learner: Learner, *, draw: int = 0) -> Any:
    """One look by its name.

    Args:
        name: In `LOOKS`.
        config: Of the run.
        problem: Of the run.
        learner: Whose theta_0 is looked at.
        draw: Number of the draw of the demonstration task, for a look at one (`LOOKS_AT_ONE_TASK`).
    """
    of_task = {"draw": draw} if name in LOOKS_AT_ONE_TASK else {}
    return LOOKS[name](config, problem, learner, **of_task)
