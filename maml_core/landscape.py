"""The shape of the loss around theta_0: curvature, and the plane in which inner paths are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from maml_core.inner import Adaptation, PathForm, adapt, as_adaptation
from maml_core.normalization import PER_STEP, predict
from maml_core.outer import tasks_for_lanes
from maml_core.params import detached, flattened, leaves, over_tasks, per_lane
from maml_core.problem import Problem
from maml_core.records import Curvature, Floats, InnerPaths, Numbers, Plane
from maml_core.rng import Stream, generator
from maml_core.types import Examples, Params, Tasks

LOOK_AT = (8, 10, 12, 14)
"""Iterations after which Lanczos' method sees whether the largest eigenvalue is known; fewer may not have met it yet."""

SMALL = 1e-8
"""A second eigenvalue of rows' products below this share of the first has lost half of its digits."""

CERTAIN = 2e-4
"""Share of an eigenvalue that its residual may be where it is known. Its error is of the residual's square: at most 1e-7 of it, measured on presets."""


def curvatures(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation | None = None,
    num_iterations: int = 16,
) -> tuple[Curvature, ...]:
    """lambda_max of what the inner loop descends, at each lane's theta_0: median and 10-90% band over the tasks.

    Args:
        theta_0: L lanes of parameters, [L, ...].
        tasks: Whose support points are looked at, common to all lanes.
        problem: Model and loss.
        how: How the L lanes adapt, of which counts what says which loss they descend: the parameters that adapt, batch norm's statistics,
            and the proximal term, which curves every direction by its weight more. Step sizes and matrices do not change the loss. None
            for the plain support loss of all parameters.
        num_iterations: See `largest_eigenvalues`.
    """
    found = largest_eigenvalues(theta_0, tasks, problem=problem, how=how, num_iterations=num_iterations)
    num_tasks = tasks.support.x.shape[0]
    values = (
        (found.double() + per_lane(0.0 if how is None else how.proximal, num_tasks))
        .cpu()
        .numpy()
        .reshape(-1, num_tasks)
    )
    # Not interpolated: between a finite value and an infinite one there is none.
    low, median, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1, method="nearest").tolist()
    return tuple(map(Curvature, median, low, high))


def largest_eigenvalues(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation | None = None,
    num_iterations: int = 16,
) -> Tensor:
    """The largest (not: largest in size) eigenvalue of each task's support Hessian at each lane's theta_0, [L * T].

    The Hessian is that of the support loss alone, without a proximal term, in the parameters that adapt; `how` as in `curvatures`.

    Lanczos' method with full re-orthogonalisation, all tasks at once, from one fixed start vector. It approaches the true value from
    below, and D iterations are exact; it ends where every task's residual says that more would change nothing. Sixteen, measured against fifty on presets: exact to rounding on MLPs (eight are up to 9% low on the worst
    task), on convolutional networks up to 6% low on the worst task; the median over tasks is right to 0.1%.
    """
    rows, num_tasks = tasks_for_lanes(tasks, next(iter(theta_0.values())).shape[0])
    by_task = (Adaptation(0.0) if how is None else as_adaptation(how)).for_tasks(num_tasks)
    theta = over_tasks(theta_0, num_tasks)
    like = next(iter(theta.values()))
    found, known = like.new_zeros(len(like), dtype=torch.double), like.new_zeros(len(like), dtype=torch.bool)
    for reached in _lanczos(theta, rows.support, problem=problem, how=by_task, num_iterations=num_iterations):
        if reached.is_last or reached.num_iterations in LOOK_AT:
            largest, is_known = reached.largest()
            # A row keeps what it had when that was known: it does not depend on the rows beside it.
            found, known = torch.where(known, found, largest), known | is_known
            if reached.is_last or known.all():
                break
    return found.to(like.dtype)


def lanczos_eigenvalues(
    theta: Params,
    support: Examples,
    *,
    problem: Problem,
    how: Adaptation,
    num_iterations: int,
    step: int = 0,
) -> Tensor:
    """Lanczos' estimates of eigenvalues of B tasks' support Hessians, each at parameters of its own: [B, iterations], in growing order.

    The outer ones approach the Hessian's own, from within; D iterations give all of them. See `largest_eigenvalues` for what is differentiated.

    Args:
        theta: Parameters, [B, ...].
        support: Points of each task.
        problem: Model and loss.
        how: How the B tasks adapt, for what counts in `curvatures`.
        num_iterations: Products with the Hessian; D at most are taken.
        step: Inner steps that theta has behind it.
    """
    *_, reached = _lanczos(theta, support, problem=problem, how=how, num_iterations=num_iterations, step=step)
    return reached.eigenvalues().to(next(iter(theta.values())).dtype)


