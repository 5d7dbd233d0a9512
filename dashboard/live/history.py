"""Curves of a run in bounded memory: a curve keeps at most a few hundred points however long the run is."""

from __future__ import annotations

import math
import statistics
from collections import deque
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from dashboard.charts.results import Array, Curves, Metric
from maml_core.records import Records, Summary

MAX_POINTS = 400
_LARGEST = float(np.finfo(np.float32).max)
SMOOTHING_STEPS = 50.0
"""Time constant of the smoothed training loss, in outer steps."""

SMOOTHING_LIMIT = 10.0
"""A loss counts in the average for at most so many times the average."""


class Curve:
    """Values over steps, thinned by dropping every second point whenever it is full; the newest point is always there."""

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._max_points = max_points
        self._stride = 1
        self._count = 0
        self._points: list[tuple[float, float]] = []
        self._newest: tuple[float, float] | None = None

    def add(self, step: float, value: float) -> None:
        """Append a point; steps must grow."""
        if self._count % self._stride == 0:
            self._points.append((step, value))
            if len(self._points) > self._max_points:
                self._points = self._points[::2]
                self._stride *= 2
        self._count += 1
        self._newest = (step, value)

    def arrays(self) -> tuple[Array, Array]:
        """Steps and values."""
        points = self._points
        if self._newest is not None and points[-1][0] != self._newest[0]:
            points = [*points, self._newest]
        return _columns(points)


