"""Task vectors theta_N - theta_0 and their principal components: what of a task is in the weights (Tegner et al. 2022; Ilharco et al. 2023)."""

from __future__ import annotations

import numpy as np
import torch

from maml_core.analysis_records import TaskVectors
from maml_core.inner import Adaptation, adapt, as_adaptation
from maml_core.landscape import fit_plane, flat, project
from maml_core.params import over_tasks
from maml_core.problem import Problem
from maml_core.records import Floats, Numbers, Plane
from maml_core.tasks import FewShotImages, TaskFamily
from maml_core.tasks.sinusoid import Sinusoid
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks


@single_threaded
def task_vectors(
    theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation, num_steps: int, previous: Plane | None = None
) -> TaskVectors:
    """Principal components of theta_N - theta_0 over tasks. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        how: How theta_0 adapts.
        num_steps: N.
        previous: Signs follow this plane's directions, so that a new picture is not the mirror image of the last.

    >>> from maml_core import RunConfig, build_problem, held_out_tasks
    >>> problem = build_problem(RunConfig())
    >>> tasks = held_out_tasks(RunConfig(), problem, num_tasks=50)
    >>> found = task_vectors(problem.model.init(0), tasks, problem=problem, how=Adaptation(0.01), num_steps=3)
    >>> found.coordinates.shape, 0.0 < found.r2 < 1.0
    ((50, 2), True)
    """
    num_tasks = tasks.support.x.shape[0]
    with torch.no_grad():
        adapted = adapt(
            over_tasks(theta_0, num_tasks),
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=as_adaptation(how).for_tasks(num_tasks),
            num_steps=num_steps,
            order="first",
        ).theta
    ends = flat(adapted).cpu()
    finite = ends.isfinite().all(1)
    mean = ends[finite].double().mean(0) if finite.any() else torch.zeros(ends.shape[1], dtype=torch.float64)
    centred = ends[finite].double() - mean
    variance = float(centred.square().sum())
    plane = fit_plane(centred if len(centred) else torch.zeros(1, ends.shape[1]), previous)
    plane = plane._replace(origin=mean.numpy().astype(np.float32))
    coordinates = project(ends, plane)
    along = np.square(coordinates[finite.numpy()].astype(np.float64)).sum(0)
    parameters: Numbers = tasks.parameters.double().cpu().numpy()
    is_apart = variance > 1e-12 * float(ends[finite].double().square().sum())
    return TaskVectors(
        coordinates=coordinates,
        plane=plane,
        explained=along / variance if is_apart else np.full(2, np.nan),
        parameters=parameters,
        r2=_r2(problem.family, coordinates[finite.numpy()], parameters[finite.numpy()]) if is_apart else np.nan,
        mean=(mean - flat(theta_0)[0].cpu().double()).numpy().astype(np.float32),
    )


def _r2(family: TaskFamily, coordinates: Floats, parameters: Numbers) -> float:
    at = coordinates.astype(np.float64)
    if isinstance(family, FewShotImages):
        return _between_classes(at, parameters[:, 0])
    if isinstance(family, Sinusoid):
        amplitude, phase = parameters[:, 0], parameters[:, 1]
        return _by_regression(at, np.stack([amplitude * np.cos(phase), amplitude * np.sin(phase)], axis=1))
    return _by_regression(at, parameters.reshape(len(parameters), -1))


def _by_regression(at: Numbers, targets: Numbers) -> float:
    """R² of least squares with intercept, mean over the targets that vary."""
    centred = targets - targets.mean(0)
    varies = centred.std(0) > 1e-9
    if len(at) <= at.shape[1] + 1 or not varies.any():
        return np.nan
    design = np.column_stack([np.ones(len(at)), at])
    left = centred - design @ np.linalg.lstsq(design, centred, rcond=None)[0]
    return float((1.0 - np.square(left).sum(0)[varies] / np.square(centred).sum(0)[varies]).mean())


def _between_classes(at: Numbers, classes: Numbers) -> float:
    """Share of the variance that lies between classes, less what as many classes would show by chance (adjusted R²)."""
    known, which = np.unique(classes, return_inverse=True)
    if len(known) < 2 or len(known) == len(at):
        return np.nan
    means = np.stack([at[which == number].mean(0) for number in range(len(known))])
    within = np.square(at - means[which]).sum() / (len(at) - len(known))
    return float(1.0 - within / (np.square(at - at.mean(0)).sum() / (len(at) - 1)))
