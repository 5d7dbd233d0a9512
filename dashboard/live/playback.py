"""When a run takes outer steps: it plays, stands still, takes single steps, plays until a step, as fast as was asked for.

It has no clock and knows nothing of what a step is: whoever runs it says what time it is and where the run stands.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from maml_core.wording import counted

MIN_SPEED, MAX_SPEED = 0.1, 1000.0
"""Outer steps a second that can be asked for."""

MAX_STOP = 10_000_000
"""The last outer step that can be asked for."""


class Held(NamedTuple):
    """What was being done when nobody saw it any longer, to go on with."""

    stop_at: int | None
    jumps: bool


class InLine(NamedTuple):
    """Where somebody stands who wants to train on a server that has its hands full."""

    training: int
    """Pages that have a place to train."""
    ahead: int
    """Those that wait and came before."""

    @property
    def sentence(self) -> str:
        """What the page says of it."""
        train = "trains" if self.training == 1 else "train"
        place = f"waits behind {counted(self.ahead, 'other')}" if self.ahead else "is the next in line"
        return (
            f"{counted(self.training, 'page')} {train} here, all that there is room for. Yours {place}, and begins by itself. "
            "Meanwhile it can watch: follow a class, open a lesson, look at a sweep."
        )


class Playback:
    """See the module. At first it stands still, and plays as fast as possible."""

    def __init__(self) -> None:
        self.steps_per_s: float | None = None
        """The speed asked for; None is as fast as possible."""
        self.playing = self.jumping = False
        self.stop_at: int | None = None
        """The outer step at which it pauses by itself."""
        self.in_line: InLine | None = None
        """It plays as soon as there is a place for it on the server; None where it has one, or does not play."""
        self.held: Held | None = None
        """It stands still because nobody sees it; None where it does not, or somebody has asked for something since."""
        self._num_single = 0
        """Single steps that were asked for and not taken yet."""
        self._was_playing = False
        """It played when something stopped it that another setting may mend."""
        self._next_due = -math.inf

    # What people ask for

    def play(self, *, until: int | None = None, jumps: bool = False) -> None:
        """Go on until paused.

        Args:
            until: The outer step at which to pause.
            jumps: At full speed whatever the speed asked for, without a look on the way.
        """
        self.playing, self.stop_at, self.jumping, self.held = True, until, jumps, None

    def pause(self) -> None:
        """Stand still."""
        self.playing, self.stop_at, self.jumping, self.held = False, None, False, None
        self._was_playing, self._num_single, self.in_line = False, 0, None

    def hold(self) -> None:
        """Stand still as long as nobody sees it."""
        held = Held(self.stop_at, self.jumping)
        self.pause()
        self.held = held

    def step_once(self) -> None:
        """One outer step, then stand still; presses add up."""
        waiting = self._num_single
        self.pause()
        self._num_single = waiting + 1

    def set_speed(self, steps_per_s: float | None) -> None:
        """Outer steps a second; None for as fast as possible.

        Raises:
            ValueError: Not a number from 0.1 to 1000.
        """
        is_number = isinstance(steps_per_s, int | float) and not isinstance(steps_per_s, bool)
        if steps_per_s is not None and not (is_number and MIN_SPEED <= steps_per_s <= MAX_SPEED):
            raise ValueError(
                f"speed {str(steps_per_s)[:20]}: give outer steps per second from {MIN_SPEED:g} to {MAX_SPEED:g}, or nothing for real time"
            )
        self.steps_per_s = steps_per_s
        self._next_due = -math.inf

    # What happens to the run

    def restart(self) -> None:
        """Another run takes this one's place: stand still, at the same speed."""
        self.pause()
        self._next_due = -math.inf

    def interrupt(self) -> None:
        """The run cannot go on as it is; `go_on` remembers whether it played."""
        self._was_playing = self.playing
        self.playing, self.jumping, self._num_single, self.in_line = False, False, 0, None

    def go_on(self) -> None:
        """What interrupted it is mended: play if it played then."""
        self.playing = self.playing or self._was_playing

    def took(self, num_steps: int | None) -> None:
        """A chunk of so many steps has been computed; None for as many as it could."""
        if self._num_single > 0 and num_steps == 1:
            self._num_single -= 1

    # What is next

    @property
    def trains(self) -> bool:
        """Whether it plays, and has a place on the server to do so."""
        return self.playing and self.in_line is None

    @property
    def has_single(self) -> bool:
        """Whether somebody waits for a single step."""
        return self._num_single > 0

    def is_over(self, step: int) -> bool:
        """Whether the run has come to where it was to pause."""
        return self.stop_at is not None and step >= self.stop_at

    def may_step(self, now: float) -> bool:
        """Whether the speed lets it take an outer step now, if it plays."""
        return self.steps_per_s is None or self.jumping or now >= self._next_due

    def seconds_until_due(self, now: float) -> float:
        """How long the speed makes it wait; inf when it does not train."""
        return max(0.0, self._next_due - now) if self.trains else math.inf

    def next_steps(self, now: float, step: int) -> int | None:
        """How many outer steps to take now: 0 for none, None for as many as there is time for.

        Args:
            now: The clock.
            step: Where the run stands.
        """
        if self.has_single:
            return 1
        if not self.trains or not self.may_step(now):
            return 0
        if self.steps_per_s is not None and not self.jumping:
            # Late by less than a step keeps the pace; whoever comes from a pause starts a new one.
            pace_s = 1.0 / self.steps_per_s
            self._next_due = (self._next_due if now - self._next_due < pace_s else now) + pace_s
            return 1
        return None if self.stop_at is None else self.stop_at - step


def stop_above(step: int, asked: object) -> int:
    """The outer step at which a run is to pause, as somebody asks for it.

    Args:
        step: Where the run stands.
        asked: What was asked for.

    Raises:
        ValueError: No number, or the run is already there or beyond.
    """
    if isinstance(asked, bool) or not isinstance(asked, int) or not step < asked <= MAX_STOP:
        raise ValueError(
            f"run until step {str(asked)[:20]}: give a whole number above the current step {step}, at most {MAX_STOP:,}"
        )
    return asked
