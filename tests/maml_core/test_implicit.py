"""The implicit gradient's residual: of which task it is, and where it ends."""

from __future__ import annotations

import numpy as np
import pytest

from maml_core.implicit import implicit_gradient
from maml_core.inner import Adaptation
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
    """In float32 the recursion's own falls to 1e-20 while the system's is some 1e-7."""
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
    assert 1e-9 < float(found[0]) < 1e-4
