"""The frozen map of a run: one theta_0 adapted with many alphas, a few at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from maml_core.chunks import ChunkRequest, run_chunk
from maml_core.config import RunConfig
from maml_core.families.own import OwnCode
from maml_core.sweeps.frozen import FrozenMap, frozen_map

ALPHAS = tuple(float(f"{alpha:.3g}") for alpha in np.geomspace(1e-3, 1.0, 19))
IMAGE_ALPHAS = tuple(float(f"{alpha:.3g}") for alpha in np.geomspace(1e-2, 10.0, 10))
"""Step sizes of the frozen map; images take longer, so they have fewer."""

CURVE_STEPS, IMAGE_STEPS = 10, 3
"""Inner steps of the frozen map, at least."""

ALPHAS_AT_ONCE = 4
"""So that a live run does not wait for the whole map."""


class Theta0(NamedTuple):
    """The theta_0 of a run, as it was when somebody asked for its map."""

    config: RunConfig
    state: bytes | None
    """None where the run has not begun."""
    code: OwnCode | None
    """With which it is computed, where it is of a problem of one's own."""
    of: str
    """Whose it is, in words."""


class AskedMaps:
    """The frozen maps that one page asks for: one is computed at a time, and of those asked for meanwhile the newest after it.

    So they come in the order in which they were asked for, and nobody has more of the workers by asking more often.
    """

    def __init__(self) -> None:
        self._newest: Theta0 | None = None
        self._is_taken = False

    def ask(self, theta_0: Theta0) -> bool:
        """Note what the next map is of; gives whether somebody has to begin computing, who then asks `next` until that is None."""
        self._newest = theta_0
        begins, self._is_taken = not self._is_taken, True
        return begins

    def next(self) -> Theta0 | None:
        """What to compute now; None where nothing more was asked for."""
        newest, self._newest = self._newest, None
        self._is_taken = newest is not None
        return newest


async def computed_map(theta_0: Theta0, compute: Callable[..., Awaitable[Any]]) -> FrozenMap:
    """The map of a run's theta_0, in as many pieces as let live runs through in between.

    Args:
        theta_0: The run's.
        compute: Calls a function with arguments in a worker.
    """
    config, state, code, _ = theta_0
    if state is None:
        state = (await compute(run_chunk, ChunkRequest(config=config, code=code))).state
    alphas, steps = (IMAGE_ALPHAS, IMAGE_STEPS) if config.classifies else (ALPHAS, CURVE_STEPS)
    steps = max(steps, config.num_inner_steps)
    parts = [
        await compute(frozen_map, config, state, alphas[start : start + ALPHAS_AT_ONCE], steps, code)
        for start in range(0, len(alphas), ALPHAS_AT_ONCE)
    ]
    return concatenated(parts)


def concatenated(parts: Sequence[FrozenMap]) -> FrozenMap:
    """Maps of one theta_0 as one, their alphas one behind the other."""

    def column(name: str) -> Any:
        columns = [getattr(part, name) for part in parts]
        return None if columns[0] is None else np.concatenate(columns)

    names = ("alphas", "mean", "ci95", "median", "diverged_share", "worse_share", "accuracy", "accuracy_ci95")
    return FrozenMap(
        **{name: column(name) for name in names},
        curvature=parts[0].curvature,
        seconds=sum(part.seconds for part in parts),
    )
