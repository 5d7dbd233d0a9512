"""What a live page may ask for, message by message, and what its run then does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.live import afresh, bookmarks
from dashboard.live.apart import LEAVING
from dashboard.live.drawings import own_task
from dashboard.live.own_points import own_points
from dashboard.live.page import Page
from dashboard.live.viewer import SHAPE, shape_of
from dashboard.setups.others import other
from maml_core.config import SinusoidConfig

OF_THE_SOCKET = ("ack", "visible", "pause_hidden")
"""Kinds that a page sends by itself: nobody asks for anything with them."""


def obey(page: Page, message: Mapping[str, Any], now: float) -> None:
    """Do what a page asks for.

    Raises:
        ConfigError: A setting is refused; says why.
        KeyError, ValueError, TypeError: The message cannot be understood, or what it asks for cannot be done now.
    """
    run, viewer, kind = page.run, page.viewer, message.get("type")
    if kind not in OF_THE_SOCKET:
        run.playback.held = None
    if viewer.guide is not None and kind not in OF_THE_SOCKET:
        kind = viewer.guide.allowed(message, run)
    if kind in LEAVING and viewer.apart.close():
        page.show_now()
    match kind:
        case "ack":
            page.acknowledge(message["frame"])
        case "visible":
            page.set_visible(message["visible"] is True, now)
        case "pause_hidden":
            page.pauses_hidden = message["on"] is True
        case "set":
            drag = _number(message, "drag")
            run.change(dict(message["changes"]), now=now, drag=None if drag is None else (page.token, drag))
            viewer.expect(_number(message, "id"))
        case "play":
            run.play()
        case "pause":
            run.pause()
        case "outer_step":
            run.take_one_step()
        case "reset":
            run.restart()
        case "reset_all":
            afresh.reset(run, viewer)
        case "undo":
            afresh.undo(run, viewer)
        case "compare":
            compare(page, str(message["other"] or ""))
            page.send_frame()
        case "ghost":
            viewer.show_ghost(run.ghosts.numbered(message["number"]), message["shown"] is True)
        case "remove_ghosts":
            run.notice = run.ghosts.remove(message["number"])
        case "restore_ghosts":
            run.ghosts.bring_back()
        case "jump":
            run.jump()
        case "shared":
            run.open_shared()
        case "run_until":
            run.run_until(message["step"])
        case "travel":
            viewer.travel.to(message["step"], run.kept.moments, run.step)
            page.answer_travel()
        case "travel_by":
            viewer.travel.by(message["by"], run.kept.moments, run.step)
            page.answer_travel()
        case "keep_moment":
            page.put(bookmarks.save(run, viewer))
        case "open_moment":
            bookmarks.open_again(page, message)
        case "branch":
            run.branch(viewer.travel.here)
        case "apart":
            viewer.apart.open(run)
            viewer.travel.go(None)
        case "apart_by":
            viewer.apart.by(message["by"])
            page.send_frame()
        case "apart_close":
            viewer.apart.close()
            page.send_frame()
        case "apart_do":
            if viewer.apart.is_last:
                viewer.apart.close()
                run.take_one_step()
        case "speed":
            run.playback.set_speed(message["steps_per_s"])
        case "metric":
            viewer.choose_metric(message["metric"])
            page.tell()
            page.send_frame()
        case "weights_chart":
            viewer.choose_weights_chart(message["chart"])
        case "tasks_chart":
            viewer.choose_tasks_chart(message["chart"])
        case "task" if message.get("redraw") is True:
            viewer.draw_task()
        case "task":
            tasks = run.config.tasks
            names = shape_of(tasks) if isinstance(tasks, SinusoidConfig) else SHAPE[:2]
            viewer.choose_task(tuple(float(message[name]) for name in names), tasks)
        case "own_task" if message.get("clear") is True:
            viewer.choose_own_task(None)
            viewer.expect(_number(message, "id"))
        case "own_task":
            viewer.choose_own_task(own_task(message, run.config))
            viewer.expect(_number(message, "id"))
        case "own_points" if message.get("clear") is True:
            viewer.choose_points(None)
            viewer.expect(_number(message, "id"))
        case "own_points":
            viewer.choose_points(own_points(message, run.config))
            viewer.expect(_number(message, "id"))
        case "example_task":
            page.put({"type": "example_task", **viewer.own.example()})
        case "lesson_go" if viewer.guide is not None:
            viewer.guide.go(message["to"], run, viewer)
            page.send_frame()
        case "lesson_answer" if viewer.guide is not None:
            viewer.guide.answer(message["answer"])
            page.send_frame()
        case "lesson_act" if viewer.guide is not None:
            viewer.guide.act(run, viewer)
        case "lesson_free" if viewer.guide is not None:
            viewer.guide.set_free()
        case _:
            raise ValueError(f"the page sent {str(kind)[:40]!r}, which this server does not know; reload the page")


def compare(page: Page, key: str) -> None:
    """Have a page compare its run with a second one (`setups.others`); with an empty key no longer.

    Raises:
        ValueError: There is no such run to compare it with; says so in a sentence.
    """
    if key:
        other(key, page.run.changes.start)
        page.run.audience.measure()
    page.viewer.compare(key)


def _number(message: Mapping[str, Any], name: str) -> int | None:
    """A number that a page gives: its `id` for what it asks for, so that it knows the frame that has seen it, or that of a `drag`."""
    found = message.get(name)
    return found if isinstance(found, int) and not isinstance(found, bool) else None
