"""A stand-in for the process that compiles outer steps of lanes."""

from __future__ import annotations

from maml_core.config import RunConfig


class Compiler:
    """One that a test finishes."""

    def __init__(self) -> None:
        self.is_busy, self.succeeded = True, False

    def close(self) -> None:
        """End it, as the one that asked for it does."""
        self.is_busy = False


class Compilers:
    """Makes them in the place of `LaneCompiler`, and keeps what was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[tuple[RunConfig, ...], bool]] = []
        """The lanes, and whether it steps back."""
        self.fails = False
        """Each has failed at once."""
        self._made: list[Compiler] = []

    def __call__(self, configs: tuple[RunConfig, ...], *, steps_back: bool) -> Compiler:
        self.asked.append((configs, steps_back))
        self._made.append(Compiler())
        if self.fails:
            self.finish(succeeded=False)
        return self._made[-1]

    @property
    def num_busy(self) -> int:
        """How many are at it."""
        return sum(one.is_busy for one in self._made)

    def finish(self, *, succeeded: bool = True) -> None:
        """Let the newest one end."""
        self._made[-1].succeeded, self._made[-1].is_busy = succeeded, False
