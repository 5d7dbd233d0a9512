"""When a run that trains is looked at, and at what: each look costs time that training then does not have.

A frame shows the demonstration task and the paths. Two kinds of looks are heavy, the held-out trajectories and what moves slowly (the
curvature and the joint baseline): where they take long, they are put off while somebody waits for an answer, and made up for afterwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

HEAVY = ("trajectories", "slow")
"""The heavy kinds of looks; the other one is "fit", the frame."""

SHARES: Mapping[str, float] = {"fit": 0.2, "trajectories": 0.25, "slow": 0.08}
"""Looks come so seldom that each kind takes no more of the time than this."""

SHARES_OF_IMAGES: Mapping[str, float] = {"fit": 0.19, "trajectories": 0.22, "slow": 0.04}
"""Shares where tasks are of images: a step is long, and so is a look."""

SHARES_OF_IMAGES_MEANWHILE: Mapping[str, float] = {"fit": 0.25, "trajectories": 0.35, "slow": 0.05}
"""Those of the time of a worker that looks while another trains: together with the page and its server they leave the trainer a processor of two."""

PATIENCE = 5.0
"""A run that hardly trains, because it is slowed down or the machine is busy, is looked at after so many times as long all the same."""

HEAVY_PATIENCE = 3.0
"""Heavy looks wait at least so many times their least time then: of many runs that hardly train all would else be looking most of the time."""

PROMPT_S = 0.05
"""What takes longer to compute is not waited for when somebody waits for an answer."""

UNKNOWN_IMAGES_S = 0.1
"""What a look at images is taken to cost before one was measured: the heavy ones are put off until the first frame is there."""

_KIND_OF = {"trajectories": "trajectories", "curvature": "slow"}
"""To which kind a part of a snapshot belongs; all others are of the frame."""

_ONCE = frozenset({"scratch"})
"""Parts that are computed once: what they took says nothing of the next look."""


class Pace(NamedTuple):
    """Least times between two looks at a run that trains, in seconds."""

    frame_s: float = 0.14
    """The fit and the paths: with each look there is a frame."""
    trajectories_s: float = 0.14
    """The held-out trajectories, which cost most."""
    slow_s: float = 1.0
    """What moves slowly: the curvature and the joint baseline."""


class Pacing:
    """When each kind of look was taken at one run, what it cost, and what is owed.

    Args:
        of_images: Looks cost much until the first was measured.
    """

    def __init__(self, *, of_images: bool) -> None:
        self.cost = dict.fromkeys(("fit", *HEAVY), UNKNOWN_IMAGES_S if of_images else 0.0)
        """Processor seconds that the last look of each kind took."""
        self._of_images = of_images
        self.meanwhile = False
        """Another worker looks while it trains on."""
        self.trained_s = 0.0
        """Processor seconds of outer steps so far."""
        self.owed: frozenset[str] = frozenset()
        """Kinds that were put off."""
        self._seen = dict.fromkeys(self.cost, -math.inf)
        self._trained_at = dict.fromkeys(self.cost, 0.0)

    @property
    def _shares(self) -> Mapping[str, float]:
        if not self._of_images:
            return SHARES
        return SHARES_OF_IMAGES_MEANWHILE if self.meanwhile else SHARES_OF_IMAGES

    def is_due(self, kind: str, now: float, least_s: float, *, playing: bool) -> bool:
        """Whether it is time for another look of a kind, as far as its cost allows."""
        share = self._shares[kind]
        cost, since = self.cost[kind], now - self._seen[kind]
        trained = self.trained_s - self._trained_at[kind]
        patience_s = max(PATIENCE * cost / share, HEAVY_PATIENCE * least_s if kind in HEAVY else 0.0)
        # On a busy machine an hour by the clock may hold little training: then what was trained counts, for some time.
        return since >= max(least_s, cost / share) and (
            not playing or trained >= cost * (1.0 / share - 1.0) or since >= patience_s
        )

    def take(self, now: float, pace: Pace, *, playing: bool, urgent: bool, joint: bool) -> frozenset[str]:
        """The heavy kinds of the look that is taken now; "joint" among them, where the joint baseline's trajectory is due too.

        Args:
            now: The clock.
            pace: Least times between two.
            playing: Whether the run trains.
            urgent: Somebody waits for an answer: long ones are put off.
            joint: There is a joint baseline, whose trajectory comes with what moves slowly.
        """
        # What was put off comes by itself, or on a busy machine what is due again would come before it for ever.
        wanted = set(self.owed)
        if urgent or not self.owed:
            wanted |= {k for k in HEAVY if self.is_due(k, now, pace._asdict()[f"{k}_s"], playing=playing)}
        if urgent or (wanted == {"slow"} and joint and not self.owed):
            wanted.add("trajectories")
        joint_too = "slow" in wanted
        long = [kind for kind in HEAVY if kind in wanted and self.cost[kind] > PROMPT_S]
        self.owed = frozenset(long if urgent else long[1:])
        wanted -= self.owed
        for kind in ("fit", *wanted):
            self._seen[kind], self._trained_at[kind] = now, self.trained_s
        return frozenset(wanted | {"joint"} if joint_too else wanted)

    def lost(self, looks: frozenset[str]) -> None:
        """What `take` gave was never computed: it is owed."""
        self.owed |= looks & frozenset(HEAVY)

    def measured(self, seconds: Mapping[str, float]) -> None:
        """What the parts of a snapshot took, by name."""
        costs = {"fit": 0.0}
        for part, part_s in seconds.items():
            if part in _ONCE:
                continue
            kind = _KIND_OF.get(part, "fit")
            costs[kind] = costs.get(kind, 0.0) + part_s
        self.cost |= costs
