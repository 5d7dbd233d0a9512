"""One open sensitivity screen: the sweep that it shows, how it looks at it, the socket that feeds it, and what it has been told."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from dashboard import address
from dashboard.charts import frozen_map, maps, sweep_curves
from dashboard.charts.numbers import Range
from dashboard.charts.sweep_basics import MapLooks, MapUpdate, map_looks
from dashboard.charts.words import in_greek
from dashboard.info import Metric
from dashboard.live.comparison import Comparison
from dashboard.live.packing import Floats, packed
from dashboard.live.page import Outbox
from dashboard.live.sweep_job import SweepJob
from dashboard.sweeps import words
from dashboard.sweeps.axes import symbol, title
from dashboard.sweeps.info import SettingInfo, View, frozen_info, lanes_info, map_info, pins_info, setting_info
from maml_core.config import RunConfig
from maml_core.sweeps.frozen import FrozenMap
from maml_core.sweeps.space import SweepConfig, lane_configs

MAX_UNACKNOWLEDGED = 1
"""Frames that a page may have received without drawing."""

MAX_PINS = 6

PIN_S = 0.03
"""Processor seconds of a chunk of a pinned setting."""

_COLUMNS = ("kind", "value", "ci95", "before", "diverged_share", "worse_share", "limit", "step")
"""What a frame says of every setting, besides what the charts draw."""


class SweepPage:
    """See the module. It outlives its sockets; `outbox` is None while there is none."""

    def __init__(self) -> None:
        self.job: SweepJob | None = None
        self.view: View | None = None
        self.selected: tuple[int, ...] = ()
        self.pins: tuple[int, ...] = ()
        self.comparison: Comparison | None = None
        """Of the pinned settings, once it was asked for."""
        self.outbox: Outbox | None = None
        self.visible = True
        self._frozen: tuple[FrozenMap, RunConfig, str] | None = None
        self._revision = 0
        """Grows with each change of how the page looks at things."""
        self._sent: tuple[int, int, int] | None = None
        self._sent_at = -math.inf
        self._unacknowledged: list[int] = []
        self._number = 0
        self._looks: MapLooks | None = None
        self._frozen_looks: tuple[Metric, str, int] | None = None
        self._pin_looks: tuple[str, int] | None = None
        self._arrays: dict[str, list[bytes]] = {}
        self._ranges: dict[str, Range] = {}
        self._num_told = 0
        self._told: dict[str, Any] = {}

    @property
    def connected(self) -> bool:
        """Whether a socket feeds the page."""
        return self.outbox is not None

    @property
    def metric(self) -> Metric:
        """What the charts show."""
        if self.view is not None:
            return self.view.metric
        return "accuracy" if self._frozen is not None and self._frozen[1].classifies else "loss"

    # What it shows

    def show(self, job: SweepJob | None) -> None:
        """Show a sweep; None for none."""
        if job is self.job and self.view is not None:
            return
        self.job, self.selected, self.pins, self.comparison = job, (), (), None
        self.view = first_view(job.sweep) if job is not None else None
        self._forget()

    def show_frozen(self, found: FrozenMap, config: RunConfig, of: str) -> None:
        """Show a frozen map."""
        self._frozen = (found, config, of)
        self._revision += 1

    def _forget(self) -> None:
        """Tell everything again: the page starts afresh, or shows another sweep."""
        self._sent, self._looks, self._frozen_looks, self._told, self._num_told = None, None, None, {}, 0
        self._arrays, self._ranges, self._pin_looks = {}, {}, None
        self._unacknowledged = []
        self._revision += 1

    # The socket

    def connect(self) -> Outbox:
        """A new socket: what it must send comes out of the queue."""
        self.outbox, self.visible = asyncio.Queue(), True
        self._forget()
        return self.outbox

    def disconnect(self, outbox: Outbox) -> None:
        """That socket has gone."""
        if self.outbox is outbox:
            self.outbox = None

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        if self.outbox is not None:
            self.outbox.put_nowait(json.dumps(message, separators=(",", ":"), allow_nan=False))

    def obey(self, message: Mapping[str, Any]) -> None:
        """Do what the page asks for.

        Raises:
            KeyError, ValueError, TypeError: It cannot be understood.
        """
        match message.get("type"):
            case "ack":
                frame = message["frame"]
                self._unacknowledged = [number for number in self._unacknowledged if number > frame]
            case "visible":
                self.visible = message["visible"] is True
            case "cancel" if self.job is not None:
                self.job.cancel()
            case "resume" if self.job is not None:
                self.job.resume()
            case "view" if self.job is not None:
                self.view = checked_view(message, self.job.sweep)
                self._revision += 1
            case "select":
                self.selected = self._numbers(message["numbers"])
            case "pin":
                pins = self._numbers(message["numbers"])
                if len(pins) > MAX_PINS:
                    raise ValueError(f"at most {MAX_PINS} settings are compared at a time; unpin one")
                if pins != self.pins:
                    self.pins, self.comparison = pins, None
                    self._revision += 1
            case "compare" if self.job is not None:
                if len(self.pins) < 2:
                    raise ValueError("pin two settings or more to compare them")
                configs = tuple(self._lane_of(number) for number in self.pins)
                self.comparison = Comparison(self.pins, configs, self.job.sweep.num_steps, PIN_S)
                self._revision += 1
            case "setting" if self.job is not None:
                self._tell_setting(message["number"])
            case kind:
                raise ValueError(f"the page sent {str(kind)[:40]!r}, which does not fit what it shows; reload the page")

    def stop_comparison(self, sentence: str) -> None:
        """Give it up, and say why."""
        self.comparison = None
        self._revision += 1
        self.put({"type": "error", "message": f"{sentence}."})

    def _numbers(self, numbers: Any) -> tuple[int, ...]:
        known = {result.number for result in self.job.results} if self.job is not None else set()
        if not isinstance(numbers, list) or not all(number in known for number in numbers):
            raise ValueError("the page named settings that this sweep does not have; reload the page")
        return tuple(dict.fromkeys(numbers))

    def _tell_setting(self, number: Any) -> None:
        (number,) = self._numbers([number])
        self.put({"type": "setting", "number": number, "address": address.write(self.config_of(number))})

    def config_of(self, number: int) -> RunConfig:
        """The set-up of a setting's first lane, as a live run has it: with the base's own evaluation."""
        assert self.job is not None
        sweep, lane = self.job.sweep, self._lane_of(number)
        return dataclasses.replace(
            lane,
            evaluation_steps=max(sweep.base.evaluation_steps, lane.num_inner_steps),
            joint_baseline=sweep.base.joint_baseline,
            oracle_baseline=sweep.base.oracle_baseline,
        )

    def _lane_of(self, number: int) -> RunConfig:
        """The set-up of a setting's first lane, as the sweep trains it."""
        assert self.job is not None
        result = next(result for result in self.job.results if result.number == number)
        return lane_configs(self.job.sweep, result.values)[0]

    # What it is told

    def tell(self) -> None:
        """Send what is no number, where it differs from what the page was told last."""
        if self.outbox is None:
            return
        state = self._state()
        if state != self._told:
            self._told = state
            self.put(state)

    def _state(self) -> dict[str, Any]:
        job, view = self.job, self.view
        state: dict[str, Any] = {"type": "sweep", "name": None, "metric": self.metric, "pins": list(self.pins)}
        if self._frozen is not None:
            state["frozen"] = {"of": self._frozen[2], "classifies": self._frozen[1].classifies}
        if job is None or view is None:
            return state
        sweep = job.sweep
        return state | {
            "name": job.name,
            "status": job.status,
            "problem": in_greek(job.sentence),
            "size": job.size,
            "num_done": job.num_done,
            "num_steps": sweep.num_steps,
            "comparing": self.comparison is not None,
            "classifies": sweep.base.classifies,
            "axes": [
                {"name": axis.name, "title": title(axis.name), "symbol": symbol(axis.name), "values": list(axis.values)}
                for axis in sweep.axes
            ],
            "view": {"x": view.x, "y": view.y, "slices": dict(view.slices), "metric": view.metric, "color": view.color},
        }

    def is_due(self, now: float, least_s: float) -> bool:
        """Whether there is something new to draw, and time for it."""
        if not self._has_news or now - self._sent_at < least_s:
            return False
        return len(self._unacknowledged) < MAX_UNACKNOWLEDGED or now - self._sent_at > 5.0

    def seconds_until_due(self, now: float, least_s: float) -> float:
        """Until then at least; inf where there is nothing new."""
        return max(0.005, self._sent_at + least_s - now) if self._has_news else math.inf

    @property
    def _has_news(self) -> bool:
        if not self.connected or not self.visible or (self.job is None and self._frozen is None):
            return False
        return self._sent != self._at

    @property
    def _at(self) -> tuple[int, int, int]:
        compared = self.comparison.revision if self.comparison is not None else -1
        return (self.job.revision if self.job is not None else -1, self._revision, compared)

    def send_frame(self, now: float) -> None:
        """Send the newest numbers, and new figures before them where they are needed."""
        assert self.outbox is not None
        self._sent, self._sent_at = self._at, now
        self.tell()
        body = Floats()
        header: dict[str, Any] = {"arrays": [], "ranges": {}, "shapes": {}, "summaries": {}, "subtitles": {}}
        self._add_sweep(header, body)
        self._add_frozen(header, body)
        self._number += 1
        header["frame"] = self._number
        self._unacknowledged.append(self._number)
        self.outbox.put_nowait(packed(header, body))

    def _add_sweep(self, header: dict[str, Any], body: Floats) -> None:
        job, view = self.job, self.view
        if job is None or view is None:
            return
        sweep, results = job.sweep, job.results
        settings = [setting_info(r, sweep, view.metric, job.training.get(r.number, math.nan)) for r in results]
        seen, lanes = map_info(settings, sweep, view, results), lanes_info(results, sweep, view)
        looks = map_looks(seen, lanes, loss_name(sweep.base))
        if looks != self._looks:
            self._looks = looks
            self.put({"type": "figures", **maps.sweep_figures(looks)})
            for chart in ("map", "lanes"):
                self._arrays.pop(chart, None)
                self._ranges.pop(chart, None)
        if len(results) != self._num_told:
            self._num_told = len(results)
            values = [[result.number, *result.values.values()] for result in results]
            self.put({"type": "settings", "settings": values})
        map_span = maps.map_ranges(seen, self._ranges.get("map"))
        lanes_span = sweep_curves.lanes_ranges(lanes, sweep.num_steps, self._ranges.get("lanes"))
        self._add(header, body, "map", maps.map_update(seen, map_span), map_span)
        self._add(header, body, "lanes", sweep_curves.lanes_update(lanes), lanes_span)
        if seen.y is not None:
            header["shapes"]["map"] = [len(seen.y.values), len(seen.x.values)]
        header["summaries"]["map"] = maps.map_summary(seen)
        header["subtitles"] = {"map": words.map_line(seen), "lanes": words.lanes_line(lanes)}
        header["sentence"] = in_greek(" ".join(job.sentences))
        header["count"] = words.progress(job, settings)
        header["columns"] = _columns(settings, body)
        header["best"] = seen.best
        if self.comparison is not None:
            self._add_pins(header, body, self.comparison, loss_name(sweep.base))

    def _add_pins(self, header: dict[str, Any], body: Floats, comparison: Comparison, loss: str) -> None:
        info = pins_info(comparison)
        looks = (loss, len(info.numbers))
        if looks != self._pin_looks:
            self._pin_looks = looks
            self.put({"type": "figures", **sweep_curves.pins_figures(*looks)})
            self._arrays.pop("pins", None)
        span = sweep_curves.pins_ranges(info, self._ranges.get("pins"))
        self._add(header, body, "pins", sweep_curves.pins_update(info), span)
        header["subtitles"]["pins"] = words.pins_line(info)
        header["pins"] = [None, *(words.difference(found) for found in info.differences)]

    def _add_frozen(self, header: dict[str, Any], body: Floats) -> None:
        if self._frozen is None:
            return
        found, config, of = self._frozen
        metric: Metric = self.metric if config.classifies else "loss"
        info = frozen_info(found, metric, of)
        rows, columns = info.values.shape
        looks = (metric, loss_name(config), max(rows, columns))
        if looks != self._frozen_looks:
            self._frozen_looks = looks
            self.put({"type": "figures", **frozen_map.frozen_figures(*looks)})
            self._arrays.pop("frozen", None)
        header["shapes"]["frozen"] = [rows, columns]
        self._add(header, body, "frozen", frozen_map.frozen_update(info), frozen_map.frozen_ranges(info))
        header["subtitles"]["frozen"] = words.frozen_line(info)
        header["summaries"]["frozen"] = words.frozen_summary(info)

    def _add(self, header: dict[str, Any], body: Floats, chart: str, updates: Sequence[MapUpdate], span: Range) -> None:
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


