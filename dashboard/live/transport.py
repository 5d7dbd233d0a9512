"""What people ask of a run that trains: to play, to stand still, to take one step, to stop at an outer step."""

from __future__ import annotations

from abc import ABC, abstractmethod

from dashboard.live.audience import Audience
from dashboard.live.playback import Playback, stop_above
from maml_core.records import Status


class Transport(ABC):
    """See the module."""

    audience: Audience
    playback: Playback
    status: Status
    step: int
    failure: str

    @abstractmethod
    def _resume(self) -> None:
        """Go on from the last good state with the next chunk."""

    def play(self, *, until: int | None = None, jumps: bool = False) -> None:
        """Train until paused; after a roll-back, go on from the last good state. The arguments are those of `Playback.play`."""
        if self.status.kind != "ok":
            self._resume()
        self.playback.play(until=until, jumps=jumps)
        self.failure = ""

    def pause(self) -> None:
        """Stop after the chunk in flight."""
        self.playback.pause()
        self.audience.hurry()

    def hold(self) -> None:
        """Stop after the chunk in flight, until somebody sees it again."""
        self.playback.hold()
        self.audience.hurry()

    def release(self) -> bool:
        """Somebody sees it again: go on where it stood still for want of that; whether it did."""
        held, self.playback.held = self.playback.held, None
        if held is None or self.playback.playing or self.status.kind != "ok":
            return False
        self.play(until=held.stop_at, jumps=held.jumps)
        return True

    def take_one_step(self) -> None:
        """One outer step, then stand still; presses add up."""
        if self.status.kind != "ok":
            self.play()
        self.playback.step_once()
        self.audience.hurry()

    def run_until(self, step: int) -> None:
        """Train until outer step `step`, then pause.

        Raises:
            ValueError: The run is already there or beyond.
        """
        self.play(until=stop_above(self.step, step))
