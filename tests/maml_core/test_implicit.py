"""The implicit gradient's residual: of which task it is, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.implicit import implicit_gradient
from maml_core.inner import Adaptation
from maml_core.types import Examples, Params, Tasks
from tests.maml_core.helpers import prepared, task_slice, tiny


def test_the_residual_is_that_of_the_worst_task() -> None:
    problem, theta_0, tasks = prepared(tiny(meta_batch_size=4))

    def residual(some: object) -> float:
        found = implicit_gradient(
            theta_0,
            some,  # type: ignore[arg-type]
            problem=problem,
            how=Adaptation(0.01, proximal=1.0),
            num_inner_steps=3,
            num_solver_steps=2,
        ).residual
        assert found is not None
        return float(found[0])

    alone = [residual(task_slice(tasks, [task])) for task in range(len(tasks.parameters))]
    assert max(alone) > 1.05 * float(np.mean(alone))
    assert residual(tasks) == pytest.approx(max(alone), rel=1e-9)


def test_the_residual_stops_at_rounding() -> None:
    """The recursion's own falls without end while the system's is some 1e-16, in double precision whatever that of theta_0."""
    problem, theta_0, tasks = prepared(tiny(dtype="float32"))
    found = implicit_gradient(
        theta_0,
        tasks,
        problem=problem,
        how=Adaptation(0.005, proximal=50.0),
        num_inner_steps=5,
        num_solver_steps=100,
    ).residual
    assert found is not None
    assert 1e-18 < float(found[0]) < 1e-12
    assert found.dtype == theta_0["w0"].dtype


def test_rounding_is_not_magnified() -> None:
    """Solved in float32, one of these was 5e-5 away from what doubles give, and runs of one seed parted from processor to processor."""

    def gradient(theta_0: Params, tasks: Tasks) -> Params:
        how = Adaptation(0.01, proximal=10.0)
        found = implicit_gradient(theta_0, tasks, problem=problem, how=how, num_inner_steps=3, num_solver_steps=10)
        assert found.query_loss.dtype == theta_0["w0"].dtype
        return found.gradient

    def doubles(examples: Examples) -> Examples:
        return Examples(examples.x.double(), examples.y.double())

    for seed in range(4):
        problem, theta_0, tasks = prepared(tiny(dtype="float32", weights_seed=seed))
        precise = tasks._replace(support=doubles(tasks.support), query=doubles(tasks.query))
        wanted = gradient({name: value.double() for name, value in theta_0.items()}, precise)
        for name, found in gradient(theta_0, tasks).items():
            assert float((found - wanted[name]).abs().max()) <= 1e-5 * float(wanted[name].abs().max())
