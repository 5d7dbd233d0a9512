"""What a lane must equal: the single run of its config, and batches of them in one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from maml_core.causes import inner_curvature
from maml_core.config import RunConfig, replace
from maml_core.evaluation import evaluate, summarize
from maml_core.problem import build_problem, held_out_tasks
from maml_core.records import Numbers, Status, Summary
from maml_core.run_state import RunState, rule
from maml_core.runs import advance, init_run
from maml_core.sweeps.chunks import LanesRequest, LanesResult, run_lanes
from tests.maml_core.helpers import tiny


class Single(NamedTuple):
    """A single run to an outer step, as a sweep's lane is looked at."""

    state: RunState
    query_loss: Numbers
    """Training query loss of every outer step taken, also of the one at which it went wrong."""
    accuracy: Numbers
    status: Status
    step: int
    """Outer step that it reached, or at which it was found to have gone wrong."""
    summary: Summary
    """Held-out results of its theta_0 after 0..N_eval inner steps; of a run that went wrong, of what it went back to."""
    lambda_max: float


def single_run(config: RunConfig, num_steps: int) -> Single:
    """The reference for a lane: `init_run` and `advance`, and nothing of the sweep."""
    problem = build_problem(config)
    state, records = advance(config, init_run(config, problem=problem), num_steps=num_steps, problem=problem)
    found = evaluate(
        state.meta.theta,
        held_out_tasks(config, problem),
        problem=problem,
        num_steps=config.evaluation_steps,
        how=rule(config, problem, state.meta),
    )
    lambda_max = inner_curvature(config, problem, state.meta).median
    return Single(state, records.query_loss, records.accuracy, state.status, state.step, summarize(found), lambda_max)


def lane_runs(*differences: dict[str, Any], **common: Any) -> tuple[RunConfig, ...]:
    """Small configs without baselines that differ as told."""
    base = tiny(**{"joint_baseline": False, **common})
    return tuple(replace(base, changes) for changes in differences)


def trained(configs: Sequence[RunConfig], until: int, **request: Any) -> LanesResult:
    """A batch from outer step 0."""
    return run_lanes(LanesRequest(configs=tuple(configs), until=until, **request))
