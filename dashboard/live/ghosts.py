"""Runs before the one that is there now, whose curves stay beside its own: at most four, each with a number, and named by what differs."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np

from dashboard.charts.ghosts import DASHES, trace_of
from dashboard.charts.results import GHOST_PLACES, Array, Curves, Ghost, Metric
from dashboard.charts.symbols import in_greek
from dashboard.live import held_out
from dashboard.live.watched import Watched
from dashboard.setups.algorithms import NAMES
from dashboard.setups.setting_names import name_of, symbol
from maml_core.config import RunConfig, to_dict
from maml_core.records import Summary
from maml_core.values import written
from maml_core.wording import counted

MAX_NAMED = 3
"""Settings that a name lists; of more it says how many."""

TRAINED = 20
"""A run of fewer outer steps was hardly trained: it takes the place of no ghost that was."""

SAME = "the same settings"
"""What a ghost is called that differs from the run in nothing that has a name."""

_UNSEEN = frozenset({"evaluation_steps", "joint_baseline", "oracle_baseline", "recompute"})
"""Fields that leave the curves of a run as they were."""

_SEEDS = ("weights_seed", "tasks_seed")
"""What the page's one seed stands for."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False, weakref_slot=True)
class Left:
    """A run that another one took the place of: what is drawn of it, and what its name is made of.

    Its curves hold at most 401 points of 5 arrays in each of two metrics, of 4 bytes each: 16 KB. Four ghosts, and four more that an Undo would
    bring back, take 130 KB of a run that has its history and states in megabytes.
    """

    number: int
    """What it is called by on the page, as long as it is there."""
    place: int
    """Its line among those that the chart has for ghosts, from 0: another one for each that is there."""
    start: RunConfig
    """Set-up at outer step 0."""
    config: RunConfig
    """Set-up at its last outer step."""
    step: int
    """Outer steps that it had taken."""
    branched_at: int | None
    """Outer step from which the next run went on otherwise; None where that one began from its own start."""
    curves: Mapping[Metric, Curves]
    adapted: Mapping[Metric, Array]
    """Held-out tasks after each inner step; empty for what was never looked at."""

    def drawn(self, metric: Metric) -> Ghost:
        """What the charts have of it."""
        curves, adapted = self.curves[metric], self.adapted[metric]
        return Ghost(number=self.number, place=self.place, curves=curves, adapted=adapted)


class Ghosts:
    """The runs before one run, oldest first. Whoever changes them puts others in their place: what was there can be kept, and come back."""

    def __init__(self) -> None:
        self.all: tuple[Left, ...] = ()
        self.num_removals = 0
        """Grows with every removal that can be undone."""
        self._newest: Left | None = None
        """The one that was left last; it may have found no place."""
        self._before: tuple[Left, ...] = ()
        """Those that there were before the newest removal; empty where nothing can be brought back."""

    def add(self, run: Watched) -> None:
        """Another one takes the place of this run. Where there are too many ghosts the oldest goes, of those that were hardly trained if there are such."""
        curves = {metric: _lines(held_out.curves(run, metric, stands=True)) for metric in get_args(Metric)}
        self._put(
            Left(
                number=0,
                place=0,
                start=run.changes.start,
                config=run.state_config,
                step=run.step,
                branched_at=None,
                curves=curves,
                adapted=_adapted(run.audience.seen.trajectories.get("maml")),
            )
        )

    def branched(self, at: int) -> None:
        """The newest was left for one that goes on from one of its outer steps."""
        self.all = tuple(
            dataclasses.replace(left, branched_at=at) if left is self._newest else left for left in self.all
        )

    def forget(self) -> None:
        """The run is one of other tasks: nothing can be compared."""
        self.all = self._before = ()

    def go_back(self, before: tuple[Left, ...], *, with_newest: bool) -> None:
        """A restart is undone.

        Args:
            before: Those that there were before it.
            with_newest: Whether the newest of now, which is the run that leaves again, stays beside them.
        """
        newest = self.all[-1:] if with_newest else ()
        self.all, self._before = before, ()
        for left in newest:
            self._put(left)

    def numbered(self, number: int) -> Left:
        """The ghost of this number.

        Raises:
            ValueError: There is none.
        """
        found = next((left for left in self.all if left.number == number), None)
        if found is None:
            raise ValueError(f"there is no ghost {str(number)[:20]} any more")
        return found

    def remove(self, number: int | None) -> str:
        """Take one of them away, or all.

        Args:
            number: Which; None for all.

        Returns:
            What was done, in a sentence.

        Raises:
            ValueError: There is none.
        """
        gone = self.all if number is None else (self.numbered(number),)
        if not gone:
            raise ValueError("there is no ghost to remove")
        self._before = self.all
        self.all = tuple(left for left in self.all if left not in gone)
        self.num_removals += 1
        return f"{_counted(gone)} removed; Undo brings {'it' if len(gone) == 1 else 'them'} back."

    def bring_back(self) -> None:
        """Undo the newest removal.

        Raises:
            ValueError: There is none to undo.
        """
        if not self._before:
            raise ValueError("there is no removed ghost to bring back")
        self.all, self._before = self._before, ()

    @property
    def removed(self) -> str | None:
        """What `bring_back` would bring; None where that is nothing."""
        gone = tuple(left for left in self._before if left not in self.all)
        return _counted(gone) if gone else None

    def _put(self, left: Left) -> None:
        kept = self.all
        if len(kept) == GHOST_PLACES:
            gone = next((other for other in (*kept, left) if other.step < TRAINED), kept[0])
            if gone is left:
                self._newest = None
                return
            kept = tuple(other for other in kept if other is not gone)
        place = min(set(range(GHOST_PLACES)) - {other.place for other in kept})
        number = 1 + max((other.number for other in self.all), default=0)
        self._newest = dataclasses.replace(left, number=number, place=place)
        self.all, self._before = (*kept, self._newest), ()


