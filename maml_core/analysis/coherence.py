"""Coherence of gradients: the inner product that first-order meta-learning raises (Nichol et al. 2018, section 5; Guiroy et al. 2019)."""

from __future__ import annotations

import numpy as np

from maml_core.analysis.angles import unit
from maml_core.analysis_records import Coherence, Spread
from maml_core.inner import Adaptation, as_adaptation
from maml_core.landscape import adapting
from maml_core.outer import meta_gradient
from maml_core.params import flattened, over_tasks
from maml_core.problem import Problem
from maml_core.records import Numbers
from maml_core.threads import single_threaded
from maml_core.types import Params, Tasks


@single_threaded
def coherence(theta_0: Params, tasks: Tasks, *, problem: Problem, how: Adaptation) -> Coherence:
    """Cosines of loss gradients at theta_0, on two halves of one task (its support and its query points) and on two tasks. Changes nothing.

    Args:
        theta_0: One lane of parameters, [1, ...].
        tasks: T tasks.
        problem: Model and loss.
        how: How theta_0 adapts: which parameters count, and batch norm's statistics.

    >>> from maml_core import RunConfig, build_problem, held_out_tasks
    >>> problem = build_problem(RunConfig())
    >>> tasks = held_out_tasks(RunConfig(), problem, num_tasks=20)
    >>> found = coherence(problem.model.init(0), tasks, problem=problem, how=Adaptation(0.01))
    >>> found.same_task.mean > found.two_tasks.mean
    True
    """
    how = as_adaptation(how)._replace(proximal=0.0)  # at theta_0 it has no gradient
    num_tasks = tasks.support.x.shape[0]
    moving = adapting(theta_0, how)

    def gradients(halves: Tasks) -> Numbers:
        """Gradients of each task's query loss at theta_0: a lane a task, and no inner step."""
        found = meta_gradient(
            over_tasks(theta_0, num_tasks),
            halves,
            problem=problem,
            how=how.for_tasks(num_tasks),
            num_inner_steps=0,
            own_tasks=True,
        )
        rows: Numbers = flattened({name: found.gradient[name] for name in moving}).double().cpu().numpy()
        return rows

    support = unit(gradients(Tasks(tasks.query, tasks.support, tasks.parameters)))
    query = unit(gradients(tasks))
    has_both = np.isfinite(support).all(1) & np.isfinite(query).all(1)
    pairs = support[has_both] @ query[has_both].T
    others = ~np.eye(len(pairs), dtype=bool)
    return Coherence(_spread(np.diagonal(pairs)), _spread(pairs[others]), int(has_both.sum()))


def _spread(values: Numbers) -> Spread:
    if values.size == 0:
        return Spread(np.nan, np.nan, np.nan)
    low, high = np.quantile(values, [0.1, 0.9]).tolist()
    return Spread(float(values.mean()), low, high)
