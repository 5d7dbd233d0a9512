"""What a protocol is made of: set-ups, their trainings, how these are judged, and what papers report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from maml_core.config import RunConfig
from maml_core.errors import ConfigError
from maml_core.rng import Stream


class Setup(NamedTuple):
    """A line of the table."""

    name: str
    settings: Mapping[str, Any]
    """What differs from the protocol."""
    learner: Literal["meta", "oracle", "random", "scratch"] = "meta"
    """What is judged: the run, its oracle, its untrained weights, or those trained on each test task from scratch."""

    @property
    def is_trained(self) -> bool:
        """Whether there is a run to train."""
        return self.learner in ("meta", "oracle")


class Published(NamedTuple):
    """A figure that somebody reports: test loss or accuracy and, where it is given, the half-width of its 95% interval."""

    mean: float
    """An accuracy is a share, 0..1."""
    ci95: float | None
    source: str
    steps: int | None = None
    """Inner steps after which it was measured; None where our own result has as many as it."""


class Exam(NamedTuple):
    """How what was trained is judged."""

    shots: tuple[int, ...]
    """Support points of the test tasks; a row of the table each."""
    stream: Stream
    """The split whose classes the test tasks have."""
    num_steps: int
    """Inner steps taken."""
    reported: tuple[int, ...]
    """Inner steps that the table shows."""
    result: int
    """The inner steps after which the result is taken; never chosen on the test tasks."""


class Case(NamedTuple):
    """One training of a set-up."""

    setup: Setup
    config: RunConfig
    num_steps: int
    """Outer steps."""
    folder: str
    """Name of its run folder."""
    exam: Exam
    published: Mapping[int, tuple[Published, ...]]
    """By shots of the test tasks; the first figure is what ours is compared with."""


MOST_SEEDS = 20


def seeds_from(seed: int, count: int) -> range:
    """So many seeds from one on.

    >>> list(seeds_from(3, 2))
    [3, 4]

    Raises:
        ConfigError: Fewer than one, or more than 20.
    """
    if not 1 <= count <= MOST_SEEDS:
        raise ConfigError("seeds", count, f"a whole number from 1 to {MOST_SEEDS}")
    return range(seed, seed + count)


def chosen(setups: Sequence[Setup], names: Sequence[str]) -> list[Setup]:
    """The set-ups of these names, in any spelling of upper and lower case; all of them where no name is given.

    Raises:
        ConfigError: A name that is none of them.
    """
    by_name = {setup.name.lower(): setup for setup in setups}
    for name in names:
        if name.lower() not in by_name:
            raise ConfigError("only", name, f"one of {', '.join(setup.name for setup in setups)}")
    return [by_name[name.lower()] for name in names] if names else list(setups)
