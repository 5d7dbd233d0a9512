"""One open sensitivity screen: the sweep that it shows, how it looks at it, the connection that feeds it, and what it has been told."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, get_args

from dashboard.charts.results import Metric
from dashboard.charts.sweep_pins import pins_info
from dashboard.charts.sweep_settings import Colors, Over, View
from dashboard.charts.symbols import in_greek
from dashboard.setups import address
from dashboard.setups.own_code import server_code, why_not_opened
from dashboard.setups.setting_names import symbol, title
from dashboard.sweeps.comparison import Comparison
from dashboard.sweeps.frames import Frames, Frozen, Looked, Made, looked_at
from dashboard.sweeps.frozen import AskedMaps
from dashboard.sweeps.job import SweepJob
from dashboard.wire.connection import Connection, Outbox
from maml_core.config import PythonConfig, RunConfig
from maml_core.sweeps.comparing import task_axes
from maml_core.sweeps.definition import SweepConfig, lane_configs

MAX_UNACKNOWLEDGED = 1
"""Frames that a browser may have received without drawing."""

FRAMES_SHARE = 0.2
"""Share of a processor, at most, that goes into frames of a page on which nobody changes anything."""

MAX_PINS = 6

PIN_S = 0.03
"""Processor seconds of a chunk of a pinned setting."""


class SweepPage:
    """See the module."""

    def __init__(self) -> None:
        self.job: SweepJob | None = None
        self.view: View | None = None
        self.pins: tuple[int, ...] = ()
        self.comparison: Comparison | None = None
        """The pinned settings trained side by side, once that was asked for."""
        self.connection = Connection(MAX_UNACKNOWLEDGED)
        self.visible = True
        self.opening = ""
        """That a sweep is being opened for it, in words."""
        self.frozen: Frozen | None = None
        """The frozen map that it shows; another one by `show_frozen`."""
        self.asked_maps = AskedMaps()
        self._revision = 0
        """Grows with each change of how the page looks at things."""
        self._sent: tuple[int, ...] | None = None
        self._sent_at = -math.inf
        self._frame_numbers = itertools.count(1)
        self._frames = Frames(self._frame_numbers)
        self._has_frame = False
        """A frame of what it shows was sent."""
        self._being_made: Frames | None = None
        """Those of which a thread makes one."""
        self._frame_s = 0.0
        """Processor seconds that the newest frame took."""
        self._told: dict[str, Any] = {}

    @property
    def connected(self) -> bool:
        """Whether a socket feeds the page."""
        return self.connection.is_open

    @property
    def metric(self) -> Metric:
        """What the charts show."""
        if self.view is not None:
            return self.view.metric
        return "accuracy" if self.frozen is not None and self.frozen.config.classifies else "loss"

    @property
    def waits_for_map(self) -> bool:
        """Whether somebody looks at it and has not been sent anything of its sweep."""
        return self.connected and self.visible and not self._has_frame

    # What it shows

    def show(self, job: SweepJob | None) -> None:
        """Show a sweep; None for none."""
        if job is self.job and self.view is not None:
            return
        self.job, self.pins, self.comparison = job, (), None
        self.view = first_view(job.sweep) if job is not None else None
        self._forget()

    def show_frozen(self, frozen: Frozen) -> None:
        """Show a frozen map."""
        self.frozen = frozen
        self._revision += 1

    def _forget(self) -> None:
        """Tell everything again: the page starts afresh, or shows another sweep."""
        self._sent, self._told = None, {}
        self._frames, self._has_frame = Frames(self._frame_numbers), False
        self.connection.forget_frames()
        self._revision += 1

    # The socket

    def connect(self) -> Outbox:
        """A new socket: what it must send comes out of the queue."""
        outbox, self.visible = self.connection.open(), True
        self._forget()
        return outbox

    def put(self, message: Mapping[str, Any]) -> None:
        """Send a message, if anybody listens."""
        self.connection.put(message)

    def obey(self, message: Mapping[str, Any]) -> None:
        """Do what the page asks for.

        Raises:
            KeyError, ValueError, TypeError: It cannot be understood.
        """
        match message.get("type"):
            case "ack":
                self.connection.acknowledge(message["frame"])
            case "visible":
                self.visible = message["visible"] is True
            case "cancel" if self.job is not None:
                self.job.cancel()
            case "resume" if self.job is not None:
                self.job.resume()
            case "view" if self.job is not None:
                self.view = checked_view(message, self.job.sweep)
                self._revision += 1
            case "pin":
                pins = self._numbers(message["numbers"])
                for number in pins:
                    self._need_taking_part(number)
                if len(pins) > MAX_PINS:
                    raise ValueError(f"at most {MAX_PINS} settings are compared at a time; unpin one")
                if pins != self.pins:
                    self.pins, self.comparison = pins, self.job.comparisons.of(pins) if self.job is not None else None
                    self._revision += 1
            case "compare" if self.job is not None:
                if len(self.pins) < 2:
                    raise ValueError("pin two settings or more to compare them")
                configs = tuple(self._lane_of(number) for number in self.pins)
                found = self.job.study.images and self.job.study.images.of(self.job.sweep, configs[0].tasks)
                images = None if isinstance(found, str) else found  # nobody pins a setting that is left out
                num_steps, code = self.job.sweep.num_steps, self.job.study.code
                self.comparison = Comparison(self.pins, configs, num_steps, PIN_S, images=images, code=code)
                self.job.comparisons.keep(self.comparison)
                self._revision += 1
            case "setting" if self.job is not None:
                self._tell_setting(message["number"])
            case kind:
                raise ValueError(f"the page sent {str(kind)[:40]!r}, which does not fit what it shows; reload the page")

    def stop_comparison(self, sentence: str) -> None:
        """Give it up, and say why."""
        if self.job is not None and self.comparison is not None:
            self.job.comparisons.drop(self.comparison)
        self.comparison = None
        self._revision += 1
        self.put({"type": "error", "message": f"{sentence}."})

    def _numbers(self, numbers: Any) -> tuple[int, ...]:
        known = {result.number for result in self.job.results} if self.job is not None else set()
        if not isinstance(numbers, list) or not all(number in known for number in numbers):
            raise ValueError("the page named settings that this sweep does not have; reload the page")
        return tuple(dict.fromkeys(numbers))

    def _need_taking_part(self, number: int) -> None:
        """See that a setting is one to train.

        Raises:
            ValueError: It is left out; says why.
        """
        assert self.job is not None
        left_out = next((one for one in self.job.results if one.number == number and one.status == "refused"), None)
        if left_out is not None:
            raise ValueError(f"setting {number} is left out: {left_out.refusal}")

    def _tell_setting(self, number: Any) -> None:
        (number,) = self._numbers([number])
        assert self.job is not None
        if isinstance(self.job.sweep.base.tasks, PythonConfig) and server_code() != self.job.sweep.base.tasks.problem:
            return  # an address does not say which code it is of
        self.put({"type": "setting", "number": number, "address": address.write(self.config_of(number))})

    def config_of(self, number: int) -> RunConfig:
        """The set-up of a setting's first lane, as a live run has it: with the base's own evaluation.

        Raises:
            ValueError: The setting is left out, or of code that no page runs; says why.
        """
        assert self.job is not None
        self._need_taking_part(number)
        if isinstance(tasks := self.job.sweep.base.tasks, PythonConfig) and not server_code():
            raise ValueError(f"this setting does not open as a live run: {why_not_opened(tasks.problem)}")
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
        if not self.connected:
            return
        state = _state_of(self)
        if state != self._told:
            self._told = state
            self.put(state)

    def is_due(self, now: float, least_s: float) -> bool:
        """Whether there is something new to draw, and time for it."""
        if not self._has_news or now - self._sent_at < self._least_s(least_s):
            return False
        return not self.connection.is_behind or now - self._sent_at > 5.0

    def seconds_until_due(self, now: float, least_s: float) -> float:
        """Until then at least; inf where there is nothing new, or a frame is being made."""
        return max(0.005, self._sent_at + self._least_s(least_s) - now) if self._has_news else math.inf

    def _least_s(self, least_s: float) -> float:
        """What lies between two frames: where nobody has asked for another look, so much that they take a small share of a processor."""
        is_asked = self._sent is None or self._sent[1:] != self._at[1:]
        return least_s if is_asked else max(least_s, self._frame_s / FRAMES_SHARE)

    @property
    def _has_news(self) -> bool:
        if not self.connected or not self.visible or (self.job is None and self.frozen is None):
            return False
        return self._sent != self._at and self._being_made is not self._frames

    @property
    def _at(self) -> tuple[int, ...]:
        compared = self.comparison.revision if self.comparison is not None else -1
        of_job = self.job.revision if self.job is not None else -1
        return of_job, self._revision, compared

    def _looked_at(self) -> Looked | None:
        if self.job is None or self.view is None:
            return None
        return looked_at(self.job, self.view, self.pins[0] if self.pins else None)

    def new_frame(self, now: float) -> tuple[Frames, Callable[[], Made]]:
        """What makes the next frame of what there is now, in whatever thread; `send_frame` takes what comes of it, with whose it is."""
        self._sent, self._sent_at = self._at, now
        self.tell()
        frames = self._being_made = self._frames
        pins = None
        if self.comparison is not None and self.job is not None:
            pins = pins_info(self.comparison, self.job.findings.standings.num_compared)  # as the table is corrected for
        return frames, partial(frames.next, self._looked_at(), pins, self.frozen, self.metric)

    def send_frame(self, frames: Frames, made: Made | None) -> None:
        """Send the newest numbers, and new figures before them where they are needed; not where the page shows another sweep by now.

        Args:
            frames: Whose frame it is.
            made: The frame; None where it could not be made.
        """
        if self._being_made is frames:
            self._being_made = None
        if made is None or frames is not self._frames:
            return
        self._frame_s, self._has_frame = made.processor_s, True
        for message in made.messages:
            self.connection.put_text(message)
        self.connection.put_frame(made.number, made.frame)


def _state_of(page: SweepPage) -> dict[str, Any]:
    """What is no number of what a page shows."""
    job, view = page.job, page.view
    state: dict[str, Any] = {"type": "sweep", "name": None, "metric": page.metric, "pins": list(page.pins)}
    if page.opening:
        state["opening"] = page.opening
    if page.frozen is not None:
        state["frozen"] = {"of": page.frozen.of, "classifies": page.frozen.config.classifies}
    if job is None or view is None:
        return state
    sweep = job.sweep
    return state | {
        "name": job.name,
        "status": job.status,
        "problem": job.sentence,
        "size": job.size,
        "num_done": job.num_done,
        "num_steps": sweep.num_steps,
        "comparing": page.comparison is not None,
        "classifies": sweep.base.classifies,
        "axes": [
            {
                "name": axis.name,
                "title": title(axis.name),
                "symbol": symbol(axis.name),
                "values": list(axis.values),
                "changes_tasks": axis.name in task_axes(sweep),
            }
            for axis in sweep.axes
        ],
        "refused": [[result.number, in_greek(result.refusal)] for result in job.results if result.status == "refused"],
        "view": dataclasses.asdict(view),
    }


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
    over, colors = message["over"], message["colors"]
    if over not in get_args(Over) or colors not in get_args(Colors):
        raise ValueError(
            f"over {str(over)[:20]!r} with colors {str(colors)[:20]!r}: a map has no such look; reload the page"
        )
    return View(x=x, y=y, slices=slices, metric=metric, color=color, over=over, colors=colors)
