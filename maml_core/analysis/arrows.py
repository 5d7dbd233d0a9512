"""The directions of `directions` as arrows, in the plane of the inner paths that begin at the same theta_0."""

from __future__ import annotations

import torch

from maml_core.analysis.directions import NUM_BATCHES, directions
from maml_core.analysis_records import Arrows
from maml_core.inner import Adaptation
from maml_core.landscape import flat, inner_paths, inner_thetas
from maml_core.problem import Problem
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params, Tasks

NUM_PATHS = 8
"""Tasks whose inner paths are shown, at most."""


@single_threaded
def arrows(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_inner_steps: int,
    num_batches: int = NUM_BATCHES,
) -> Arrows:
    """Where MAML, FOMAML, joint training and Reptile would move theta_0, in the plane of the inner paths. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: Those of all batches, batch by batch, [B * T, ...]; the paths are of the first `NUM_PATHS` at most.
        problem: Model and loss.
        how: How theta_0 adapts; no proximal term.
        num_inner_steps: N, 1 or more.
        num_batches: B.

    Raises:
        ValueError: As `directions`.
    """
    shown = Tasks(_first(tasks.support), _first(tasks.query), tasks.parameters[:NUM_PATHS])
    thetas = inner_thetas(theta_0, shown, problem=problem, how=how, num_steps=num_inner_steps)
    paths = inner_paths(torch.stack([flat(theta) for theta in thetas], dim=1), flat(theta_0))
    found = directions(
        theta_0,
        tasks,
        problem=problem,
        how=how,
        num_inner_steps=[num_inner_steps],
        num_batches=num_batches,
        plane=paths.plane,
    )
    return Arrows(paths, found)


def _first(examples: Examples) -> Examples:
    return Examples(examples.x[:NUM_PATHS], examples.y[:NUM_PATHS])
