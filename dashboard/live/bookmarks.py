"""Moments that somebody saves to come back to: what a page is told of one, and how it is opened again.

A page keeps them itself. A run is deterministic, so that its start, the changes up to a step and that step say which state is meant, whatever has become
of the run since: undone, opened again, or on another server.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from dashboard.charts.adaptation import ADAPTATION
from dashboard.live.run import LiveRun
from dashboard.live.viewer import Viewer
from dashboard.setups import address, limits
from maml_core.config import FolderConfig, PythonConfig, RunConfig
from maml_core.families.curves import CurveFamily
from maml_core.moments import Moment, asked, light
from maml_core.presets import DEFAULT_PRESET

if TYPE_CHECKING:
    from dashboard.live.page import Page

NOTHING_YET = "nothing was computed of this run yet; save the moment once its charts are there"
OTHER_RUN = "This moment is of another run, which is trained anew up to outer step {step:,}. Undo brings yours back."
_MAX_ADDRESS = 20_000
"""Letters of an address that a page may keep a moment by."""


def save(run: LiveRun, viewer: Viewer) -> dict[str, Any]:
    """Keep what a viewer sees, as long as there is room, and say how to come back to it.

    Raises:
        ValueError: Nothing was computed yet.
    """
    moment = viewer.travel.target or _now(run)
    if moment is None:
        raise ValueError(NOTHING_YET)
    run.kept.moments.pin(moment)
    config, choices = moment.config, viewer.choices
    return {
        "type": "moment",
        "step": moment.step,
        "address": _address(run, moment),
        "alpha": config.alpha,
        "num_inner_steps": config.num_inner_steps,
        "view": {
            "chart": choices.weights_chart,
            "tasks_chart": choices.tasks_chart,
            "metric": choices.metric,
            "task": list(choices.task_parameters) if choices.task_parameters is not None else None,
            "draw": choices.task_draw,
        },
    }


def open_again(page: Page, message: Mapping[str, Any]) -> None:
    """Show a moment that was saved: of the run that is there as it was then; of another one by training it anew up to there, and Undo brings this one back.

    Raises:
        KeyError, ValueError, TypeError: The page did not say what `save` told it, or what it asks for is not to be had.
    """
    run, viewer, step, text = page.run, page.viewer, message["step"], message["address"]
    if isinstance(step, bool) or not isinstance(step, int) or not isinstance(text, str) or len(text) > _MAX_ADDRESS:
        raise ValueError(f"a saved moment has an address and an outer step, not {str(step)[:20]}")
    there = _now(run) if run.step == step else None
    kept = (moment for moment in (there, *run.kept.moments) if moment is not None and moment.step == step)
    found = next((moment for moment in kept if _address(run, moment) == text), None)
    if found is None:
        _train_anew(run, text, step)
    else:
        run.pause()
        viewer.travel.go(None if found is there else found)
    _look(viewer, message["view"], run.config)
    page.answer_travel()


def _now(run: LiveRun) -> Moment | None:
    """The run as it is; None where nothing was computed of it yet."""
    if run.state is None:
        return None
    return Moment(run.step, run.state_config, light(run.state), len(asked(run.changes.done)))


def _address(run: LiveRun, moment: Moment) -> str:
    """What tells a moment of a run from those of all others, with its step."""
    return address.write(run.changes.start, asked(run.changes.done)[: moment.num_entries])


def _train_anew(run: LiveRun, text: str, step: int) -> None:
    query, own = dict(parse_qsl(text)), run.config.tasks if isinstance(run.config.tasks, PythonConfig) else None
    if address.asks_for(query) == "own" and own is None:
        raise ValueError("this moment is of a problem of your own: choose that in the sidebar first, under Tasks")
    opened = limits.checked(address.read(query, own=own), DEFAULT_PRESET.config)
    tasks = opened.config.tasks
    if opened.notes:
        raise ValueError(f"this moment cannot be opened any more: {opened.notes[0]}")
    if isinstance(tasks, FolderConfig) and tasks != run.config.tasks:
        raise ValueError("this moment is of images in a folder: choose them in the sidebar first")
    if reason := limits.why_no_images(tasks, shared=False):
        raise ValueError(reason)
    run.give_way(opened.config, opened.timeline, at=step, visits=True)
    run.notice = OTHER_RUN.format(step=step)
    if step > 0:
        run.play(until=step, jumps=True)


def _look(viewer: Viewer, view: Mapping[str, Any], config: RunConfig) -> None:
    """Look at what was looked at then."""
    task, draw = view["task"], view["draw"]
    if isinstance(draw, bool) or not isinstance(draw, int):
        raise ValueError(f"task {str(draw)[:20]}: a whole number is expected")
    if task is not None and isinstance(config.tasks, CurveFamily):
        viewer.choose_task(tuple(float(value) for value in task), config.tasks)
    else:
        viewer.task_parameters = None
    viewer.task_draw = draw
    viewer.choose_metric(view["metric"])
    viewer.choose_weights_chart(view["chart"])
    viewer.choose_tasks_chart(view.get("tasks_chart", ADAPTATION.id))
    viewer.waits = True
