"""Frames of a sensitivity screen: the numbers of its charts, and new figures before them where they are needed.

They are made in a thread, of values that nobody changes meanwhile: of ten thousand settings one takes a third of a second.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
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
from dashboard.charts.sweep_pins import PINS, PinsInfo, differences
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_rank import RANK, rank_info
from dashboard.charts.sweep_settings import SettingInfo, View, setting_info
from dashboard.charts.symbols import in_greek
from dashboard.sweeps import words
from dashboard.sweeps.job import SweepJob
from dashboard.sweeps.reading import Findings
from dashboard.wire.connection import as_json
from dashboard.wire.packing import Floats, packed
from maml_core.config import RunConfig
from maml_core.sweeps.comparing import has_common_tasks
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.driver import Progress
from maml_core.sweeps.frozen import FrozenMap
from maml_core.sweeps.place_means import MeanWidths
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standing, Verdict

_COLUMNS = ("kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step")
"""What a frame says of every setting, besides what the charts draw."""

_STANDING = ("over_tasks", "over_seeds", "difference", "difference_over_tasks", "difference_over_seeds", "verdict")
"""What it says of how each stands beside the one that all are held against."""


class Looked(NamedTuple):
    """What is known of a sweep, and how a page looks at it."""

    sweep: SweepConfig
    results: tuple[SettingResult, ...]
    findings: Findings
    progress: Progress | None
    newest: Mapping[int, float]
    """The newest losses of settings that are under way."""
    revision: int
    """The same for as long as nothing of what is known changes."""
    view: View
    pinned: int | None
    """Number of the setting that was pinned first, which all are held against; the best one where there is none."""


def looked_at(job: SweepJob, view: View, pinned: int | None) -> Looked:
    """A sweep as it is now."""
    newest = dict(job.driver.newest.by_setting)
    return Looked(job.sweep, job.results, job.findings, job.progress, newest, job.revision, view, pinned)


class Frozen(NamedTuple):
    """A frozen map that a page shows."""

    found: FrozenMap
    config: RunConfig
    of: str
    """Whose theta_0 it is of, in words."""


class Made(NamedTuple):
    """A frame, and what comes before it."""

    messages: tuple[str, ...]
    """As JSON."""
    number: int
    frame: bytes
    processor_s: float
    """What making them took."""


class Frames:
    """The frames of one page and one sweep, and what its browser has of them: the next one brings what differs. One thread at a time.

    Args:
        numbers: Of the frames; they grow, also from those of the sweep before.
    """

    def __init__(self, numbers: Iterator[int]) -> None:
        self._numbers = numbers
        self._messages: list[str] = []
        self._seen: tuple[object, list[SettingInfo]] = (None, [])
        self._infos_of: tuple[SweepConfig, Metric] | None = None
        self._infos: dict[int, tuple[SettingResult, float | None, SettingInfo]] = {}
        self._seen_widths: tuple[object, MeanWidths] | None = None
        self._seen_curves: tuple[object, tuple[LanesInfo, SweepEdgeInfo]] | None = None
        self._looks: dict[str, Any] = {}
        self._arrays: dict[str, list[bytes]] = {}
        self._ranges: dict[str, Range] = {}
        self._num_told = 0

    def next(self, looked: Looked | None, pins: PinsInfo | None, frozen: Frozen | None, metric: Metric) -> Made:
        """The newest numbers.

        Args:
            looked: The sweep; None for none.
            pins: Its pinned settings side by side, once that was asked for.
            frozen: The frozen map, once there is one.
            metric: What that shows.
        """
        begun = time.thread_time()
        self._messages = []
        body = Floats()
        header: dict[str, Any] = {"arrays": [], "ranges": {}, "shapes": {}, "summaries": {}, "subtitles": {}}
        if looked is not None:
            self._add_sweep(header, body, looked, pins)
        if frozen is not None:
            self._add_frozen(header, body, frozen, metric)
        header["frame"] = next(self._numbers)
        frame = packed(header, body)
        return Made(tuple(self._messages), header["frame"], frame, time.thread_time() - begun)

    def _put(self, message: Mapping[str, Any]) -> None:
        self._messages.append(as_json(message))

    def _add_sweep(self, header: dict[str, Any], body: Floats, looked: Looked, pins: PinsInfo | None) -> None:
        sweep, results, view = looked.sweep, looked.results, looked.view
        settings = self._settings(looked)
        seen = map_info(settings, sweep, view, results, self._mean_widths(looked) if view.over == "mean" else None)
        lanes, edges = self._curves(looked)
        loss = loss_name(sweep.base)
        self._add(header, body, MAP, seen, loss)
        standings = looked.findings.standings
        found = standings.against(looked.pinned)
        is_pinned = standings.reference(looked.pinned) != standings.best
        order = rank_info(sweep, results, found, is_pinned=is_pinned, is_read=looked.findings.is_read)
        self._add(header, body, RANK, order, loss)
        self._add(header, body, LANES, lanes, loss)
        self._add(header, body, SWEEP_EDGE, edges, loss)
        if len(results) != self._num_told:
            self._num_told = len(results)
            values = [[result.number, *result.values.values()] for result in results]
            self._put({"type": "settings", "settings": values})
        header["sentence"] = in_greek(" ".join(looked.findings.sentences))
        header["count"] = words.progress(sweep, settings, looked.progress)
        header["columns"] = _columns(settings, found, body)
        header["standing"] = _standing(looked, settings, found, body)
        header["best"] = seen.best
        if pins is not None:
            self._add(header, body, PINS, pins, loss)
            header["pins"] = differences(pins)

    def _settings(self, looked: Looked) -> list[SettingInfo]:
        """All settings, each made again where it is another result or trains on: of ten thousand that takes a fifth of a second."""
        key, newest = (looked.revision, looked.view.metric), looked.newest
        if self._seen[0] != key:
            sweep, metric = looked.sweep, looked.view.metric
            if self._infos_of != (sweep, metric):
                self._infos_of, self._infos = (sweep, metric), {}

            def info(result: SettingResult) -> SettingInfo:
                training = newest.get(result.number)
                known = self._infos.get(result.number)
                if known is None or known[0] is not result or known[1] != training:
                    made = setting_info(result, sweep, metric, math.nan if training is None else training)
                    known = self._infos[result.number] = result, training, made
                return known[2]

            self._seen = key, [info(result) for result in looked.results]
        return self._seen[1]

    def _mean_widths(self, looked: Looked) -> MeanWidths:
        if self._seen_widths is None or self._seen_widths[0] != looked.revision:
            self._seen_widths = looked.revision, MeanWidths(looked.sweep, looked.results)
        return self._seen_widths[1]

    def _curves(self, looked: Looked) -> tuple[LanesInfo, SweepEdgeInfo]:
        sweep, results, view = looked.sweep, looked.results, looked.view
        key = looked.revision, view.color or view.x
        if self._seen_curves is None or self._seen_curves[0] != key:
            self._seen_curves = key, (lanes_info(results, sweep, view), sweep_edge_info(results, sweep, view))
        return self._seen_curves[1]

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
    looked: Looked, settings: Sequence[SettingInfo], found: Mapping[int, Standing], body: Floats
) -> dict[str, Any]:
    """What all settings are held against, and the values of their seeds."""
    num_seeds, standings = looked.sweep.num_seeds, looked.findings.standings
    seeds = np.full((len(settings), num_seeds), np.nan)
    for row, s in enumerate(settings):
        values = found[s.number].seeds if s.number in found else ()
        seeds[row, : len(values)] = values
    return {
        "reference": standings.reference(looked.pinned),
        "best": standings.best,
        "compared": standings.num_compared,
        "has_common_tasks": has_common_tasks(looked.sweep),
        "alike": sum(one.verdict not in (Verdict.OTHER_TASKS, Verdict.UNKNOWN) for one in found.values()),
        "objective": "accuracy" if looked.sweep.maximises else "loss",
        "num_seeds": num_seeds,
        "seeds": body.add(seeds.ravel()),
    }