class _Reached(NamedTuple):
    """What K iterations of Lanczos' method have found of B Hessians."""

    diagonal: Tensor
    """Diagonals of the tridiagonal matrices, [B, K]."""
    beside: Tensor
    """Beside the diagonals, [B, K]; the last column is the length of what is left over."""
    is_last: bool

    @property
    def num_iterations(self) -> int:
        return self.diagonal.shape[1]

    def eigenvalues(self) -> Tensor:
        """Estimates in growing order, [B, K]; inf where something is not finite."""
        matrices, finite = self._matrices()
        found: Tensor = torch.linalg.eigvalsh(matrices)
        return torch.where(finite[:, None], found, torch.inf)

    def largest(self) -> tuple[Tensor, Tensor]:
        """The largest estimate, [B], and whether its residual, which bounds how far an eigenvalue is, is next to nothing of it."""
        matrices, finite = self._matrices()
        values, vectors = torch.linalg.eigh(matrices)
        residual = self.beside[:, -1].double() * vectors[:, -1, -1].abs()
        is_known = ~finite | (residual <= CERTAIN * values[:, -1].abs())
        return torch.where(finite, values[:, -1], torch.inf), is_known

    def _matrices(self) -> tuple[Tensor, Tensor]:
        """[B, K, K] in double precision, zero where something is not finite; and where all is."""
        small = torch.diag_embed(self.diagonal.double())
        if self.num_iterations > 1:
            beside = self.beside[:, :-1].double()
            small = small + torch.diag_embed(beside, 1) + torch.diag_embed(beside, -1)
        finite = small.isfinite().flatten(1).all(1)
        return torch.where(finite[:, None, None], small, 0.0), finite


