"""alpha x N_eval on a frozen theta_0: a map that needs no training. Imports without torch until it is computed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from maml_core.config import RunConfig, learns_rates
from maml_core.errors import ConfigError
from maml_core.families.own import OwnCode
from maml_core.records import Curvature, Numbers


@dataclass(frozen=True, slots=True, kw_only=True)
class FrozenMap:
    """Held-out results of one theta_0 for A inner step sizes after 0..K inner steps."""

    alphas: Numbers
    """[A]"""
    mean: Numbers
    """Query loss, [A, K + 1]; inf where one task's loss is not finite."""
    ci95: Numbers
    median: Numbers
    diverged_share: Numbers
    """Share of the tasks, [A, K + 1]; see `records.Summary`."""
    worse_share: Numbers
    accuracy: Numbers | None
    accuracy_ci95: Numbers | None
    curvature: Curvature
    """lambda_max at this theta_0; the stability limit is 2 / lambda_max."""
    seconds: float
    """Processor seconds that it took."""


def frozen_map(
    config: RunConfig, state: bytes, alphas: tuple[float, ...], num_steps: int, code: OwnCode | None = None
) -> FrozenMap:
    """Adapt theta_0 of a run state with every alpha, on the config's held-out tasks: lanes of one theta_0 in one pass.

    It adapts as the run does: ANIL moves the head, iMAML is held by its proximal term, Meta-Curvature's matrices turn the gradient.

    Args:
        config: The run's.
        state: A run state as bytes, at whatever outer step.
        alphas: Inner step sizes, from 0 on.
        num_steps: K >= 0.
        code: Of the problem, where it is one of one's own that has been named.

    Raises:
        ConfigError: The run learns its step sizes, so that there is no alpha to vary; or an alpha is not accepted; or there is none.
        StateError: The state is damaged, or not of this config.
    """
    if learns_rates(config):
        accepted = (
            "this run learns its inner step sizes, and alpha is only where they started; there is no alpha to vary"
        )
        raise ConfigError("alpha", config.alpha, accepted)
    if not alphas:
        raise ConfigError("alpha", alphas, "at least one value")
    for alpha in alphas:
        if not 0.0 <= alpha <= 100.0:
            raise ConfigError("alpha", alpha, "a finite number from 0 to 100")
    if num_steps < 0:
        raise ConfigError("evaluation_steps", num_steps, "a whole number from 0 on")

    import torch

    from maml_core.causes import inner_curvature
    from maml_core.evaluation import evaluate, summarize
    from maml_core.own_code import problem_for
    from maml_core.problem import held_out_tasks, torch_dtype
    from maml_core.run_state import rule
    from maml_core.state_bytes import check_state, state_from_bytes

    start = time.thread_time()
    problem, run = problem_for(config, code), state_from_bytes(state)
    check_state(run, config, problem)
    how, count = rule(config, problem, run.meta), len(alphas)

    def lanes(params: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: value.expand(count, *value.shape[1:]) for name, value in params.items()}

    how = how._replace(
        alpha=torch.tensor(alphas, dtype=torch_dtype(config)),
        matrices=None if how.matrices is None else lanes(how.matrices),
        normalization=how.normalization._replace(running=lanes(dict(how.normalization.running))),
    )
    found = evaluate(
        lanes(run.meta.theta),
        held_out_tasks(config, problem),
        problem=problem,
        num_steps=num_steps,
        how=how,
    )
    rows = [summarize(found, lane) for lane in range(count)]
    accuracies = [(row.accuracy, row.accuracy_ci95) for row in rows if row.accuracy is not None]
    return FrozenMap(
        alphas=np.array(alphas, dtype=np.float64),
        mean=np.stack([row.mean for row in rows]),
        ci95=np.stack([row.ci95 for row in rows]),
        median=np.stack([row.median for row in rows]),
        diverged_share=np.stack([row.diverged_share for row in rows]),
        worse_share=np.stack([row.worse_share for row in rows]),
        accuracy=np.stack([accuracy for accuracy, _ in accuracies]) if accuracies else None,
        accuracy_ci95=np.stack([ci95 for _, ci95 in accuracies if ci95 is not None]) if accuracies else None,
        curvature=inner_curvature(config, problem, run.meta),
        seconds=time.thread_time() - start,
    )
