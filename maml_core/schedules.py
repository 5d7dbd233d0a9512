"""What the annealed settings of a config are at an outer step (Antoniou et al. 2018, section 4). Nothing here imports torch."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

from maml_core.config import RunConfig


class Schedule(NamedTuple):
    """What the annealed settings are at one outer step."""

    epoch: int
    order: Literal["second", "first"]
    beta: float
    step_weights: tuple[float, ...] | None
    """Weights of the query losses after 1..N steps; None where only the last counts."""


def schedule(config: RunConfig, step: int) -> Schedule:
    """The annealed settings at an outer step. All of them change per epoch, as in Antoniou et al. 2018."""
    epoch = step // config.epoch_steps
    first = config.order == "first" or (config.anneal_order and epoch < config.first_order_epochs)
    beta = config.beta
    if config.anneal_beta:
        progress = min(1.0, epoch / config.num_epochs)
        beta = config.final_beta + (config.beta - config.final_beta) * (1.0 + math.cos(math.pi * progress)) / 2.0
    weights = (
        multi_step_weights(epoch, config.multi_step_epochs, config.num_inner_steps) if config.multi_step_loss else None
    )
    return Schedule(epoch, "first" if first else "second", beta, weights)


def multi_step_weights(epoch: int, num_epochs: int, num_inner_steps: int) -> tuple[float, ...] | None:
    """Weights of the query losses after 1..N steps; they sum to 1. From epoch `num_epochs` on only the last one counts: None.

    >>> multi_step_weights(0, 10, 4)
    (0.25, 0.25, 0.25, 0.25)
    >>> multi_step_weights(10, 10, 4) is None
    True
    """
    if epoch >= num_epochs:
        return None
    n = num_inner_steps
    early = max(1.0 / n - epoch / (n * num_epochs), 0.03 / n)
    return (*[early] * (n - 1), 1.0 - (n - 1) * early)
