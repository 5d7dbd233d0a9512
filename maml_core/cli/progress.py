"""Progress bars: on stderr, and only where a person looks at it."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from maml_core.cli.console import percent
from maml_core.records import Numbers, Records
from maml_core.wording import loss_said

if TYPE_CHECKING:
    from maml_core.sweeps.driver import Progress as SweepProgress


def quiet() -> bool:
    """Whether nobody looks."""
    return not sys.stderr.isatty()


LEAST_BAR = 8
"""Signs of the bar itself, at least."""


class _Room:
    """What is said beside a bar, as much of it as a line of the terminal holds: otherwise each part of the line would be cut, the counts among them.

    Args:
        console: Where the bar is drawn.
        beside: Signs of the line that are not said: counts, time, gaps, and the bar at its least.
    """

    def __init__(self, console: Console, beside: int) -> None:
        self._console, self._beside, self._at = console, beside, 0

    def of(self, *variants: str) -> str:
        """The first that has room. What was left out once stays out, or the line would jump with each digit."""
        room = self._console.width - self._beside
        while self._at < len(variants) - 1 and len(variants[self._at]) > room:
            self._at += 1
        return variants[self._at]


class TrainingBar:
    """The bar of a training run: outer step, losses, speed and the time left."""

    def __init__(self, step: int, target: int) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("step"),
            MofNCompleteColumn(),
            BarColumn(),
            TextColumn("{task.fields[said]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet(),
        )
        self._task = self._progress.add_task("", total=target, completed=step, said="")
        self._room = _Room(console, len(f"step {target}/{target}  -:--:-- ") + LEAST_BAR)
        self._training = self._held_out = ""

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def show(self, step: int, records: Records) -> None:
        """Show where the run is now."""
        if len(records.query_loss):
            self._training = f"training loss {loss_said(records.query_loss[-1], 3)}{_beside(records.accuracy)}"
        if len(records.held_out_after):
            right = _beside(records.held_out_accuracy_after)
            self._held_out = f"held-out after N {loss_said(records.held_out_after[-1], 3)}{right}"
        speed = self._progress.tasks[0].speed
        rate = f"  {speed:.0f} steps/s" if speed else ""
        both = ", ".join(part for part in (self._training, self._held_out) if part)
        newest = self._held_out or self._training
        said = self._room.of(both + rate, both, newest + rate, newest, "")
        self._progress.update(self._task, completed=step, said=said)


def _beside(accuracies: Numbers) -> str:
    """The last accuracy; nothing in regression."""
    return "" if math.isnan(accuracies[-1]) else f" ({percent(accuracies[-1])} right)"


def counting(what: str, total: int) -> Progress:
    """A bar that counts to `total`; its only task is 0."""
    bar = Progress(
        TextColumn(what),
        MofNCompleteColumn(),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet(),
    )
    bar.add_task(what, total=total)
    return bar


@contextlib.contextmanager
def working() -> Iterator[Callable[[str, int, int], None]]:
    """A bar for each kind of work that is reported: what is done, how much of it is, and how much there is."""
    bars: dict[str, TaskID] = {}
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        disable=quiet(),
    ) as progress:

        def show(what: str, done: int, total: int) -> None:
            if what not in bars:
                bars[what] = progress.add_task(what)
            progress.update(bars[what], completed=done, total=total)

        yield show


class SweepBar:
    """The bar of a sweep: settings, outer steps of all lanes, speed and the time left."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            TextColumn("{task.fields[settings]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet(),
        )
        self._task = self._progress.add_task("", total=None, settings="", rate="")
        self._room = self._room_beside("")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin(self, what: str) -> None:
        """Another sweep, from its beginning on."""
        self._room = self._room_beside(what)
        self._progress.reset(self._task, description=what, settings="", rate="")

    def show(self, now: SweepProgress) -> None:
        """Show how far it is."""
        gone = [
            f"{count:,} {what}"
            for count, what in (
                (now.num_diverged, "diverged"),
                (now.num_pruned, "pruned"),
                (now.num_refused, "left out"),
            )
            if count
        ]
        count = f"settings {now.num_done - now.num_refused:,}/{now.num_settings:,}"
        all_of_it = f"{count} ({', '.join(gone)})" if gone else count
        speed = self._progress.tasks[0].speed
        rate = f"{speed:,.0f} lane-steps/s" if speed else ""
        said = self._room.of(f"{all_of_it}\t{rate}", f"{all_of_it}\t", f"{count}\t")  # a tab for a gap of the line
        settings, _, rate = said.partition("\t")
        self._progress.update(
            self._task,
            completed=now.lane_steps,
            total=now.lane_steps + now.lane_steps_left,
            settings=settings,
            rate=rate,
        )

    def _room_beside(self, what: str) -> _Room:
        return _Room(self._console, len(f"{what}  100%  -:--:-- ") + LEAST_BAR)
