"""When it pays to have the outer step of a sweep's group compiled beside its training, and what is gained. Imports without torch."""

from __future__ import annotations

from maml_core.compiled import files
from maml_core.config import PythonConfig, RunConfig
from maml_core.execution import most_workers

COMPILING_S = 24.0
"""Seconds of one processor that a group's form takes to make: measured at N = 1, and a quarter more at N = 5."""

TIMES_AS_FAST = 3.0
"""A compiled outer step of lanes, against the eager one: measured 2.7 to 3.0 at N = 1, and more with more inner steps."""

LEAST_GAIN = 0.1
"""Share of the time that must be saved: what is reckoned is not that certain."""


def can_be_compiled(config: RunConfig) -> bool:
    """Whether outer steps of such lanes have a compiled form."""
    is_own = isinstance(config.tasks, PythonConfig)
    return not is_own and config.model.kind not in files.EAGER_MODELS and files.folder() is not None


def places_meanwhile(at_once: int) -> int:
    """Batches in flight while something is compiled: that takes the place of one of them, unless there is a processor for it."""
    return at_once if at_once < most_workers() else max(1, at_once - 1)


def seconds(compiled_s: float, at_once: int, *, num_compiled: int = 1) -> float:
    """How long a sweep takes that begins eagerly and has its groups compiled beside it, one after the other.

    The first one trains eagerly meanwhile, which does a third of what it would do; those that are compiled later train when their form is there.

    Args:
        compiled_s: Processor seconds of all that is to be done, the steps of those groups in their compiled form.
        at_once: Batches in flight.
        num_compiled: Groups that are compiled.
    """
    places = places_meanwhile(at_once)
    beside_s = places * COMPILING_S * (1.0 / TIMES_AS_FAST + num_compiled - 1)
    return num_compiled * COMPILING_S + max(0.0, compiled_s - beside_s) / at_once


def pays(eager_s: float, at_once: int) -> bool:
    """Whether a group is done sooner where its outer step is compiled.

    Args:
        eager_s: Processor seconds of what is left of it, eagerly.
        at_once: Batches in flight.

    >>> pays(25.0, 1), pays(100.0, 1)
    (False, True)
    """
    return seconds(eager_s / TIMES_AS_FAST, at_once) < (1.0 - LEAST_GAIN) * eager_s / at_once
