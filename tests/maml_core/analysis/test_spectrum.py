"""The upper end of the spectrum against dense Hessians."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.autograd.functional import hessian

from maml_core.analysis.spectrum import COUNT, spectrum
from maml_core.config import MLPConfig
from maml_core.inner import Adaptation
from tests.maml_core.analysis.dense import SETUPS, dense_task, row_of
from tests.maml_core.helpers import linear, prepared, tiny

ALPHA, STEPS = 0.05, 3


@pytest.mark.parametrize("name", SETUPS)
def test_the_largest_eigenvalues_are_those_of_the_hessian_before_and_after_adaptation(name: str) -> None:
    problem, theta, tasks = prepared(SETUPS[name])
    found = spectrum(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=STEPS, num_iterations=100)
    for task in range(len(tasks.parameters)):
        dense = dense_task(problem, theta, tasks, task)
        path = dense.path(row_of(theta), ALPHA, STEPS)
        for values, point in ((found.at_theta_0, path[0]), (found.at_theta_n, path[-1])):
            expected = torch.linalg.eigvalsh(hessian(dense.support, point)).flip(0)[:COUNT].numpy()
            np.testing.assert_allclose(values[task], expected, rtol=1e-6, atol=1e-8 * expected[0])


def test_sixty_iterations_find_ten_eigenvalues_of_the_default_network() -> None:
    problem, theta, tasks = prepared(tiny(model=MLPConfig(), shots=10))
    rough, fine = (
        spectrum(theta, tasks, problem=problem, how=Adaptation(0.01), num_steps=3, num_iterations=count)
        for count in (60, 200)
    )
    np.testing.assert_allclose(rough.at_theta_0, fine.at_theta_0, rtol=1e-2)
    np.testing.assert_allclose(rough.at_theta_n, fine.at_theta_n, rtol=1e-2)


def test_a_model_of_three_parameters_has_three_eigenvalues() -> None:
    problem, theta, tasks = prepared(linear(3))
    found = spectrum(theta, tasks, problem=problem, how=Adaptation(0.1), num_steps=2)
    assert found.at_theta_0.shape == (3, 3)
    np.testing.assert_allclose(found.at_theta_0, found.at_theta_n, rtol=1e-9)  # a quadratic curves everywhere alike


def test_without_inner_steps_both_ends_are_one() -> None:
    problem, theta, tasks = prepared(tiny())
    found = spectrum(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=0)
    np.testing.assert_array_equal(found.at_theta_0, found.at_theta_n)


def test_beyond_all_numbers_it_is_infinite() -> None:
    problem, theta, tasks = prepared(tiny(dtype="float32"))
    found = spectrum(theta, tasks, problem=problem, how=Adaptation(1e30), num_steps=3)
    assert np.isfinite(found.at_theta_0).all()
    assert np.isinf(found.at_theta_n).all()


def test_fewer_iterations_than_eigenvalues_are_refused() -> None:
    problem, theta, tasks = prepared(tiny())
    with pytest.raises(ValueError, match="10 eigenvalues"):
        spectrum(theta, tasks, problem=problem, how=Adaptation(ALPHA), num_steps=1, num_iterations=9)
