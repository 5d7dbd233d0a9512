"""Frames of a sensitivity screen: the numbers of its charts, and new figures before them where they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from dashboard.charts.phrases import loss_name
from dashboard.charts.results import Metric
from dashboard.charts.scales import Range
from dashboard.charts.sweep_chart import Info, SweepChart
from dashboard.charts.sweep_curves import LANES, LanesInfo, lanes_info
from dashboard.charts.sweep_edge import SWEEP_EDGE, SweepEdgeInfo, sweep_edge_info
from dashboard.charts.sweep_frozen import FROZEN, frozen_info
from dashboard.charts.sweep_map import MAP
from dashboard.charts.sweep_pins import PINS, difference, pins_info
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_rank import RANK, rank_info
from dashboard.charts.sweep_settings import SettingInfo, View, setting_info
from dashboard.charts.symbols import in_greek
from dashboard.sweeps import words
from dashboard.sweeps.comparison import Comparison
from dashboard.sweeps.job import SweepJob
from dashboard.wire.packing import Floats, packed
from maml_core.config import RunConfig
from maml_core.sweeps.frozen import FrozenMap
from maml_core.sweeps.place_means import MeanWidths
from maml_core.sweeps.standing import Standing, Verdict

_COLUMNS = ("kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step")
"""What a frame says of every setting, besides what the charts draw."""

_STANDING = ("over_tasks", "over_seeds", "difference", "difference_over_tasks", "difference_over_seeds", "verdict")
"""What it says of how each stands beside the one that all are held against."""


class Looked(NamedTuple):
    """A sweep, and how a page looks at it."""

    job: SweepJob
    view: View
    pinned: int | None
    """Number of the setting that was pinned first, which all are held against; the best one where there is none."""


class Frozen(NamedTuple):
    """A frozen map that a page shows."""

    found: FrozenMap
    config: RunConfig
    of: str
    """Whose theta_0 it is of, in words."""


class Frames:
    """The frames of one page, and what its browser has of them: the next one brings what differs.

    Args:
        put: Sends a message before the frame.
    """

    def __init__(self, put: Callable[[Mapping[str, Any]], None]) -> None:
        self._put = put
        self._number = 0
        self._seen: tuple[object, list[SettingInfo]] = (None, [])
        self._seen_widths: tuple[object, MeanWidths] | None = None
        self._seen_curves: tuple[object, tuple[LanesInfo, SweepEdgeInfo]] | None = None
        self.forget()

    def forget(self) -> None:
        """Tell everything again: the page starts afresh, or shows another sweep."""
        self._looks: dict[str, Any] = {}
        self._arrays: dict[str, list[bytes]] = {}
        self._ranges: dict[str, Range] = {}
        self._num_told = 0

    def next(
        self,
        looked: Looked | None,
        comparison: Comparison | None,
        frozen: Frozen | None,
        metric: Metric,
    ) -> tuple[int, bytes]:
        """The newest numbers: the frame's number, and the frame."""
        body = Floats()
        header: dict[str, Any] = {"arrays": [], "ranges": {}, "shapes": {}, "summaries": {}, "subtitles": {}}
        if looked is not None:
            self._add_sweep(header, body, looked, comparison)
        if frozen is not None:
            self._add_frozen(header, body, frozen, metric)
        self._number += 1
        header["frame"] = self._number
        return self._number, packed(header, body)

    def _add_sweep(self, header: dict[str, Any], body: Floats, looked: Looked, comparison: Comparison | None) -> None:
        job, view, pinned = looked
        sweep, results = job.sweep, job.results
        settings = self._settings(job, view.metric)
        seen = map_info(settings, sweep, view, results, self._mean_widths(job) if view.over == "mean" else None)
        lanes, edges = self._curves(job, view)
        loss = loss_name(sweep.base)
        self._add(header, body, MAP, seen, loss)
        found = job.findings.standings.against(pinned)
        is_pinned = job.findings.standings.reference(pinned) != job.findings.standings.best
        self._add(header, body, RANK, rank_info(sweep, results, found, is_pinned=is_pinned), loss)
        self._add(header, body, LANES, lanes, loss)
        self._add(header, body, SWEEP_EDGE, edges, loss)
        if len(results) != self._num_told:
            self._num_told = len(results)
            values = [[result.number, *result.values.values()] for result in results]
            self._put({"type": "settings", "settings": values})
        header["sentence"] = in_greek(" ".join(job.findings.sentences))
        header["count"] = words.progress(job, settings)
        header["columns"] = _columns(settings, found, body)
        header["standing"] = _standing(job, pinned, settings, found, body)
        header["best"] = seen.best
        if comparison is not None:
            self._add_pins(header, body, comparison, loss)

    def _settings(self, job: SweepJob, metric: Metric) -> list[SettingInfo]:
        """All settings; another view of the same results asks for them again, which of ten thousand takes a fifth of a second."""
        key = id(job), job.revision, metric
        if self._seen[0] != key:
            newest = job.driver.newest.by_setting
            found = [setting_info(r, job.sweep, metric, newest.get(r.number, math.nan)) for r in job.results]
            self._seen = key, found
        return self._seen[1]

    def _mean_widths(self, job: SweepJob) -> MeanWidths:
        key = id(job), job.revision
        if self._seen_widths is None or self._seen_widths[0] != key:
            self._seen_widths = key, MeanWidths(job.sweep, job.results)
        return self._seen_widths[1]

    def _curves(self, job: SweepJob, view: View) -> tuple[LanesInfo, SweepEdgeInfo]:
        key = id(job), job.revision, view.color or view.x
        if self._seen_curves is None or self._seen_curves[0] != key:
            found = lanes_info(job.results, job.sweep, view), sweep_edge_info(job.results, job.sweep, view)
            self._seen_curves = key, found
        return self._seen_curves[1]

    def _add_pins(self, header: dict[str, Any], body: Floats, comparison: Comparison, loss: str) -> None:
        info = pins_info(comparison)
        self._add(header, body, PINS, info, loss)
        header["pins"] = [None, *(difference(found) for found in info.differences)]

    def _add_frozen(self, header: dict[str, Any], body: Floats, frozen: Frozen, metric: Metric) -> None:
        found, config, of = frozen
        info = frozen_info(found, metric if config.classifies else "loss", of)
        self._add(header, body, FROZEN, info, loss_name(config))

    def _add(self, header: dict[str, Any], body: Floats, chart: SweepChart[Info, Any], info: Info, loss: str) -> None:
        """A chart's words and ranges, and its numbers where they are not what the page has; before them its figure, where that is another."""
        looks = chart.looks(info, loss)
        if self._looks.get(chart.id) != looks:
            self._looks[chart.id] = looks
            self._put({"type": "figures", **chart.figures(looks)})
            self._arrays.pop(chart.id, None)
            self._ranges.pop(chart.id, None)
        span = self._ranges[chart.id] = chart.ranges(info, self._ranges.get(chart.id))
        updates = chart.update(info, span)
        sent = [values.tobytes() for _, _, values in updates]
        if self._arrays.get(chart.id) != sent:
            self._arrays[chart.id] = sent
            header["arrays"] += [
                [chart.id, trace, what, body.add(values), len(values)] for trace, what, values in updates
            ]
        header["ranges"][chart.id] = span
        header["subtitles"][chart.id] = chart.subtitle(info)
        header["summaries"][chart.id] = chart.summary(info)
        if shape := chart.shape(info):
            header["shapes"][chart.id] = list(shape)


