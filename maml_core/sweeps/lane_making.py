"""An outer step of lanes traced, and compiled ahead of time to a library; see `compiled.making`."""

from __future__ import annotations

from pathlib import Path

import torch

from maml_core.compiled.making import Traced, library_of
from maml_core.compiled.products import graph_of
from maml_core.config import RunConfig
from maml_core.sweeps.compiled_lanes import GraphedLanes, LaneGraph, batch_of, with_row
from maml_core.sweeps.lanes import Batch, Lanes


def traced(batch: Batch, lanes: Lanes) -> tuple[LaneGraph, Traced]:
    """The next step of a batch, traced."""
    graph, rows, row = with_row(batch, lanes)
    return graph, Traced(graph_of(GraphedLanes(graph, rows).forward, row), row)


def made_of_batch(configs: tuple[RunConfig, ...], step: int, work: Path) -> bytes:
    """The library that computes an outer step of the batch of these configs.

    Args:
        configs: Of the lanes.
        step: Which one: its schedule says what is computed.
        work: A folder for what is written on the way.

    Raises:
        RuntimeError: There is no compiler, or it could not compile this.
    """
    torch.set_num_threads(1)
    _, found = traced(*batch_of(configs, step))
    return library_of(found, work)
