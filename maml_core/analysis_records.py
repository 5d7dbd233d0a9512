"""What the measurements of `analysis` return. Nothing here imports torch."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np

from maml_core.records import Floats, InnerPaths, Ints, Numbers, Plane, Summary

DIRECTION_STEPS = (1, 2, 3, 4, 5)
"""Numbers of inner steps at which directions are compared."""

LOOKS_AT_ONE_TASK = frozenset({"label_orders"})
"""Those of `analysis.looks.LOOKS` that look at the demonstration task."""


class Directions(NamedTuple):
    """Directions of R rules beside MAML's meta-gradient, at one theta_0 and on the same B batches of tasks, after each of S numbers of inner steps.

    `P` layers follow the whole network along the axis of layers. Angles and lengths are those of the mean over all batches; the batches' own
    say how far they can be trusted.
    """

    rules: tuple[str, ...]
    """``fomaml`` and ``joint``, and ``reptile`` where step sizes are given and not learned."""
    num_inner_steps: tuple[int, ...]
    """N of each, [S]."""
    layers: tuple[str, ...]
    """``all``, then the layers, [1 + P]."""
    cosine: Numbers
    """Cosine of a rule's direction and MAML's, -1..1, [R, S, 1 + P]; NaN where one of them is zero."""
    length_ratio: Numbers
    """Length of a rule's direction over that of MAML's, [R, S, 1 + P]; NaN where MAML's is zero."""
    batch_cosine: Numbers
    """Cosine on every batch alone, [R, S, 1 + P, B]."""
    batch_length_ratio: Numbers
    """Ratio on every batch alone, [R, S, 1 + P, B]."""
    agreement: Numbers
    """Cosine of MAML's directions on two batches, mean over all pairs of batches, [S]; NaN for one batch."""
    arrows: Floats
    """Unit vectors of steepest descent in a plane, MAML's first and then the rules', [1 + R, S, 2]: their length is the share of the direction that
    lies in the plane. NaN where there is no plane, or no direction."""
    batch_tasks: int
    """Tasks of each batch."""


class Arrows(NamedTuple):
    """Directions of steepest descent at theta_0 beside the inner paths that begin there, in the plane of the paths."""

    paths: InnerPaths
    """Paths of the first tasks of the first batch and on, P at most."""
    directions: Directions
    """At one N, that of the run (1 where it is 0); its arrows lie in the plane of the paths."""


class Spread(NamedTuple):
    """Mean and 10-90% band of many values; NaN without values."""

    mean: float
    low: float
    high: float


class Coherence(NamedTuple):
    """Whether gradients at theta_0 agree: on two halves of one task, and on two tasks."""

    same_task: Spread
    """Cosine of the gradients on a task's support and on its query points, over tasks."""
    two_tasks: Spread
    """Cosine of the gradients on one task's support and on another's query points, over ordered pairs of tasks."""
    num_tasks: int
    """Tasks whose gradients have a direction."""


class TaskVectors(NamedTuple):
    """theta_N - theta_0 of T tasks by their two principal components."""

    coordinates: Floats
    """[T, 2], from the tasks' mean; NaN for a task whose theta_N is not finite."""
    plane: Plane
    """The mean of theta_N and the two components, so that `landscape.project` places any other theta_N."""
    explained: Numbers
    """Share of the variance along each component, 0..1, [2]; NaN where nothing moves apart."""
    parameters: Numbers
    """What defines each task, [T, ...]: amplitude and phase of a sinusoid, the classes of a task of images."""
    r2: float
    """How well the two coordinates tell the task, 1 at best. Curves: R² of what defines the task, of a sinusoid (A cos phase, A sin phase), by
    linear regression on the coordinates, mean over what varies. Images: share of the coordinates' variance that lies between tasks of
    different first class, adjusted for the number of classes. NaN where there are too few tasks to say."""
    mean: Floats
    """Mean task vector, [D]: less this, any other task vector has its place along the plane's directions."""


class LossPlane(NamedTuple):
    """Losses over a plane in parameter space through theta_0; rows follow the second direction, columns the first: [G, G].

    Where a loss is not finite it is inf or NaN.
    """

    plane: Plane
    axis: Floats
    """Coordinates of the columns, and of the rows, [G]; theta_0 lies at 0, 0. Units are those of the parameters."""
    support_loss: Floats
    """The first task's, before adaptation."""
    query_loss: Floats
    query_loss_after: Floats
    """The first task's after N inner steps from there."""
    mean_query_loss: Floats
    """Mean over all tasks, before adaptation."""
    mean_query_loss_after: Floats
    """Mean over all tasks, after N inner steps from there: the meta-loss."""
    path: Floats
    """Shadow of the first task's theta_0..theta_N, [N + 1, 2]."""
    explained: float
    """Share of the path's squared length that lies in the plane, 0..1."""
    num_tasks: int
    """Tasks of the means."""


class Spectrum(NamedTuple):
    """The largest eigenvalues of T tasks' support Hessians, in falling order, [T, E]; inf where the Hessian is not finite.

    E is ten, or the number of parameters that adapt where that is less.
    """

    at_theta_0: Numbers
    at_theta_n: Numbers


