"""What a sweep will take, in the page's words, and what its chunks are cut by; how it is measured and reckoned is the engine's (`sweeps.budget`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from maml_core.sweeps.budget import Budget, Cost, compiling_words
from maml_core.wording import counted


def budget_words(need: Budget) -> str:
    """What is left to do of a sweep.

    >>> budget_words(Budget(64, 128, 1, 8, 0.01, 150.0, 75.0))
    '64 settings · 128 lanes · about 75 s'
    >>> budget_words(Budget(64, 64, 1, 8, 0.01, 300.0, 180.0, compiling_s=24.0))
    '64 settings · about 3 min, compiling in the first 24 s'
    """
    lanes = f" · {need.num_lanes:,} lanes" if need.num_lanes != need.num_settings else ""
    groups = f" in {need.num_groups} groups" if need.num_groups > 1 else ""
    return f"{counted(need.num_settings, 'setting')}{lanes}{groups} · {duration(need.seconds)}{compiling_words(need)}"


def duration(seconds: float) -> str:
    """A time that was estimated, no more exactly than that.

    >>> [duration(s) for s in (0.4, 42.0, 600.0, 9000.0, 400000.0, float("nan"))]
    ['about 1 s', 'about 42 s', 'about 10 min', 'about 2.5 h', 'about 4.6 days', 'time not measured yet']
    """
    if math.isnan(seconds):
        return "time not measured yet"
    if seconds < 120.0:
        return f"about {max(1, round(seconds))} s"
    if seconds < 7200.0:
        return f"about {round(seconds / 60.0)} min"
    if seconds < 48 * 3600.0:
        return f"about {seconds / 3600.0:.2g} h"
    return f"about {seconds / 86400.0:.2g} days"


def lanes_of_a_batch(costs: Sequence[Cost], step_s: float) -> int:
    """Lanes of a batch of which a step takes no longer than that.

    >>> lanes_of_a_batch([Cost(0.001, 0.02), Cost(0.002, 0.02)], 0.03)
    15
    """
    return max(1, min(256, *(int(step_s / max(cost.eager_step_s, 1e-6)) for cost in costs or [Cost(step_s / 16, 0.0)])))


def judged_at_once(costs: Sequence[Cost], look_s: float) -> int:
    """Lanes that are judged within that time.

    >>> judged_at_once([Cost(0.001, 0.02), Cost(0.002, 0.3)], 0.06)
    1
    """
    return max(1, min(64, *(int(look_s / max(cost.evaluation_s, 1e-6)) for cost in costs or [Cost(0.0, look_s / 2)])))
