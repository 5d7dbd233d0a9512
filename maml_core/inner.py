"""The ONE inner loop (Finn et al. 2017, algorithm 1, lines 5-6; Antoniou et al. 2018, equation 2).

theta_k = theta_{k-1} - alpha * grad L_support(theta_{k-1}),  k = 1..N

alpha may be learned (one rate per parameter: Meta-SGD; one per tensor and step: MAML++), learned matrices may turn the gradient
(Meta-Curvature), only some parameters may move (ANIL), a proximal term may hold theta_k near theta_0 (iMAML), and an inner optimizer may
make another step of the gradient (momentum, Adam): all of them are fields of an `Adaptation`, which the same loop takes.

Training, evaluation, curvature and every screen adapt through `adapt`; by which rule they adapt is one argument, `how`, and what they want
to know of the way is another, `record`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from maml_core.inner_optimizers import InnerOptimizer, check_update
from maml_core.losses import Loss, per_task
from maml_core.models import Model
from maml_core.normalization import BY_BATCH, PER_STEP, Normalization, predict
from maml_core.params import aligned, detached, leaves, over_tasks, per_lane, preconditioned, step_size
from maml_core.plain import whole_number
from maml_core.types import Examples, Params, Rates, as_examples

Record = TypeVar("Record")


class Adaptation(NamedTuple):
    """How theta_0 adapts to a task, in training, in evaluation and on every screen: ``Adaptation(0.1)`` for plain steps of alpha = 0.1.

    What is said here of B tasks holds for L lanes where a function adapts lanes, such as `outer.meta_gradient`.
    """

    alpha: float | Tensor | Rates
    """Inner step size: a number, one per task [B], or learned rates, of which the last entry serves all further steps."""
    names: Collection[str] | None = None
    """Parameters that adapt; None for all but batch norm's scales and shifts of single steps. The others stay theta_0's."""
    proximal: float | Tensor = 0.0
    """Weight lambda, a number or one per task [B], of lambda / 2 ||theta_k - theta_0||^2, which is added to each task's loss
    (Rajeswaran et al. 2019, equation 3)."""
    matrices: Params | None = None
    """What the gradient is multiplied with, [B, d, d], see `params.preconditioned`; None for nothing."""
    normalization: Normalization = BY_BATCH
    """Whose statistics batch norm uses."""
    optimizer: InnerOptimizer | None = None
    """What is made of the gradient before the step along it (`inner_optimizers`); None for nothing: plain gradient descent."""

    @property
    def is_proximal(self) -> bool:
        """Whether a proximal term holds theta_k near theta_0."""
        return isinstance(self.proximal, Tensor) or self.proximal != 0.0

    def for_tasks(self, num_tasks: int) -> Adaptation:
        """The rule of each lane for each of its tasks: [L, ...] -> [L * T, ...]."""
        alpha = self.alpha
        return self._replace(
            alpha=per_lane(alpha, num_tasks)
            if isinstance(alpha, float | int | Tensor)
            else [over_tasks(entry, num_tasks) for entry in alpha],
            proximal=per_lane(self.proximal, num_tasks),
            matrices=None if self.matrices is None else over_tasks(self.matrices, num_tasks),
            normalization=self.normalization.for_tasks(num_tasks),
        )


def as_adaptation(how: Adaptation) -> Adaptation:
    """An `Adaptation` as the inner loop takes it.

    Raises:
        TypeError: No `Adaptation`, or one whose step size is no number.
    """
    if not isinstance(how, Adaptation):
        raise TypeError(f"how = {how!r}: give an Adaptation, such as Adaptation(0.1) for plain steps of alpha = 0.1")
    return how._replace(alpha=step_size(how.alpha))


class Adapted(NamedTuple, Generic[Record]):
    """Where the inner loop ended and what was recorded on the way."""

    theta: Params
    """theta_N, [B, ...]."""
    records: list[Record]
    """``record(k, theta_k)`` for k = 0..N; empty without `record`."""


class PathForm(Protocol):
    """Another way to compute the thetas of `adapt`; see `compiled.held_out`."""

    def path(self, theta_0: Params, support: Examples, how: Adaptation, num_steps: int) -> list[Params] | None:
        """theta_0..theta_N of T tasks, [T, ...] each, from theta_0 [1, ...] by a lane's rule; None where it does not fit."""
        ...


