"""The shape of the loss in a plane through theta_0: the one that the inner path spans, or a random one (Goodfellow et al. 2015; Li et al. 2018)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from maml_core.analysis_records import LossPlane
from maml_core.evaluation import evaluate
from maml_core.inner import Adaptation, as_adaptation
from maml_core.landscape import adapting, explained, fit_plane, flat, inner_thetas, project
from maml_core.problem import Problem
from maml_core.records import Floats, Numbers, Plane
from maml_core.rng import Stream, generator
from maml_core.threads import single_threaded
from maml_core.types import Examples, Params, Tasks

MARGIN = 1.5
"""The plane is drawn this many times as far from theta_0 as the first task's path goes."""

UNMOVED = 0.1
"""Where nothing moves: as far as this share of theta_0's length."""

LANES_AT_ONCE = 128
"""Points of the plane that are evaluated together, which bounds the memory."""


@single_threaded
def loss_plane(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_steps: int,
    directions: Literal["path", "random"] = "path",
    resolution: int = 41,
) -> LossPlane:
    """Losses over a square around theta_0, before and after adaptation from every point of it. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks; the first one's path is shown, and their mean is the meta-loss.
        problem: Model and loss.
        how: How theta_0 adapts.
        num_steps: N.
        directions: ``path`` takes the two main directions of the first task's path, and where it is straight the main direction that the other
            tasks' paths add. ``random`` takes two random ones, among the parameters that adapt, over the same distance.
        resolution: G, points along each direction, 2 or more.

    Raises:
        ValueError: A resolution below 2, or another name of directions.
    """
    if resolution < 2:
        raise ValueError(f"resolution = {resolution}: a square has at least 2 points along each side")
    if directions not in ("path", "random"):
        raise ValueError(f"directions = {directions!r}: choose 'path' or 'random'")
    how = as_adaptation(how)
    thetas = inner_thetas(theta_0, tasks, problem=problem, how=how, num_steps=num_steps)
    paths = torch.stack([flat(theta).cpu().double() for theta in thetas], dim=1)  # [T, N + 1, D]
    start = flat(theta_0).cpu().double()
    moved = (paths - start)[:, 1:]
    moved = torch.where(moved.isfinite().all(2, keepdim=True), moved, 0.0)
    moving = adapting(theta_0, how)
    moves = torch.cat([torch.full_like(value, name in moving).flatten() for name, value in theta_0.items()])
    any_two = torch.tensor(generator(0, Stream.CURVATURE, part=1).standard_normal((2, len(moves)))) * moves.cpu()
    basis = _spanned([any_two] if directions == "random" else [moved[0], moved[1:].flatten(0, 1), any_two])
    plane = Plane(start[0].numpy().astype(np.float32), basis)
    furthest = float(moved[0].norm(dim=1).max()) if num_steps else 0.0
    reach = MARGIN * furthest if furthest > 0.0 else UNMOVED * float(start.norm())
    axis = np.linspace(-reach, reach, resolution)
    before, after, support = _losses(theta_0, plane, axis, tasks, problem=problem, how=how, num_steps=num_steps)
    return LossPlane(
        plane=plane,
        axis=axis.astype(np.float32),
        support_loss=support,
        query_loss=before[..., 0],
        query_loss_after=after[..., 0],
        mean_query_loss=before.mean(-1),
        mean_query_loss_after=after.mean(-1),
        path=project(paths[0], plane),
        explained=explained(moved[0], plane),
        num_tasks=len(tasks.parameters),
    )


def _spanned(groups: list[Tensor]) -> Floats:
    """Two orthonormal directions: the main ones of the first group of rows [rows, D], and what is still missing from the next, and so on; zero
    where there are no more.
    """
    found: Numbers = np.zeros((0, groups[0].shape[1]))
    for rows in groups:
        known = torch.tensor(found)
        left = rows - (rows @ known.T) @ known  # in this order: a square of all parameters does not fit into memory
        if len(found) == 2 or len(rows) == 0 or float(left.norm()) <= 1e-6 * float(rows.norm()):
            continue
        main = fit_plane(left).basis[: min(2 - len(found), len(rows))]
        found = np.concatenate([found, main])
    missing = np.zeros((2 - len(found), found.shape[1]))  # of one parameter alone there is one direction
    return np.concatenate([found, missing]).astype(np.float32)


def _losses(
    theta_0: Params,
    plane: Plane,
    axis: Numbers,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_steps: int,
) -> tuple[Floats, Floats, Floats]:
    """Query losses before and after adaptation, [G, G, T] each, and the first task's support loss, [G, G]."""
    vertical, horizontal = np.meshgrid(axis, axis, indexing="ij")
    offsets = np.stack([horizontal.ravel(), vertical.ravel()], axis=1) @ plane.basis.astype(np.float64)
    first = Tasks(
        Examples(tasks.support.x[:1], tasks.support.y[:1]),
        Examples(tasks.support.x[:1], tasks.support.y[:1]),
        tasks.parameters[:1],
    )
    parts = []
    for at in range(0, len(offsets), LANES_AT_ONCE):
        theta = _moved(theta_0, torch.tensor(offsets[at : at + LANES_AT_ONCE]))
        by_lane = how.for_tasks(len(offsets[at : at + LANES_AT_ONCE]))
        query = evaluate(theta, tasks, problem=problem, how=by_lane, num_steps=num_steps).query_loss
        support = evaluate(theta, first, problem=problem, how=by_lane, num_steps=0).query_loss[0]
        parts.append(torch.cat([query[0], query[-1], support], dim=1).float().cpu().numpy())
    found = np.concatenate(parts).reshape(len(axis), len(axis), -1)
    count = tasks.support.x.shape[0]
    return found[..., :count], found[..., count : 2 * count], found[..., -1]


def _moved(theta_0: Params, offsets: Tensor) -> Params:
    """One lane of parameters moved by each row of offsets [L, D]: L lanes."""
    sizes = [value[0].numel() for value in theta_0.values()]
    return {
        name: value + piece.to(value).view(-1, *value.shape[1:])
        for (name, value), piece in zip(theta_0.items(), torch.split(offsets, sizes, dim=1), strict=True)
    }
