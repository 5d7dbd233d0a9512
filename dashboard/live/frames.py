"""A live run's frames: what changed since the one that a page has, packed (`packing`). Its ``arrays``, ``steps`` and ``images`` point into the floats.

Looks stay in Python (`charts`); frames carry numbers, axis ranges and sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dashboard.charts.all import infos
from dashboard.charts.chart import Chart
from dashboard.charts.results import Results
from dashboard.charts.scales import Range
from dashboard.live.chart_data import results
from dashboard.live.drawings import answer
from dashboard.live.run import LiveRun
from dashboard.live.switches import now
from dashboard.live.viewer import Viewer
from dashboard.wire.packing import Floats, packed


@dataclass(frozen=True, slots=True)
class _Part:
    """What one chart shows."""

    chart: Chart[Any]
    info: Any
    """Its record."""
    words: tuple[str, str]
    """The summary and the subtitle."""
    arrays: Mapping[tuple[str, str], bytes]
    """Float32 numbers by trace and axis."""
    range: Range
    pixels: bytes
    more: bytes
    """What makes the record another one besides."""

    def is_shown(self, by: _Part | None) -> bool:
        """Whether a page that has another part of this chart shows the same."""
        return by is not None and (self.words, self.arrays, self.range, self.more) == (
            by.words,
            by.arrays,
            by.range,
            by.more,
        )


class Content:
    """What a viewer's charts show at one moment: packed once for all pages that have the same of it already.

    Args:
        number: By which pages say that they have drawn it.
        header: What is the same for all of them.
        parts: Its charts by id, in their order.
    """

    def __init__(self, number: int, header: Mapping[str, Any], parts: Mapping[str, _Part]) -> None:
        self.number = number
        self._header = header
        self._parts = parts
        self._frames: dict[int, bytes] = {}
        """Packed, by the number of what a page had before."""

    @property
    def run(self) -> str:
        """Name of the run that it shows."""
        return str(self._header["run"])

    def frame(self, had: Content | None = None) -> bytes:
        """The frame for a page.

        Args:
            had: What the page was sent last, by the same maker; None for a page that starts afresh.
        """
        if had is not None and had.run != self.run:
            had = None
        number = had.number if had is not None else 0
        if number not in self._frames:
            self._frames[number] = self._packed(had._parts if had is not None else {})
        return self._frames[number]

    def _packed(self, had: Mapping[str, _Part]) -> bytes:
        body = Floats()
        arrays: list[list[Any]] = []
        header: dict[str, Any] = {**self._header, "ranges": {}, "summaries": {}, "subtitles": {}}
        for name, part in self._parts.items():
            before = had.get(name)
            if part.is_shown(before):
                continue
            lasting = before.arrays if before is not None else {}
            for (trace, axis), values in part.arrays.items():
                if not (trace in part.chart.lasting and lasting.get((trace, axis)) == values):
                    arrays.append([name, trace, axis, body.add_bytes(values), len(values) // 4])
            header["ranges"][name] = part.range
            header["summaries"][name], header["subtitles"][name] = part.words
            has_pixels = before is not None and before.pixels == part.pixels
            header |= part.chart.more(part.info, body, None if has_pixels else part.pixels)
        header["arrays"] = arrays
        return packed(header, body)


class FrameMaker:
    """Contents of what one viewer looks at. It remembers what axes spanned, so that they stay where they still serve."""

    def __init__(self) -> None:
        self._number = 0
        """Number of the newest content."""
        self._parts: dict[str, _Part] = {}
        """What it shows."""
        self._ranges: dict[str, Range] = {}
        self._run = ""

    def forget(self) -> None:
        """The charts have other figures from now on."""
        self._parts, self._ranges = {}, {}

    def look(self, run: LiveRun, viewer: Viewer, numbers: Mapping[str, float]) -> Content:
        """What one looks at of a run now, with figures for the page's status line."""
        if run.name != self._run:
            self.forget()
            self._run = run.name
        self._number += 1
        shown = results(run, viewer)
        self._parts = {chart.id: self._part(chart, info, shown) for chart, info in infos(shown)}
        drawn = viewer.own.task is not None and shown.apart is None
        header = {
            "frame": self._number,
            "run": run.name,
            "step": run.step,
            "then": viewer.travel.shown.step if viewer.travel.shown is not None else None,
            "numbers": {name: value if math.isfinite(value) else None for name, value in numbers.items()},
            "metric": viewer.metric(run.config),
            "now": now(run),
            "own": answer(shown.fit, shown.computed.num_inner_steps) if drawn else None,
            "beside": viewer.second.words(viewer.metric(run.config)) if viewer.second is not None else "",
            "change": viewer.change_id,
        }
        return Content(self._number, header, self._parts)

    def _part(self, chart: Chart[Any], info: Any, shown: Results) -> _Part:
        words = _of_what(shown, chart, (chart.summary(info), chart.subtitle(info)))
        updates: dict[tuple[str, str], bytes] = {
            (trace, axis): np.asarray(values, "<f4").tobytes() for trace, axis, values in chart.update(info)
        }
        before, pixels, more = self._parts.get(chart.id), chart.pixels(info), chart.content(info)
        if before is not None and (before.words, before.arrays, before.more) == (words, updates, more):
            return before
        self._ranges[chart.id] = chart.ranges(info, self._ranges.get(chart.id))
        return _Part(chart, info, words, updates, self._ranges[chart.id], pixels, more)


def _step_of(chart: Chart[Any], shown: Results) -> int | None:
    """The earlier outer step that a chart shows; None for now. A closer look may still be of another one than the charts around it."""
    if not chart.look:
        return shown.then
    looked = shown.for_chart(chart.id).looked
    return looked.step if looked is not None and looked.is_earlier else None


def _of_what(shown: Results, chart: Chart[Any], words: tuple[str, str]) -> tuple[str, str]:
    """The summary and the subtitle, which say so where the chart shows an earlier outer step in the place of now, or beside it, or a training
    task in the place of a held-out one.
    """
    if shown.apart is not None and chart.is_of_the_task:
        which = f"First training task of outer step {shown.apart.step.step:,}"
        return f"{which}: {words[0]}", f"{which}. {words[1]}"
    then = _step_of(chart, shown)
    if then is None or not chart.is_of_a_moment:
        return words
    step = f"Step {then:,}{', now in grey' if chart.shows_now else ''}"
    return f"At outer step {then:,}: {words[0]}", f"{step}: {words[1]}" if words[1] else f"{step}."
