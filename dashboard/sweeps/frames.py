"""Frames of a sensitivity screen: the numbers of its charts, and new figures before them where they are needed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from dashboard.charts import sweep_curves, sweep_frozen, sweep_map, sweep_pins
from dashboard.charts.results import Metric
from dashboard.charts.scales import Range, Update
from dashboard.charts.sweep_basics import in_palettes
from dashboard.charts.sweep_curves import LanesLooks
from dashboard.charts.sweep_map import MapLooks
from dashboard.charts.sweep_settings import SettingInfo, View, setting_info
from dashboard.charts.symbols import in_greek
from dashboard.sweeps import words
from dashboard.sweeps.comparison import Comparison
from dashboard.sweeps.job import SweepJob
from dashboard.wire.packing import Floats, packed
from maml_core.config import RunConfig
from maml_core.sweeps.frozen import FrozenMap

_COLUMNS = ("kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step")
"""What a frame says of every setting, besides what the charts draw."""


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
        self.forget()

    def forget(self) -> None:
        """Tell everything again: the page starts afresh, or shows another sweep."""
        self._looks: tuple[MapLooks, LanesLooks] | None = None
        self._frozen_looks: tuple[Metric, str, int] | None = None
        self._pin_looks: tuple[str, int] | None = None
        self._arrays: dict[str, list[bytes]] = {}
        self._ranges: dict[str, Range] = {}
        self._num_told = 0

    def next(
        self,
        job: SweepJob | None,
        view: View | None,
        comparison: Comparison | None,
        frozen: Frozen | None,
        metric: Metric,
    ) -> tuple[int, bytes]:
        """The newest numbers: the frame's number, and the frame."""
        body = Floats()
        header: dict[str, Any] = {"arrays": [], "ranges": {}, "shapes": {}, "summaries": {}, "subtitles": {}}
        if job is not None and view is not None:
            self._add_sweep(header, body, job, view, comparison)
        if frozen is not None:
            self._add_frozen(header, body, frozen, metric)
        self._number += 1
        header["frame"] = self._number
        return self._number, packed(header, body)

    def _add_sweep(
        self, header: dict[str, Any], body: Floats, job: SweepJob, view: View, comparison: Comparison | None
    ) -> None:
        sweep, results = job.sweep, job.results
        settings = [
            setting_info(r, sweep, view.metric, job.driver.newest.by_setting.get(r.number, math.nan)) for r in results
        ]
        seen = sweep_map.map_info(settings, sweep, view, results)
        lanes = sweep_curves.lanes_info(results, sweep, view)
        loss = loss_name(sweep.base)
        looks, lanes_looks = sweep_map.map_looks(seen, loss), sweep_curves.lanes_looks(lanes, loss)
        if (looks, lanes_looks) != self._looks:
            self._looks = looks, lanes_looks
            figures = in_palettes(
                map=lambda palette: sweep_map.map_figure(palette, looks),
                lanes=lambda palette: sweep_curves.lanes_figure(palette, lanes_looks),
            )
            self._put({"type": "figures", **figures})
            for chart in ("map", "lanes"):
                self._arrays.pop(chart, None)
                self._ranges.pop(chart, None)
        if len(results) != self._num_told:
            self._num_told = len(results)
            values = [[result.number, *result.values.values()] for result in results]
            self._put({"type": "settings", "settings": values})
        map_span = sweep_map.map_ranges(seen, self._ranges.get("map"))
        lanes_span = sweep_curves.lanes_ranges(lanes, sweep.num_steps, self._ranges.get("lanes"))
        self._add(header, body, "map", sweep_map.map_update(seen, map_span), map_span)
        self._add(header, body, "lanes", sweep_curves.lanes_update(lanes), lanes_span)
        if seen.y is not None:
            header["shapes"]["map"] = [len(seen.y.values), len(seen.x.values)]
        header["summaries"]["map"] = sweep_map.map_summary(seen)
        header["subtitles"] = {"map": sweep_map.map_line(seen), "lanes": sweep_curves.lanes_line(lanes)}
        header["sentence"] = in_greek(" ".join(job.sentences))
        header["count"] = words.progress(job, settings)
        header["columns"] = _columns(settings, body)
        header["best"] = seen.best
        if comparison is not None:
            self._add_pins(header, body, comparison, loss)

    def _add_pins(self, header: dict[str, Any], body: Floats, comparison: Comparison, loss: str) -> None:
        info = sweep_pins.pins_info(comparison)
        looks = (loss, len(info.numbers))
        if looks != self._pin_looks:
            self._pin_looks = looks
            self._put({"type": "figures", **in_palettes(pins=lambda palette: sweep_pins.pins_figure(palette, *looks))})
            self._arrays.pop("pins", None)
        span = sweep_pins.pins_ranges(info, self._ranges.get("pins"))
        self._add(header, body, "pins", sweep_pins.pins_update(info), span)
        header["subtitles"]["pins"] = sweep_pins.pins_line(info)
        header["pins"] = [None, *(sweep_pins.difference(found) for found in info.differences)]

    def _add_frozen(self, header: dict[str, Any], body: Floats, frozen: Frozen, metric: Metric) -> None:
        found, config, of = frozen
        metric = metric if config.classifies else "loss"
        info = sweep_frozen.frozen_info(found, metric, of)
        rows, columns = info.values.shape
        looks = (metric, loss_name(config), max(rows, columns))
        if looks != self._frozen_looks:
            self._frozen_looks = looks
            self._put(
                {"type": "figures", **in_palettes(frozen=lambda palette: sweep_frozen.frozen_figure(palette, *looks))}
            )
            self._arrays.pop("frozen", None)
        header["shapes"]["frozen"] = [rows, columns]
        self._add(header, body, "frozen", sweep_frozen.frozen_update(info), sweep_frozen.frozen_ranges(info))
        header["subtitles"]["frozen"] = sweep_frozen.frozen_line(info)
        header["summaries"]["frozen"] = sweep_frozen.frozen_summary(info)

    def _add(self, header: dict[str, Any], body: Floats, chart: str, updates: Sequence[Update], span: Range) -> None:
        """A chart's numbers, where they or its ranges are not what the page has."""
        sent = [values.tobytes() for _, _, values in updates]
        if self._arrays.get(chart) != sent:
            self._arrays[chart] = sent
            header["arrays"] += [[chart, trace, what, body.add(values), len(values)] for trace, what, values in updates]
        if self._ranges.get(chart) != span:
            self._ranges[chart] = span
        header["ranges"][chart] = span


def _columns(settings: Sequence[SettingInfo], body: Floats) -> dict[str, int]:
    return {"count": len(settings)} | {name: body.add([getattr(s, name) for s in settings]) for name in _COLUMNS}


def loss_name(config: RunConfig) -> str:
    """What the loss of a set-up is."""
    return "cross-entropy" if config.classifies else "MSE"
