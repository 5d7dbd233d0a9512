"""Runs in pieces."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from maml_core.config import RunConfig
from maml_core.records import Entry, Records
from maml_core.run_state import RunState
from maml_core.runs import advance_through, init_run

# Enough steps to pass a checkpoint; changes before it, on it and after it, two of them at one step.
STEPS = 60
TIMELINE = (
    Entry(step=0, kind="change", changes={"alpha": 0.02}),
    Entry(step=9, kind="change", changes={"num_inner_steps": 3}),
    Entry(step=9, kind="change", changes={"alpha": 0.05}),
    Entry(step=20, kind="change", changes={"outer_optimizer": "sgd", "beta": 0.01}),
    Entry(step=31, kind="change", changes={"shots": 7, "num_query": 3, "meta_batch_size": 2}),
    Entry(step=33, kind="change", changes={"joint_baseline": False, "oracle_baseline": True, "evaluation_steps": 1}),
    Entry(step=47, kind="change", changes={"joint_baseline": True}),
    Entry(step=50, kind="change", changes={"outer_optimizer": "adam", "beta": 1e-3}),
    Entry(step=55, kind="change", changes={"order": "first", "clip_norm": 0.5}),
)


def in_pieces(
    config: RunConfig,
    timeline: tuple[Entry, ...],
    pieces: list[int],
    between: Callable[[RunState], RunState] = lambda state: state,
) -> tuple[RunConfig, RunState, Records]:
    """A run in chunks of these lengths."""
    state, parts = init_run(config), []
    for piece in pieces:
        config, state, records = advance_through(config, between(state), timeline, num_steps=piece)
        parts.append(records)
    return config, state, Records.joined(parts)


def lengths(cuts: set[int], total: int) -> list[int]:
    edges = [0, *sorted(cuts), total]
    return [b - a for a, b in pairwise(edges)]