def told(ghosts: Ghosts, hidden: Container[Left], *, start: RunConfig, config: RunConfig) -> list[dict[str, Any]]:
    """What a page is told of each ghost.

    Args:
        ghosts: Of the run.
        hidden: Those that its viewer does not want to see.
        start: The run's set-up at outer step 0.
        config: The one of now.
    """
    return [
        {
            "number": left.number,
            "trace": trace_of(left.place),
            "dash": DASHES[left.place],
            "name": in_greek(name),
            "sentence": in_greek(f"Ghost {left.number}, a run of {counted(left.step, 'outer step')}: {name}."),
            "shown": left not in hidden,
        }
        for left in ghosts.all
        for name in [name_beside(left, start=start, config=config)]
    ]


def name_beside(left: Left, *, start: RunConfig, config: RunConfig) -> str:
    """A ghost's name: what it had otherwise than the run that is there.

    Args:
        left: The ghost.
        start: The run's set-up at outer step 0.
        config: The one of now.
    """
    parts = _listed(_differences(left.config, config))
    if not parts and (began := _listed(_differences(left.start, start))):
        parts = [f"began with {', '.join(began)}"]
    if left.branched_at is not None:
        parts.append(f"before step {left.branched_at:,}")
    return ", ".join(parts) or SAME


def _differences(left: RunConfig, now: RunConfig) -> dict[str, str]:
    """What one set-up has that another has not, by what is spoken of: each setting with its value, in words."""
    own, others = dict(_fields(left)), dict(_fields(now))
    found = {field: value for field, value in own.items() if value != others.get(field) and field not in _UNSEEN}
    if found.keys() >= set(_SEEDS) and len({found[seed] for seed in _SEEDS}) == 1:
        found = {"seed" if field == _SEEDS[0] else field: value for field, value in found.items()}
        del found[_SEEDS[1]]
    return {_called(field): _said(field, value) for field, value in found.items()}


def _fields(config: RunConfig) -> Iterator[tuple[str, Any]]:
    """The settings of a run with their values, those of its network by dotted names at the end. Its tasks are those of its ghosts."""
    plain = to_dict(config)
    network = plain.pop("model")
    del plain["tasks"]
    yield from plain.items()
    yield from ((f"model.{field}", value) for field, value in network.items())


def _called(field: str) -> str:
    name = name_of(field)
    return (name.note if name is not None else "") or symbol(field)


def _said(field: str, value: Any) -> str:
    """A setting with its value, as people say it: an algorithm has a name, and an order is first or second."""
    if field == "algorithm":
        return str(NAMES.get(value, value))
    return f"{value} order" if field == "order" else f"{_called(field)} {written(value, 3)}"


def _listed(differences: Mapping[str, str]) -> list[str]:
    parts = list(differences.values())
    more = len(parts) - MAX_NAMED
    return parts if more <= 1 else [*parts[:MAX_NAMED], f"{more} more settings"]


def _counted(gone: Collection[Left]) -> str:
    """Some ghosts in words, at the beginning of a sentence."""
    return f"Ghost {next(iter(gone)).number}" if len(gone) == 1 else f"{len(gone)} ghosts"


def _adapted(found: Summary | None) -> dict[Metric, Array]:
    """The means over tasks, by metric."""
    nothing = np.empty(0, dtype=np.float32)
    loss, accuracy = (found.mean, found.accuracy) if found is not None else (nothing, nothing)
    return {"loss": loss, "accuracy": accuracy if accuracy is not None else nothing}


def _lines(curves: Curves) -> Curves:
    """What is drawn of the curves of a ghost: not the raw line."""
    return dataclasses.replace(curves, steps=Curves().steps, raw=Curves().raw)
