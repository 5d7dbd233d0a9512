"""The lessons: their list, and each by its own address, on a live page with a run of its own."""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.charts.symbols import in_greek, in_markdown, literal
from dashboard.screens.component import mount, mount_lessons
from dashboard.screens.shared import links, style
from dashboard.sidebar import state
from maml_core.lessons.lesson import Lesson
from maml_core.lessons.reading import shipped

LESSON, _STEP, _SEED = "lesson", "step", "seed"
"""What an address says: `lessons?lesson=over-the-edge&step=3`; the seed of another run than the usual one."""

MAX_SEED = 999


def lessons_screen() -> None:
    """Draw the list, or the lesson that the address names."""
    style()
    token = state.page_token()
    name = st.query_params.get(LESSON, "")
    lesson = shipped().get(name)
    if name and lesson is None:
        state.note(f"There is no lesson {literal(name[:40])}; here are those that there are.")
        st.query_params.clear()
    if lesson is None:
        _list(token)
    else:
        _lesson(lesson)


def _list(token: str) -> None:
    state.show_notes()
    result = mount_lessons(key="lessons", token=token, lessons=[_told(lesson) for lesson in shipped().values()])
    with st.sidebar:
        links()
        st.caption(
            "Each asks you something before it shows it, and judges by your own run. Your run on *Live* stays as it is meanwhile."
        )
    opened = result.open
    if isinstance(opened, dict) and opened.get("name") in shipped():
        state.begin_anew(opened["name"])
        st.query_params[LESSON] = opened["name"]
        if opened.get("seed"):
            st.query_params[_SEED] = str(opened["seed"])
        st.rerun()


def _told(lesson: Lesson) -> dict[str, Any]:
    return {
        "name": lesson.name,
        "title": in_greek(lesson.title),
        "about": in_greek(lesson.about),
        "minutes": lesson.minutes,
        "steps": len(lesson.steps),
        "kind": "Images" if lesson.config.classifies else "Curves",
    }


def _lesson(lesson: Lesson) -> None:
    seed = _number(_SEED, 0, MAX_SEED, "The lesson has the random numbers of seed {}.")
    step = _number(_STEP, 1, len(lesson.steps), "The lesson begins at step {}.")
    token = state.lesson_token(lesson, at=step - 1, seed=seed)
    state.show_notes()
    key = f"{lesson.name}.{seed}"
    result = mount(key=f"lesson.{key}", token=token, lesson=key)
    with st.sidebar:
        links()
        st.markdown(f"#### {in_markdown(lesson.title)}")
        st.markdown(in_markdown(lesson.about))
        st.caption(in_markdown(f"About {lesson.minutes} minutes. After {lesson.source}"))
    if result.leave == "lessons":
        st.query_params.clear()
        st.rerun()
    elif result.leave == "live":
        st.switch_page(state.screen("live"))


def _number(key: str, low: int, high: int, instead: str) -> int:
    """A whole number of the address; where it has another one, or none, the nearest that is accepted, or the lowest, and that is said.

    Args:
        key: What the address calls it.
        low: The lowest that is accepted, which stands for none at all.
        high: The highest.
        instead: What is shown then, with a place for the number.
    """
    text = st.query_params.get(key, "")
    found = min(max(int(text), low), high) if text.isdecimal() and len(text) < 10 else low
    if text and text != str(found):
        accepted = f"a whole number from {low} to {high} is expected"
        state.note(f"The address says {key}={literal(text[:20])}: {accepted}. {instead.format(found)}")
        st.query_params[key] = str(found)
    return found