class LayerChanges(NamedTuple):
    """What adaptation to T tasks does to each of P layers, [T, P]."""

    layers: tuple[str, ...]
    similarity: Numbers
    """Linear CKA of the layer's outputs at theta_0 and at theta_N, 0..1; 1 is the same up to rotation and scale. NaN where the outputs do not
    vary from point to point."""
    moved: Numbers
    """||theta_N - theta_0|| / ||theta_0|| of the layer's parameters; 0 where they do not adapt."""


class LabelOrders(NamedTuple):
    """Query accuracy of T tasks under O numberings of their classes, 0..1."""

    orders: Ints
    """Which of a task's labels each class takes, [O, ways]; the first leaves them as they were drawn."""
    accuracy: Numbers
    """After 0..N inner steps, [N + 1, T, O]."""
    zeroed_accuracy: Numbers
    """With the head set to zero before adaptation, after 0..N inner steps, [N + 1, T]: no numbering is then unlike another."""
    alone_accuracy: Numbers
    """Under the numbering as drawn, each query point asked by itself, after 0..N inner steps, [N + 1, T]: less than together where batch norm
    looks at the other query points. A look has tasks behind the one that is renumbered: one task has few query points."""
    together_accuracy: Numbers
    """The same tasks, all query points asked at once, [N + 1, T]."""


class Shift(NamedTuple):
    """Adaptation on tasks unlike those of training, beside tasks like them."""

    name: str
    """What is shifted; ``inside`` for nothing."""
    tasks: str
    """What the tasks are, in words and numbers."""
    summary: Summary
    """Query loss after 0..N inner steps."""


NOT_TAKEN_APART = "an implicit gradient is solved for where the inner steps end, not carried back along them: there are no stages to show"
"""Why the outer step of some algorithms, those with a proximal term, is not taken apart."""


class OneStep(NamedTuple):
    """One outer step taken apart, stage by stage: T tasks, N inner steps, D parameters of theta_0. Numbers that are not finite stay so.

    A task's gradient is a vector that begins at theta_N and is carried back to theta_0, a factor (I - alpha H_k) an inner step; where the
    query losses after all inner steps count, each adds its own on the way.
    """

    step: int
    """Outer steps taken before it, which says which tasks are drawn."""
    way: Literal["second", "first", "moved"]
    """How a task's gradient comes to theta_0: by the factors; as it is; or it is no gradient, but how far the inner steps went."""
    step_weights: tuple[float, ...] | None
    """Weights of the query losses after 1..N steps; None where only the last counts."""
    support_loss: Numbers
    """At theta_0..theta_N of each task, [T, N + 1]."""
    query_loss: Numbers
    """[T, N + 1]"""
    query_gradient: Numbers
    """Length of the query loss's gradient at theta_N, without its weight, [T]; NaN where the rule has none."""
    lengths: Numbers
    """Length of the carried vector at theta_0..theta_N, [T, N + 1]; column 0 is the task's meta-gradient."""
    factor_ratio: Numbers
    """Length of the vector behind the factor of theta_0..theta_{N-1} over its length before it, [T, N]; NaN where it has none."""
    factor_cosine: Numbers
    """Cosine of the vector behind the factor and before it, [T, N]."""
    turn: Numbers
    """Cosine of the task's meta-gradient and the vector that began at theta_N, [T]."""
    agreement: Numbers
    """Cosine of each task's meta-gradient and the mean of all, [T]."""
    mean_length: float
    """Length of the mean over tasks, theta_0's part."""
    clip_factor: float
    """What clipping multiplies it with, 1 where it does not act."""
    update_length: float
    """Distance that the outer optimiser moves theta_0."""
    update_cosine: float
    """Cosine of the move and of the way straight downhill, minus the mean; NaN where either is zero."""
    theta_0_after: Numbers
    """theta_0 behind the step, [D], exactly as training has it in the eager form."""
    paths: InnerPaths
    """theta_0..theta_N of all tasks in a plane."""
    arrows: Floats
    """Shadow in that plane of the unit vector downhill at theta_0..theta_N, of the first task's carried vector, [N + 1, 2]."""
    task_arrows: Floats
    """Those of all tasks' meta-gradients at theta_0, [T, 2]."""
    mean_arrow: Floats
    """That of the mean, [2]."""
    update_arrow: Floats
    """That of the move, [2]."""


def middle(values: Numbers) -> Numbers:
    """The 10% quantile, the median and the 90% quantile over the rows of numbers [T, n], [3, n]; of what is no number the other rows', NaN where
    no row has one.

    >>> middle(np.array([[0.5], [0.6], [np.nan]]))[1].tolist()
    [0.55]
    """
    found = np.full((3, values.shape[1]), np.nan)
    for at, column in enumerate(values.T):
        if len(known := column[~np.isnan(column)]):
            low, high = np.quantile(known, [0.1, 0.9], method="nearest")
            found[:, at] = low, np.median(known), high
    return found
