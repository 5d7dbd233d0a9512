"""Lanes that cannot be computed, told apart from the others of their batch, which go on.

Most refusals are known before a lane begins. Code of one's own refuses where it likes: a distribution that is given what is not a number, a family
whose generator runs out of tasks, an inner optimizer that an algorithm cannot differentiate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from maml_core.config import PythonConfig, RunConfig
from maml_core.errors import ConfigError, DataError, StateError
from maml_core.own_failures import own_failure
from maml_core.sweeps.lanes import Batch, Lanes
from maml_core.sweeps.results import LaneRefusal

T = TypeVar("T")


class Attempt(NamedTuple):
    """What came of computing lanes."""

    lanes: Lanes
    """Those that could be computed."""
    refused: tuple[LaneRefusal, ...]


def attempted(batch: Batch, lanes: Lanes, act: Callable[[Lanes], T]) -> tuple[T | None, Attempt]:
    """Compute something of all lanes together; where that is refused, of those of which each can be computed alone.

    Args:
        batch: That they are of.
        lanes: Which.
        act: Computes it of some lanes, and changes nothing.

    Returns:
        What `act` gave, None where no lane was left, and the lanes that it is of.

    Raises:
        Exception: What `act` raises, where it says nothing of these lanes (see `why_refused`).
    """
    found, why = _tried(batch, lanes, act)
    if found is not None:
        return found, Attempt(lanes, ())
    alone = [_tried(batch, lanes.only([index]), act)[1] for index in range(len(lanes.places))]
    left = lanes.only([index for index, sentence in enumerate(alone) if not sentence])
    if len(left.places) < len(lanes.places) and left.places:
        found, why = _tried(batch, left, act)
    if found is None:  # together alone, or the last one
        alone, left = [sentence or why for sentence in alone], lanes.only([])
    pairs = zip(lanes.places, alone, strict=True)
    return found, Attempt(left, tuple(LaneRefusal(place, sentence) for place, sentence in pairs if sentence))


def _tried(batch: Batch, lanes: Lanes, act: Callable[[Lanes], T]) -> tuple[T | None, str]:
    try:
        return act(lanes), ""
    except Exception as error:
        why = why_refused(batch.first, error)
        if not why:
            raise
        return None, why


def why_refused(config: RunConfig, error: Exception) -> str:
    """What an exception says of the setting that it comes of; empty where it says nothing of it: the machine's, the state's or the images' fault.

    Args:
        config: Of the lane, or one of them.
        error: From computing it.
    """
    if isinstance(error, ConfigError):
        return str(error)
    if not isinstance(config.tasks, PythonConfig) or isinstance(error, DataError | StateError | MemoryError):
        return ""
    return own_failure(error)