def _columns(settings: Sequence[SettingInfo], found: Mapping[int, Standing], body: Floats) -> dict[str, int]:
    standings = [found.get(s.number, _NOTHING_KNOWN) for s in settings]
    return (
        {"count": len(settings)}
        | {name: body.add([getattr(s, name) for s in settings]) for name in _COLUMNS}
        | {name: body.add([getattr(one, name) for one in standings]) for name in _STANDING}
    )


_NOTHING_KNOWN = Standing((), math.nan, math.nan, math.nan, math.nan, math.nan, Verdict.UNKNOWN)


def _standing(
    job: SweepJob, pinned: int | None, settings: Sequence[SettingInfo], found: Mapping[int, Standing], body: Floats
) -> dict[str, Any]:
    """What all settings are held against, and the values of their seeds."""
    num_seeds, standings = job.sweep.num_seeds, job.findings.standings
    seeds = np.full((len(settings), num_seeds), np.nan)
    for row, s in enumerate(settings):
        values = found[s.number].seeds if s.number in found else ()
        seeds[row, : len(values)] = values
    return {
        "reference": standings.reference(pinned),
        "best": standings.best,
        "compared": standings.num_compared,
        "objective": "accuracy" if job.sweep.maximises else "loss",
        "num_seeds": num_seeds,
        "seeds": body.add(seeds.ravel()),
    }
