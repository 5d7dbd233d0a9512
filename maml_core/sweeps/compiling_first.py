"""Which groups of a sweep train for long enough to have their outer step compiled before they begin, and what that is reckoned to take and to
save. Imports without torch.
"""

from __future__ import annotations

from maml_core.compiled import files
from maml_core.config import RunConfig
from maml_core.sweeps.footprint import eager_s

LONG_S = 90.0
"""Processor seconds that a group trains eagerly before it is worth the half a minute that its compiled form takes to make."""

COMPILING_S = 30.0
"""Seconds that a group's form takes to make: measured 24 at N = 1 and 32 at N = 5."""

TIMES_AS_FAST = 3.0
"""A compiled outer step of lanes, against the eager one: measured 2.7 to 3.0 at N = 1, and more with more inner steps."""


def is_long(config: RunConfig, lane_steps: float) -> bool:
    """Whether a group is worth compiling first.

    Args:
        config: Of any of its lanes.
        lane_steps: Outer steps that are left of it, over all lanes.
    """
    can_be = config.model.kind not in files.EAGER_MODELS and files.folder() is not None
    return can_be and lane_steps * eager_s(config) >= LONG_S