def first_view(sweep: SweepConfig) -> View:
    """How a sweep is looked at first: its first two axes, the best over the others."""
    names = [axis.name for axis in sweep.axes]
    return View(
        x=names[0],
        y=names[1] if len(names) > 1 else None,
        metric="accuracy" if sweep.base.classifies else "loss",
        color=names[0],
    )


def checked_view(message: Mapping[str, Any], sweep: SweepConfig) -> View:
    """What a page asks to look at.

    Raises:
        KeyError, ValueError: An axis, a value or a metric that the sweep does not have.
    """
    values = {axis.name: axis.values for axis in sweep.axes}
    x, y, color, metric = message["x"], message["y"], message["color"], message["metric"]
    if x not in values or color not in values or (y is not None and y not in values) or x == y:
        raise ValueError("the map needs two different axes of this sweep")
    if metric not in get_args(Metric) or (metric == "accuracy" and not sweep.base.classifies):
        raise ValueError(f"metric {str(metric)[:20]!r}: this sweep has none of this name")
    slices = {name: value for name, value in dict(message["slices"]).items() if name in values and value is not None}
    for name, value in slices.items():
        if values[name] and value not in values[name]:
            raise ValueError(f"{name} was not swept at {str(value)[:20]}")
    return View(x=x, y=y, slices=slices, metric=metric, color=color)
