"""The screens' components: small loaders of the `page.js` in each folder of `web/`, registered once and mounted once a page.

Everything that moves comes over the components' own WebSockets, so the mount data change with what a page is of alone, and Streamlit's reruns
leave the charts alone.
"""

from __future__ import annotations

from typing import Any

import streamlit as st

from dashboard.charts.all import CHARTS, CLOSER, SHARING
from dashboard.charts.glossary import page_help
from dashboard.sidebar.presses import forget_refusal

# The module's address is absolute, because Streamlit runs this text from a blob: URL; the document says at which version of the files it
# asked for them already. It is kept this short because Streamlit sends it again at every mount.
_LOADER = """
export default async function (component) {
  const { default: mount } = await import(window.mamlWeb + "/MODULE");
  return mount(component);
}
"""

# Without a shadow root: Plotly puts its styles and its hover layer into the document.
_live = st.components.v2.component("maml_live", js=_LOADER.replace("MODULE", "live/page.js"), isolate_styles=False)
_sweeps = st.components.v2.component(
    "maml_sweeps", js=_LOADER.replace("MODULE", "sweeps/page.js"), isolate_styles=False
)
_lessons = st.components.v2.component(
    "maml_lessons", js=_LOADER.replace("MODULE", "lessons/page.js"), isolate_styles=False
)


def mount(*, key: str, token: str, seen: int = 0, lesson: str = "", follows: str = "") -> Any:
    """Mount the live page, or keep it where it is mounted already.

    Args:
        key: Streamlit's key; the same on every rerun, or the page would be built anew.
        token: The page token that its WebSocket shows.
        seen: How often it was to be seen, as `state.times_to_be_seen`: where it grows, a sidebar that lies over the page folds.
        lesson: By what the tab keeps the run of a lesson, whose page it is; empty for the tab's own run.
        follows: The code of the class that it follows; empty for none.

    Returns:
        Streamlit's component result. `sync` causes a rerun when the run has come to differ from what the sidebar shows (a dial that leaves
        a preset, a change of a shared run, a resumed run), and is None otherwise; `leave` one in which the lesson, or the class, is left: for the screen that
        it names.
    """
    tabs = [[chart.id, chart.tab, chart in CLOSER] for chart in SHARING.values()]
    data = {"token": token, "seen": seen, "help": page_help(), "charts": [chart.id for chart in CHARTS], "tabs": tabs}
    data |= {"lesson": lesson} if lesson else {"follows": follows} if follows else {}
    return _live(key=key, data=data, on_sync_change=_nothing, on_leave_change=_nothing)


def mount_sweeps(*, key: str, token: str, seen: int, sweep: str) -> Any:
    """Mount the sensitivity screen, or keep it where it is mounted already.

    Args:
        key: Streamlit's key.
        token: Of the visitor's live page.
        seen: As of `mount`.
        sweep: Name of the sweep that is shown or about to be opened, for which the page has room at once; empty for none.

    Returns:
        Streamlit's component result. `selected`: numbers of the settings that are selected. Only in the rerun that it causes, `open`: the
        number of a setting to open as a live run; `settled`: a sweep has stopped, or the page has just found its server.
    """
    return _sweeps(
        key=key,
        data={"token": token, "seen": seen, "help": page_help(), "sweep": sweep},
        default={"selected": []},
        on_selected_change=_nothing,
        on_open_change=_nothing,
        on_settled_change=_settled,
    )


def mount_lessons(*, key: str, token: str, lessons: list[dict[str, Any]]) -> Any:
    """Mount the list of lessons, or keep it where it is mounted already.

    Args:
        key: Streamlit's key.
        token: Of the visitor's live page.
        lessons: What is said of each.

    Returns:
        Streamlit's component result. `open`, only in the rerun that it causes: the `name` of a lesson to open, and the `seed` with which
        this browser began it.
    """
    data = {"token": token, "lessons": lessons}
    return _lessons(key=key, data=data, on_open_change=_nothing, on_sync_change=_nothing)


def _settled() -> None:
    """A sweep that is no longer computed can be renamed: its refusal said to wait, or to cancel it."""
    forget_refusal("sweep")


def _nothing() -> None:
    """A trigger exists only where it has a callback."""
