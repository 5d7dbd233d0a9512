"""A live run's frames: what changed since the last one, packed (`packing`). Its ``arrays``, ``steps`` and ``images`` point into the floats.

Looks stay in Python (`charts`); frames carry numbers, axis ranges and sentences.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

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


class FrameMaker:
    """Frames for one page. It remembers what the page has, so that only charts whose numbers changed are sent again."""

    def __init__(self) -> None:
        self.number = 0
        """Number of the newest frame."""
        self._sent: dict[str, list[object]] = {}
        self._lasting: dict[str, dict[tuple[str, str], bytes]] = {}
        """Of those, what the page has of traces that last, by chart."""
        self._pixels: dict[str, bytes] = {}
        """The images that the page has, by chart."""
        self._ranges: dict[str, Range] = {}
        self._run = ""

    def forget(self) -> None:
        """Send everything again with the next frame: the page starts afresh."""
        self._sent.clear()
        self._lasting.clear()
        self._pixels.clear()
        self._ranges.clear()

    def frame(self, run: LiveRun, viewer: Viewer, numbers: Mapping[str, float]) -> bytes:
        """The next frame of what one looks at of a run, with figures for the page's status line."""
        if run.name != self._run:
            self.forget()
            self._run = run.name
        self.number += 1
        body = Floats()
        arrays: list[list[Any]] = []
        header: dict[str, Any] = {
            "frame": self.number,
            "run": run.name,
            "step": run.step,
            "then": viewer.travel.shown.step if viewer.travel.shown is not None else None,
            "ranges": {},
            "summaries": {},
            "subtitles": {},
        }
        shown = results(run, viewer)
        having = infos(shown)
        for gone in self._sent.keys() - {chart.id for chart, _ in having}:
            del self._sent[gone]  # the page empties it, and gets all of it when it comes back
            self._lasting.pop(gone, None)
        for chart, info in having:
            updates = chart.update(info)
            words = _of_what(shown, chart, (chart.summary(info), chart.subtitle(info)))
            sent: list[object] = [*words, chart.content(info), *(values.tobytes() for _, _, values in updates)]
            if sent == self._sent.get(chart.id):
                continue
            self._sent[chart.id] = sent
            arrays += [
                [chart.id, trace, axis, body.add(values), len(values)]
                for trace, axis, values in updates
                if not (trace in chart.lasting and self._has(chart.id, trace, axis, values.tobytes()))
            ]
            self._ranges[chart.id] = header["ranges"][chart.id] = chart.ranges(info, self._ranges.get(chart.id))
            header["summaries"][chart.id], header["subtitles"][chart.id] = words
            pixels = chart.pixels(info)
            header |= chart.more(info, body, None if pixels == self._pixels.get(chart.id) else pixels)
            self._pixels[chart.id] = pixels
        header["arrays"] = arrays
        header["numbers"] = {name: value if math.isfinite(value) else None for name, value in numbers.items()}
        header["metric"] = viewer.metric(run.config)
        header["now"] = now(run)
        drawn = viewer.own.task is not None and shown.apart is None
        header["own"] = answer(shown.fit, shown.computed.num_inner_steps) if drawn else None
        header["change"] = viewer.change_id
        return packed(header, body)

    def _has(self, chart: str, trace: str, axis: str, values: bytes) -> bool:
        """Whether the page has these numbers of a trace that lasts; from now on it does."""
        had = self._lasting.setdefault(chart, {})
        before, had[trace, axis] = had.get((trace, axis)), values
        return before == values


def _step_of(chart: Chart[Any], shown: Results) -> int | None:
    """The earlier outer step that a chart shows; None for now. A closer look may still be of another one than the charts around it."""
    if not chart.look:
        return shown.then
    return shown.looked.step if shown.looked is not None and shown.looked.is_earlier else None


def _of_what(shown: Results, chart: Chart[Any], words: tuple[str, str]) -> tuple[str, str]:
    """The summary and the subtitle, which say so where the chart shows an earlier outer step in the place of now, or beside it, or a training
    task in the place of a held-out one.
    """
    if shown.apart is not None and chart.is_of_the_task:
        which = f"First training task of outer step {shown.apart.step.step + 1:,}"
        return f"{which}: {words[0]}", f"{which}. {words[1]}"
    then = _step_of(chart, shown)
    if then is None or not chart.is_of_a_moment:
        return words
    step = f"Step {then:,}{', now in grey' if chart.shows_now else ''}"
    return f"At outer step {then:,}: {words[0]}", f"{step}: {words[1]}" if words[1] else f"{step}."