def adapt(
    theta_0: Params,
    support: Examples,
    *,
    model: Model,
    loss: Loss,
    how: Adaptation,
    num_steps: int,
    order: Literal["second", "first"],
    record: Callable[[int, Params], Record] | None = None,
    first_step: int = 0,
    anchor: Params | None = None,
) -> Adapted[Record]:
    """Adapt B copies of theta_0, each to its own support points.

    Args:
        theta_0: Parameters, [B, ...].
        support: Points to learn from, [B, K, ...]; a pair (x, y) will do.
        model: Gives predictions.
        loss: Mean loss of each task, [B]; any other becomes one by `losses.per_task`.
        how: Step size, and whatever else the algorithm adapts by.
        num_steps: N >= 0; 0 returns theta_0.
        order: "second" keeps the graph of the inner gradients, so that a gradient of theta_N with respect to theta_0 is exact;
            "first" treats them as constants. Where nothing is differentiated afterwards, "first" is the cheap and equal choice.
        record: Called with k and theta_k for k = 0..N.
        first_step: Inner steps that `theta_0` has behind it: k of the first theta, where a path is taken up in the middle.
        anchor: What a proximal term holds theta_k near to, where that is not `theta_0`, for the same reason.

    Returns:
        theta_N, differentiable with respect to theta_0 where theta_0 requires a gradient, and the records.

    Raises:
        ValueError: An order of another name, a negative number of steps, or shapes that do not fit.
        TypeError: A step size or a number of steps that is no number.

    >>> from maml_core import RunConfig, build_problem
    >>> problem = build_problem(RunConfig())
    >>> theta_0, x = problem.model.init(0), torch.linspace(-5.0, 5.0, 10).view(1, 10, 1)  # one task of ten points
    >>> adapted = adapt(
    ...     theta_0, (x, x.sin()), model=problem.model, loss=problem.loss, how=Adaptation(0.01), num_steps=2, order="first",
    ...     record=lambda k, theta: problem.loss(problem.model.apply(theta, x), x.sin()).item(),
    ... )
    >>> adapted.records[0] > adapted.records[1] > adapted.records[2]
    True
    """
    support, how, num_steps = as_examples(support, "support"), as_adaptation(how), whole_number("num_steps", num_steps)
    loss = per_task(loss)
    if order not in ("second", "first"):
        raise ValueError(f"order = {order!r}: choose 'second' or 'first'")
    rows = next(iter(theta_0.values())).shape[0]
    if rows != support.x.shape[0]:
        raise ValueError(
            f"theta_0 has {rows} rows and support {support.x.shape[0]} tasks; `params.over_tasks` gives each task a row of its own"
        )
    theta = theta_0
    if anchor is None:
        anchor = theta_0 if order == "second" else detached(theta_0)
    moving = [name for name in theta_0 if not name.startswith(PER_STEP)] if how.names is None else list(how.names)
    alpha, held = how.alpha, how.is_proximal
    if how.optimizer is not None and first_step:
        raise ValueError(
            "a path that is taken up in the middle has lost its inner optimizer's state: begin at its first step"
        )
    state = None if how.optimizer is None else how.optimizer.begin({name: theta[name] for name in moving})
    records = [] if record is None else [record(first_step, theta)]
    for step in range(first_step, first_step + num_steps):
        point = {name: theta[name] for name in moving}
        # Without a graph to theta_0 there is nothing that a second-order graph could add.
        second = order == "second" and any(value.requires_grad for value in point.values())
        if not second:
            point = leaves(point)
        with torch.enable_grad():
            # Tasks do not touch each other, so the gradient of the sum holds each task's own gradient.
            prediction = predict(
                model,
                {**theta, **point},
                support.x,
                step=step,
                normalization=how.normalization,
                first_order_only=not second,
            )
            total = loss(prediction, support.y).sum()
            if not total.requires_grad:
                raise ValueError("the loss has no gradient: neither it nor the model may detach the predictions")
            gradients = torch.autograd.grad(total, list(point.values()), create_graph=second, materialize_grads=True)
        theta, pulls = dict(theta), dict(zip(moving, gradients, strict=True))
        for name, gradient in pulls.items():
            pull = gradient if how.matrices is None else preconditioned(name, gradient, how.matrices)
            if held:
                pull = pull + aligned(how.proximal, pull) * (point[name] - anchor[name])
            pulls[name] = pull
        if how.optimizer is not None:
            with torch.set_grad_enabled(second):
                found = how.optimizer.update(pulls, state, point)
            if step == first_step:  # it is one rule for all steps
                check_update(found, pulls)
            pulls, state = found
        for name in moving:
            value, pull = theta[name], pulls[name]
            rate = alpha if isinstance(alpha, float | int | Tensor) else alpha[min(step, len(alpha) - 1)][name]
            theta[name] = value - aligned(rate, value) * pull
        if record is not None:
            records.append(record(step + 1, theta))
    return Adapted(theta, records)
