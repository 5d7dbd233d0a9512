"""alpha x N_eval on a frozen theta_0: a map that needs no training. Imports without torch until it is computed."""

from __future__ import annotations

from dataclasses import dataclass

from maml_core.config import RunConfig
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
    accuracy: Numbers | None
    accuracy_ci95: Numbers | None
    curvature: Curvature
    """lambda_max at this theta_0; the stability limit is 2 / lambda_max."""
    seconds: float
    """Processor seconds that it took."""


def frozen_map(config: RunConfig, state: bytes, alphas: tuple[float, ...], num_steps: int) -> FrozenMap:
    """Adapt theta_0 of a run state with every alpha, on the config's held-out tasks."""
    raise NotImplementedError
