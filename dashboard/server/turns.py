"""Whose chunk is computed next, how long it may take, and how often its run is looked at: pure functions of who waits.

The next chunk is of a run that a class follows, else of the run whose settings just changed, else of the run that has trained for the least
processor time. A run has at most one chunk under way, and a worker is left to those that no class follows. Sweeps count as one run of five, and who waits
for an answer never waits for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from dashboard.live.pacing import Pace

MAX_CREDIT_S = 0.2
"""How far behind the others a run may be counted; more would let one that paused take all processors when it goes on."""

MAX_LEAD_S = 0.1
"""How far ahead of a run that is being computed another may get; a free place is left free rather than given to it."""

MIN_CHUNK_S, MAX_CHUNK_S, ROUND_S = 0.010, 0.030, 0.120
"""A chunk takes its share of a round of all runs that train, within these bounds, in processor seconds."""

ALONE_CHUNK_S = 0.045
"""That of a run which another worker looks at meanwhile: who waits for an answer waits for no look, and a longer chunk is handed over less often."""

CROWDED_PACE = Pace(frame_s=0.016, trajectories_s=0.14, slow_s=0.6)
"""For each run that trains and each worker: looking must leave time for training, however many pages are open. A frame comes with a chunk, so
two of them may be twice as far apart: this asks for two a second of thirty pages on two workers, where the processors have the time. For heavy
looks every run beyond the first counts twice: those of thirty pages take a fifth of a processor, and who changes a setting sees them at once
all the same.
"""

LEAST_BEHIND_S = 1.0
"""Between two frames for a browser that has not drawn those that it has."""

LEAST_AWAY_S = 0.25
"""Between two frames of now for somebody who waits for something else: for an earlier outer step, or a closer look."""

SWEEPS_SHARE = 0.2
"""What sweeps have of the workers' time beside many runs that train: a picture of each within seconds, also where fifteen people have one computed."""

MAX_HELD_S = 2.0
"""For how long sweeps stand still for somebody who changes something again and again."""


class Waiting(NamedTuple):
    """A run that has something to compute, none of it under way."""

    used_s: float
    """Processor seconds of training that count for it, as `counted` gives them."""
    is_urgent: bool = False
    """Somebody waits for an answer."""
    leads: bool = False
    """A class follows it, and it comes before others."""


def counted(used_s: float, newest_s: float) -> float:
    """What counts as used of a run that waits: who did nothing for a while does not catch up on what the others have used since.

    Args:
        used_s: Its processor seconds.
        newest_s: Those of the run that had the newest turn.
    """
    return max(used_s, newest_s - MAX_CREDIT_S)


def next_turn(waiting: Sequence[Waiting], computing_s: Sequence[float] = ()) -> int | None:
    """Whose turn it is.

    Args:
        waiting: The runs to choose from.
        computing_s: Processor seconds of the runs that train and are being computed.

    Returns:
        The place among `waiting`; None where nobody's turn it is, since whoever waits is too far ahead of those that are being computed.
    """
    behind = min(computing_s, default=math.inf)
    ready = [i for i, run in enumerate(waiting) if run.leads or run.is_urgent or run.used_s <= behind + MAX_LEAD_S]
    return min(ready, key=lambda i: (not waiting[i].leads, not waiting[i].is_urgent, waiting[i].used_s), default=None)


def crowd(num_training: int, num_workers: int) -> float:
    """Runs that train for each worker."""
    return max(1, num_training) / num_workers


def most_long(num_workers: int) -> int:
    """How many workers may be kept for long at a time: the last one is left to those whose chunks are short."""
    return max(1, num_workers - 1)


def most_leading(num_workers: int) -> int:
    """How many runs that classes follow may be computed at a time because they come first: a worker is left to all others. Beyond that, they take
    turns like any run."""
    return max(1, num_workers - 1)


def weight_of_sweeps(num_training: int) -> float:
    """As how many runs that train all sweeps together count where these keep the workers busy."""
    return max(1.0, SWEEPS_SHARE / (1.0 - SWEEPS_SHARE) * num_training)


def chunk_budget_s(crowd: float, *, is_urgent: bool, is_alone: bool = False) -> float:
    """Processor seconds of a chunk: whoever waits for an answer gets it before more training.

    Args:
        crowd: As `crowd` gives it.
        is_urgent: Somebody waits for an answer.
        is_alone: No other run is there, and another worker looks at it.
    """
    if is_alone and not is_urgent:
        return ALONE_CHUNK_S
    return MIN_CHUNK_S if is_urgent else min(MAX_CHUNK_S, max(MIN_CHUNK_S, ROUND_S / crowd))


def pace(crowd: float, *, is_visible: bool, is_behind: bool, is_away: bool = False) -> Pace:
    """How often to look at a run.

    Args:
        crowd: As `crowd` gives it.
        is_visible: Whether anybody sees its page.
        is_behind: Whether the browser has yet to draw what it was sent.
        is_away: Whether all who see it look at earlier outer steps, or wait for a closer look.
    """
    if not is_visible:
        return Pace(frame_s=math.inf)
    counts = Pace(crowd, *(max(crowd, 2.0 * crowd - 1.0),) * 2)
    found = Pace(*(max(least, share * of) for least, share, of in zip(Pace(), CROWDED_PACE, counts, strict=True)))
    least_s = LEAST_BEHIND_S if is_behind else LEAST_AWAY_S if is_away else 0.0
    return found._replace(frame_s=max(least_s, found.frame_s))
