"""The upper end of the support Hessian's spectrum, before and after adaptation (Lanczos' method; Ghorbani et al. 2019 for whole networks)."""

from __future__ import annotations

import torch
from torch import Tensor

from maml_core.analysis_records import Spectrum
from maml_core.inner import Adaptation, adapt, as_adaptation
from maml_core.landscape import lanczos_eigenvalues
from maml_core.params import over_tasks
from maml_core.problem import Problem
from maml_core.records import Numbers
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks

COUNT = 10
"""Eigenvalues looked at."""


@single_threaded
def spectrum(
    theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation, num_steps: int, num_iterations: int = 60
) -> Spectrum:
    """The ten largest eigenvalues of each task's support Hessian at theta_0 and at theta_N, in the parameters that adapt. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        how: How theta_0 adapts.
        num_steps: N.
        num_iterations: Of Lanczos' method, ten at least; as many as parameters that adapt give the eigenvalues exactly.

    Raises:
        OnceDifferentiableError: The model has no second derivatives.
        ValueError: Fewer iterations than eigenvalues.
    """
    if num_iterations < COUNT:
        raise ValueError(f"num_iterations = {num_iterations}: {COUNT} eigenvalues take at least as many")
    num_tasks = tasks.support.x.shape[0]
    by_task, start = as_adaptation(how).for_tasks(num_tasks), over_tasks(theta_0, num_tasks)
    with torch.no_grad():
        end = adapt(
            start,
            tasks.support,
            model=problem.model,
            loss=problem.loss,
            how=by_task,
            num_steps=num_steps,
            order="first",
        ).theta

    def largest(theta: Params, step: int) -> Numbers:
        found: Tensor = lanczos_eigenvalues(
            theta, tasks.support, problem=problem, how=by_task, num_iterations=num_iterations, step=step
        )
        numbers: Numbers = found[:, -COUNT:].flip(1).double().cpu().numpy()
        return numbers

    return Spectrum(largest(start, 0), largest(end, num_steps))