def _lanczos(
    theta: Params,
    support: Examples,
    *,
    problem: Problem,
    how: Adaptation,
    num_iterations: int,
    step: int = 0,
) -> Iterator[_Reached]:
    """See `lanczos_eigenvalues`: what each iteration has reached."""
    point = leaves({name: theta[name] for name in adapting(theta, how)})
    with torch.enable_grad():
        prediction = predict(
            problem.model,
            {**theta, **point},
            support.x,
            step=step,
            normalization=how.normalization,
        )
        losses = problem.loss(prediction, support.y)
        num_rows, total = len(losses), losses.sum()
        gradient = torch.autograd.grad(total, list(point.values()), create_graph=True)
    shapes = [value.shape[1:] for value in point.values()]
    sizes = [shape.numel() for shape in shapes]

    def hessian_times(vectors: Tensor) -> Tensor:
        pieces = [
            piece.view(num_rows, *shape)
            for piece, shape in zip(torch.split(vectors, sizes, dim=1), shapes, strict=True)
        ]
        products = torch.autograd.grad(
            gradient,
            list(point.values()),
            grad_outputs=pieces,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
        return torch.cat([product.flatten(1) for product in products], dim=1)

    size = sum(sizes)
    like = gradient[0]
    start = torch.tensor(generator(0, Stream.CURVATURE).standard_normal(size), dtype=like.dtype, device=like.device)
    vector = (start / start.norm()).expand(num_rows, size)
    num_iterations = min(num_iterations, size)
    basis = like.new_empty((num_rows, num_iterations, size))
    diagonal: list[Tensor] = []
    off_diagonal: list[Tensor] = []
    for iteration in range(num_iterations):
        basis[:, iteration] = vector
        span = basis[:, : iteration + 1]
        product = hessian_times(vector)
        diagonal.append((product * vector).sum(1))
        # The last two directions are most of what it has in common with the others; what rounding leaves of them goes with the rest.
        product = torch.addcmul(product, diagonal[-1].unsqueeze(1), vector, value=-1.0)
        if iteration > 0:
            product = torch.addcmul(product, off_diagonal[-1].unsqueeze(1), basis[:, iteration - 1], value=-1.0)
        product = product - torch.bmm(torch.bmm(span, product.unsqueeze(2)).transpose(1, 2), span).squeeze(1)
        length = product.norm(dim=1)
        # Where nothing but rounding is left, the space is exhausted: going on would take the rounding for a direction.
        largest_so_far = torch.stack(diagonal, 1).abs().amax(1)
        length = torch.where(length > 1e3 * torch.finfo(length.dtype).eps * largest_so_far, length, 0.0)
        off_diagonal.append(length)
        yield _Reached(torch.stack(diagonal, 1), torch.stack(off_diagonal, 1), iteration == num_iterations - 1)
        vector = product * torch.where(length > 0.0, 1.0 / length, 0.0).unsqueeze(1)


def adapting(theta: Params, how: Adaptation) -> list[str]:
    """Names of the parameters that a rule adapts: all but batch norm's scales and shifts of single steps, where it names none."""
    return [name for name in theta if not name.startswith(PER_STEP)] if how.names is None else list(how.names)


def fit_plane(paths: Tensor, previous: Plane | None = None) -> Plane:
    """The plane of the two main directions of inner paths around theta_0 (principal components, not centred).

    Args:
        paths: theta_k - theta_0 of all tasks and steps, one a row, [rows, D].
        previous: Signs follow this plane's directions, so that a new fit does not mirror the picture.
    """
    directions, size = _main_directions(paths.double()), paths.shape[1]
    basis = np.zeros((2, size))
    basis[: min(2, len(directions))] = directions[:2]
    for row, direction in enumerate(basis):
        # Without a previous plane the largest component is made positive: any rule will do, if it is always the same.
        reference = previous.basis[row] @ direction if previous is not None else direction[np.abs(direction).argmax()]
        if reference < 0:
            basis[row] = -direction
    origin = previous.origin if previous is not None else np.zeros(size)
    return Plane(origin.astype(np.float32), basis.astype(np.float32))


def _main_directions(rows: Tensor) -> Numbers:
    """The first right singular vectors of rows [n, D], two at most.

    Of fewer rows than columns by way of their products with each other, [n, n], in a quarter of the time; what that leaves to rounding, because
    the second singular value is next to nothing beside the first, by the decomposition itself. Both by torch, which computes with as many threads
    as it is told to.
    """
    if 2 <= len(rows) < rows.shape[1]:
        values, vectors = torch.linalg.eigh(rows @ rows.T)
        if values[-2] > SMALL * values[-1]:
            found: Numbers = torch.linalg.qr((vectors[:, -2:].flip(1).T @ rows).T).Q.T.numpy()
            return found
    decomposed: Numbers = torch.linalg.svd(rows, full_matrices=False).Vh[:2].numpy()
    return decomposed


def project(theta: Tensor, plane: Plane) -> Floats:
    """Coordinates in the plane of parameters [..., D]: [..., 2]; NaN where a parameter is not finite."""
    return plane.place(theta.double().numpy()).astype(np.float32)


def explained(paths: Tensor, plane: Plane) -> float:
    """Share of the squared length of rows [rows, D] that lies in the plane, 0..1; 1 where there is no length."""
    rows = paths.double().numpy()
    total = float(np.square(rows).sum())
    return float(np.square(rows @ plane.basis.T).sum()) / total if total > 0.0 else 1.0


def inner_thetas(
    theta_0: Params,
    tasks: Tasks,
    *,
    problem: Problem,
    how: Adaptation,
    num_steps: int,
    form: PathForm | None = None,
) -> tuple[Params, ...]:
    """theta_0..theta_N of T tasks, [T, ...] each, outside any graph. The arguments are those of `adapt`, of one lane [1, ...] and N steps; `form`
    computes them where it fits.
    """
    num_tasks, how = tasks.support.x.shape[0], as_adaptation(how)
    found = None if form is None else form.path(theta_0, tasks.support, how, num_steps)
    if found is not None:
        return tuple(found)
    with torch.no_grad():
        return tuple(
            adapt(
                over_tasks(theta_0, num_tasks),
                tasks.support,
                model=problem.model,
                loss=problem.loss,
                how=how.for_tasks(num_tasks),
                num_steps=num_steps,
                order="first",
                record=lambda _, theta: theta,
            ).records
        )


def inner_paths(
    thetas: Tensor, start: Tensor, *, plane: Plane | None = None, previous: Plane | None = None
) -> InnerPaths:
    """Inner paths as they are seen in a plane.

    Args:
        thetas: theta_0..theta_N of P tasks, [P, N + 1, D].
        start: theta_0, [1, D].
        plane: Which plane; None fits one to the paths.
        previous: A new fit takes its signs and its origin from this plane.
    """
    moved = (thetas - start)[:, 1:].flatten(0, 1)
    moved = moved[moved.isfinite().all(1)]
    plane = plane or _fitted(moved, start, previous)
    return InnerPaths(
        paths=project(thetas, plane), theta_0=floats(start[0]), plane=plane, explained=explained(moved, plane)
    )


def _fitted(moved: Tensor, start: Tensor, previous: Plane | None) -> Plane:
    if len(moved) == 0:  # N = 0 or nothing finite: any plane is as good
        moved = torch.eye(2, start.shape[1], dtype=start.dtype)
    plane = fit_plane(moved, previous)
    return plane if previous is not None else plane._replace(origin=floats(start[0]))


def floats(values: Tensor) -> Floats:
    """Numbers as records hold them: a copy in single precision, outside any graph."""
    numbers: Floats = values.detach().to(torch.float32).numpy()
    return np.array(numbers)


def flat(theta: Params) -> Tensor:
    """All parameters in one row per lane or task, outside any graph."""
    return flattened(detached(theta))
