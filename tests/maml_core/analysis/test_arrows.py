"""The arrows lie in the plane of the inner paths that are drawn beside them; both by dense second derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maml_core.analysis.arrows import arrows
from maml_core.inner import Adaptation
from tests.maml_core.analysis.dense import SETUPS, dense_task, row_of
from tests.maml_core.helpers import prepared

ALPHA, STEPS = 0.05, 2


@pytest.mark.parametrize("setup", SETUPS)
def test_an_arrow_is_the_shadow_of_the_way_downhill_in_the_plane_of_the_paths(setup: str) -> None:
    problem, theta, tasks = prepared(SETUPS[setup])
    found = arrows(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_inner_steps=STEPS, num_batches=1)
    basis, row = torch.tensor(found.paths.plane.basis).double(), row_of(theta)
    dense = [dense_task(problem, theta, tasks, at) for at in range(len(tasks.parameters))]

    gradient = torch.stack([task.second_order(row, ALPHA, STEPS) for task in dense]).mean(0)
    np.testing.assert_allclose(found.directions.arrows[0, 0], -(gradient / gradient.norm()) @ basis.T, atol=1e-6)
    paths = torch.stack([torch.stack(task.path(row, ALPHA, STEPS)) for task in dense])
    np.testing.assert_allclose(found.paths.paths, (paths - row) @ basis.T, atol=1e-6)
