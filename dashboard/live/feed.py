"""What is sent of a run to all pages that look at it through the same viewer: made once, however many they are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from dashboard.charts.all import CHARTS, CLOSER, charts_of, figures_json, layouts, why_empty
from dashboard.charts.images import is_ink
from dashboard.charts.style import Looks
from dashboard.charts.symbols import in_greek
from dashboard.live.chart_data import looks, results
from dashboard.live.drawings import MAX_CLASSES, MAX_EXAMPLES
from dashboard.live.frames import Content, FrameMaker
from dashboard.live.ghosts import told as ghosts_told
from dashboard.live.held_out import newest
from dashboard.live.own_points import told as told_of_points
from dashboard.live.run import LiveRun
from dashboard.live.switches import now
from dashboard.live.training import status_kind
from dashboard.live.viewer import SHAPE, Viewer, shape_of
from dashboard.setups import address
from dashboard.setups.algorithms import IDEAS, choice_of
from dashboard.setups.others import called, named, others
from dashboard.setups.reach import Reach
from dashboard.setups.settings import slider_ranges
from maml_core.analysis_records import Directions, LayerChanges
from maml_core.config import RunConfig, SinusoidConfig, at_test, learns_rates, to_dict
from maml_core.records import TaskFit
from maml_core.wording import counted

_CALLED = {"glyphs": "glyphs", "omniglot": "characters", "folder": "images"}
"""What the images of each task family are called, on the button that copies some."""

_ALONE = "A query alone is no batch: batch norm judges it by the examples' statistics."


class Told:
    """All of a run that is no number of a chart, at one moment.

    Args:
        feed: What it is of.
        look: What its figures depend on; None before the reference levels are known, which are part of them.
        state: The message, without what differs from page to page, and from one outer step to the next.
        notice: A sentence to show once.
    """

    def __init__(self, feed: Feed, look: Looks | None, state: Mapping[str, Any], notice: str) -> None:
        run, viewer = feed.run, feed.viewer
        self.look = look
        self.state = state
        self.notice = notice
        self.run = run.name
        # All that `layouts` is made of: a figure's own reference levels are replaced by it.
        found = [(chart, closer.looked) for chart, closer in viewer.open_closers]
        columns = state["layers"], [(chart, looked.name if looked is not None else None) for chart, looked in found]
        self.laid_out = (run.name, look, state["marks"], state["tensors"], columns)
        closed = {chart.id for chart in CLOSER} - {chart for chart, _ in viewer.open_closers}
        self.figures = frozenset(chart.id for chart in CHARTS if chart.id not in closed)
        """The charts whose figures a page must have: of closer looks only those that are open."""
        self._feed = feed
        self._text = ""
        self._layout = ""

    def is_as(self, other: Told | None) -> bool:
        """Whether another moment has the same to tell."""
        return other is not None and self.look == other.look and self.state == other.state

    def drawn(self) -> list[int]:
        """Numbers of the ghosts that have a line."""
        return [ghost["number"] for ghost in self.state["ghosts"] if ghost["shown"]]

    def message(self, own: Mapping[str, Any], *, with_layout: bool, with_now: bool) -> str:
        """The message as JSON.

        Args:
            own: What one page alone is told.
            with_layout: The page does not have the newest layouts yet.
            with_now: It does not know this run yet.
        """
        self._text = self._text or _json(self.state)
        run = self._feed.run
        parts = [_json({"type": "state", "step": run.step, **own}), self._text]
        if with_layout:
            self._layout = self._layout or _json({"layout": layouts(results(run, self._feed.viewer))})
            parts.append(self._layout)
        if with_now:
            parts.append(_json({"now": now(run)}))
        return "{" + ",".join(part[1:-1] for part in parts) + "}"


class Feed:
    """See the module.

    Args:
        run: What is looked at.
        viewer: Who looks.
        reach: Where the server can be reached; None where nobody knows.
    """

    def __init__(self, run: LiveRun, viewer: Viewer, reach: Reach | None = None) -> None:
        self.run = run
        self.viewer = viewer
        self.reach = reach
        self.content: Content | None = None
        """What the charts show, as it was sent last; None where it is to be made anew."""
        self._told: Told | None = None
        self._is_told = False
        """What was told is what holds now."""
        self._frames = FrameMaker()
        self._shared: tuple[tuple[RunConfig, int, int, str, str], str] | None = None

    def outdate(self) -> None:
        """Something may have changed: what is told next is made anew."""
        self._is_told = False

    def told(self) -> Told:
        """What is to be told; as it was before, where nothing has changed."""
        if self._told is not None and self._is_told:
            return self._told
        run, viewer, before = self.run, self.viewer, self._told
        viewer.apart.follow(run)
        look = None
        if run.levels is not None:
            look = looks(
                run.config,
                run.levels,
                metric=viewer.metric(run.config),
                scratch=run.audience.shows_scratch(run.config),
                since=run.changes.late_baselines,
                beside=named(viewer.second.key) if viewer.second is not None else "",
            )
        share, notice = self._share()
        made = Told(self, look, self._state(share), notice)
        self._is_told = True
        if before is not None and made.is_as(before):
            return before
        if before is None or made.look != before.look:
            self._frames.forget()
            self.content = None
        elif made.run == before.run and made.drawn() != before.drawn():
            self.content = None
        self._told = made
        return made

    def look(self, numbers: Mapping[str, float]) -> Content:
        """What the charts show now.

        Args:
            numbers: Figures for the page's status line.
        """
        run = self.run
        self.content = self._frames.look(
            run, self.viewer, {**numbers, **newest(run, self.viewer.metric(run.config))._asdict()}
        )
        return self.content

    def _state(self, share: str) -> dict[str, Any]:
        run, viewer, seen = self.run, self.viewer, self.run.audience.seen
        return {
            "run": run.name,
            "computing": not viewer.is_seen and (not run.sentence or run.playback.in_line is not None),
            "playing": run.playback.playing,
            "status": {"kind": status_kind(run), "sentence": in_greek(run.sentence)},
            "config": to_dict(run.config),
            "ranges": slider_ranges(run.config),
            "task": _task(run.config, viewer),
            "own": _own(run.config, viewer),
            "points": told_of_points(viewer.points, run.config),
            "speed": run.playback.steps_per_s,
            "share": share,
            "idea": _idea(run),
            "invitation": _invitation(run, viewer),
            "offer": run.origin.offer(run.step, jumping=run.playback.jumping),
            "reach": self.reach._asdict() if self.reach is not None else None,
            "locked": {**run.locked, **(viewer.guide.locked if viewer.guide is not None else {})},
            "left": run.num_left,
            "before": run.before.step if run.before is not None else None,
            "metric": viewer.metric(run.config) if run.config.classifies else None,
            "charts": charts_of(run.config, viewer.weights_chart, viewer.tasks_chart),
            "tasks_chart": viewer.tasks_chart,
            "empty": _empty(run.config, viewer),
            "tensors": seen.rates.names if seen.rates is not None else (),
            "layers": _layers(run, viewer),
            "then": viewer.travel.target.step if viewer.travel.target is not None else None,
            "apart": viewer.apart.told,
            "lesson": viewer.guide.told(run, viewer) if viewer.guide is not None else None,
            "beside": _beside(run, viewer),
            "ghosts": ghosts_told(run.ghosts, viewer.hidden, start=run.changes.start, config=run.config),
            "removals": run.ghosts.num_removals,
            "removed": run.ghosts.removed,
            "marks": [{"step": mark.step, "text": mark.text} for mark in run.changes.marks.all],
        }

    def _share(self) -> tuple[str, str]:
        """The address of the run, and of what is looked at, written again only when these, or its timeline, changed; and what to say of it."""
        run = self.run
        changes, awaited = run.changes, run.origin.awaited(run.changes)
        start = awaited.config if awaited is not None else changes.start  # a reload asks for the images again
        look, beside = self.viewer.look, self.viewer.choices.beside
        key = (start, len(changes.done), len(changes.scheduled), look, beside)
        notice = ""
        if self._shared is None or self._shared[0] != key:
            query = address.write(start, changes.all, look=look, beside=beside)
            if changes.done and "&t=" not in query and self._shared is not None and "&t=" in self._shared[1]:
                notice = (
                    "There are more changes than fit into an address: from now on it holds the start of the run only."
                )
            self._shared = (key, query)
        return self._shared[1], notice


@lru_cache(maxsize=64)
def figures_message(look: Looks, ids: frozenset[str]) -> str:
    """The figures of some charts, as JSON."""
    charts = [chart for chart in CHARTS if chart.id in ids]
    return json.dumps({"type": "figures", **figures_json(look, charts)}, separators=(",", ":"))


def _layers(run: LiveRun, viewer: Viewer) -> tuple[str, ...]:
    """The layers that a chart has columns of, if any does."""
    looked, moves = viewer.closer.looked, run.audience.seen.moves
    if looked is not None and isinstance(looked.found, LayerChanges):
        return looked.found.layers
    if looked is not None and isinstance(looked.found, Directions):
        return looked.found.layers[1:]
    return moves.layers if moves is not None else ()


def _idea(run: LiveRun) -> str:
    """What the algorithm is about; of a run that somebody shared, what its address holds."""
    shared = run.origin.shared
    if shared is not None and _waits_as_shared(run):
        count = shared.num_changes
        changes = counted(count, "change")
        if not shared.at:
            return f"This run has {changes}: Play replays it."
        has = f"has {changes} and " if count else ""
        return (
            f"This run {has}was at outer step {shared.at:,}: Jump goes there at full speed and pauses, Play replays it."
        )
    return IDEAS[choice_of(run.config)]


def _waits_as_shared(run: LiveRun) -> bool:
    """Whether a run stands as somebody shared it."""
    return run.origin.shared is not None and run.step == 0 and not run.origin.has_left_shared


def _invitation(run: LiveRun, viewer: Viewer) -> str:
    """What to do now; empty where something else says so, as the step of a lesson does."""
    in_step = viewer.guide is not None and not viewer.guide.plays_freely
    if in_step or _waits_as_shared(run):
        return ""
    dials = "β and N" if learns_rates(run.config) else "α, β and N"
    if run.playback.playing:
        return f"Drag {dials} and see what changes."
    return f"Press Play, then drag {dials} while it trains."


def _beside(run: LiveRun, viewer: Viewer) -> dict[str, Any]:
    """What the run can be compared with, and what it is compared with."""
    second = viewer.second
    return {
        "options": [list(option) for option in others(run.changes.start)],
        "other": second.key if second is not None else None,
        "name": named(second.key) if second is not None else "",
        "own": called(run.changes.start, second.key) if second is not None else "",
    }


def _task(config: RunConfig, viewer: Viewer) -> dict[str, Any] | None:
    """The demonstration task's sliders, without values until the task was looked at; None for families that have none."""
    tasks = at_test(config.tasks)
    if not isinstance(tasks, SinusoidConfig):
        return None
    names = shape_of(tasks)
    fit = viewer.fit if isinstance(viewer.fit, TaskFit) and len(viewer.fit.parameters) == len(names) else None
    values = dict(zip(names, map(float, fit.parameters), strict=True)) if fit else {}
    return {
        **{name: values.get(name) for name in SHAPE},
        "amplitude_range": list(tasks.amplitude),
        "phase_range": list(tasks.phase_rad),
        "frequency_range": list(tasks.frequency) if tasks.has_frequency else None,
    }


def _own(config: RunConfig, viewer: Viewer) -> dict[str, Any] | None:
    """What the page needs for drawing characters; None where tasks are not of images."""
    hand = viewer.own.hand
    if config.image_shape is None or hand is None:
        return None
    return {
        "active": viewer.own.task is not None,
        "shape": list(config.image_shape),
        "max_classes": min(MAX_CLASSES, config.num_outputs),
        "max_examples": MAX_EXAMPLES,
        "share": round(hand.share, 2),
        "width": round(hand.width, 2),
        "dark": hand.dark,
        "ink": is_ink(config.tasks),
        "called": _CALLED[config.tasks.kind],
        "note": _ALONE if config.model.batch_norm and config.batch_norm_treatment == "batch" else "",
    }


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _empty(config: RunConfig, viewer: Viewer) -> dict[str, str]:
    """Why charts have nothing to show, by their ids."""
    found: dict[str, str] = {}
    for chart, closer in viewer.open_closers:
        found |= closer.why_nothing(chart)
    return found | why_empty(config, viewer.weights_chart, viewer.tasks_chart)