class Envelope:
    """A noisy curve, thinned so that its extremes stay: each bucket of steps keeps its smallest and its largest value."""

    def __init__(self, max_points: int = MAX_POINTS) -> None:
        self._max_buckets = max_points // 2
        self._width = 1
        self._buckets: list[tuple[int, tuple[float, float], tuple[float, float]]] = []

    def add(self, step: float, value: float) -> None:
        """Append a point; steps must grow."""
        self._put(int(step) // self._width, (step, value), (step, value))
        if len(self._buckets) > self._max_buckets:
            self._width *= 2
            old, self._buckets = self._buckets, []
            for _, low, high in old:
                self._put(int(low[0]) // self._width, low, high)

    def arrays(self) -> tuple[Array, Array]:
        """Steps and values, two points a bucket in the order of their steps."""
        points = [point for _, low, high in self._buckets for point in sorted({low, high})]
        return _columns(points)

    def _put(self, index: int, low: tuple[float, float], high: tuple[float, float]) -> None:
        if self._buckets and self._buckets[-1][0] == index:
            _, old_low, old_high = self._buckets[-1]
            self._buckets[-1] = (index, min(old_low, low, key=_value), max(old_high, high, key=_value))
        else:
            self._buckets.append((index, low, high))


RESIDUAL_STEPS = 50
"""Outer steps whose residuals make the usual one."""


class Newest(NamedTuple):
    """The newest values of one metric; NaN where there is none."""

    training: float = math.nan
    before: float = math.nan
    after: float = math.nan
    held_out_step: float = math.nan
    """The outer step at which the held-out tasks had those two; NaN where `after` is not known."""

    def judged(self, step: float, before: float, after: float) -> Newest:
        """With what was found on the held-out tasks at another outer step."""
        return self._replace(before=before, after=after, held_out_step=step)


class _Lines:
    """The curves of one metric. Values that are not finite leave a gap.

    Args:
        limit: A training value counts in the average for at most so many times the average; None for all of it.
    """

    def __init__(self, limit: float | None = None) -> None:
        self._limit = limit
        self._raw, self._smoothed = Envelope(), Curve()
        self._before, self._after = Curve(), Curve()
        self._average: float | None = None
        self._weight = 0.0
        """What the losses so far weigh together in an exponential mean that began at 0; 1 after many."""
        self.opening: tuple[float, float] | None = None
        self.newest = Newest()

    def train(self, step: int, value: float) -> None:
        self.newest = self.newest._replace(training=value)
        if not math.isfinite(drawn(value)):
            return
        self._raw.add(step, value)
        # Corrected for its bias as Adam corrects its moments: the first losses would count for many steps more than those after them.
        self._weight += (1.0 - self._weight) / SMOOTHING_STEPS
        average = value if self._average is None else self._average
        counts = value if self._limit is None else min(value, self._limit * average)
        self._average = average + (counts - average) / (SMOOTHING_STEPS * self._weight)
        self._smoothed.add(step, self._average)

    def judge(self, step: int, before: float, after: float) -> None:
        self.newest = self.newest.judged(step, before, after)
        self._before.add(step, drawn(before))
        self._after.add(step, drawn(after))

    def open(self, before: float, after: float) -> None:
        self.newest = self.newest.judged(0 if not math.isnan(after) else math.nan, before, after)
        self.opening = drawn(before), drawn(after)

    def curves(self) -> Curves:
        steps, raw = self._raw.arrays()
        smoothed_steps, smoothed = self._smoothed.arrays()
        held_out_steps, before = self._before.arrays()
        _, after = self._after.arrays()
        if len(held_out_steps) == 0 and self.opening is not None:
            held_out_steps = np.zeros(1, dtype=np.float32)
            before, after = (np.array([value], dtype=np.float32) for value in self.opening)
        return Curves(
            steps=steps,
            raw=raw,
            smoothed_steps=smoothed_steps,
            smoothed=smoothed,
            held_out_steps=held_out_steps,
            before=before,
            after=after,
        )


class History:
    """The curves of one run, fed with the records of its chunks: its losses, and beside them its accuracies where it has any."""

    def __init__(self) -> None:
        self._residuals: deque[float] = deque(maxlen=RESIDUAL_STEPS)
        # One exploded loss must not hide the next thousand steps. An accuracy cannot explode, and may rise from 0.
        self._lines: dict[Metric, _Lines] = {"loss": _Lines(SMOOTHING_LIMIT), "accuracy": _Lines()}

    @staticmethod
    def from_records(records: Records) -> History:
        """History of a run that was recorded before."""
        history = History()
        history.add(records)
        return history

    def add(self, records: Records) -> None:
        """Append what a chunk measured. Losses that are not finite leave a gap."""
        steps, held_out_steps = records.steps.tolist(), records.held_out_steps.tolist()
        loss, accuracy = self._lines["loss"], self._lines["accuracy"]
        for step, value in zip(steps, records.query_loss.tolist(), strict=True):
            loss.train(step, value)
        for step, value in zip(steps, records.accuracy.tolist(), strict=True):
            accuracy.train(step, value)
        self._residuals.extend(residual for residual in records.residual.tolist() if not math.isnan(residual))
        losses = zip(held_out_steps, records.held_out_before.tolist(), records.held_out_after.tolist(), strict=True)
        for row in losses:
            loss.judge(*row)
        shares = records.held_out_accuracy_before.tolist(), records.held_out_accuracy_after.tolist()
        for row in zip(held_out_steps, *shares, strict=True):
            accuracy.judge(*row)

    def open(self, found: Summary, num_inner_steps: int) -> None:
        """What was found on held-out tasks at outer step 0, drawn until the first chunk brings its own."""
        for lines, line in ((self._lines["loss"], found.mean), (self._lines["accuracy"], found.accuracy)):
            if line is not None:
                after = float(line[num_inner_steps]) if num_inner_steps < len(line) else math.nan
                lines.open(float(line[0]), after)

    @property
    def residual(self) -> float:
        """The usual residual of iMAML's solver, median over the last outer steps; NaN where there is none."""
        return statistics.median(self._residuals) if self._residuals else math.nan

    def newest(self, metric: Metric = "loss") -> Newest:
        """The newest values, whatever they are."""
        return self._lines[metric].newest

    def curves(self, metric: Metric = "loss") -> Curves:
        """What the loss chart draws; in regression there is nothing to draw of an accuracy."""
        return self._lines[metric].curves()


def ending(curves: Curves, step: int, before: float, after: float) -> Curves:
    """The same curves, those of held-out tasks up to what was found at this outer step, if they do not reach it."""
    if len(curves.held_out_steps) > 0 and curves.held_out_steps[-1] >= step:
        return curves
    ends = {"held_out_steps": step, "before": drawn(before), "after": drawn(after)}
    return replace(
        curves, **{name: np.append(getattr(curves, name), np.float32(value)) for name, value in ends.items()}
    )


def drawn(value: float) -> float:
    """The value, or NaN where float32 cannot hold it."""
    return value if abs(value) <= _LARGEST else math.nan


def _value(point: tuple[float, float]) -> float:
    return point[1]


def _columns(points: list[tuple[float, float]]) -> tuple[Array, Array]:
    columns = np.array(points, dtype=np.float32).reshape(-1, 2)
    return columns[:, 0], columns[:, 1]
