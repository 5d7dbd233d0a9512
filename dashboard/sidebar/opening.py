"""Opening a run of the panel; where its images are not there, what helps is offered."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import streamlit as st

from dashboard.charts.symbols import literal
from dashboard.server.start import get_hub
from dashboard.setups.limits import why_no_images
from dashboard.sidebar import state
from dashboard.sidebar.presses import LOST, Place, act_on
from maml_core.config import FolderConfig
from maml_core.datasets.imageset import OnProgress
from maml_core.errors import ConfigError, DataError
from maml_core.store import SavedRun
from maml_core.store.images import with_images

_FOLDER = "runs.folder"

OPENED = "runs.done"
"""A run was opened: the panel, which lies over the charts, closes."""


class _Lost(NamedTuple):
    """A run that could not be opened for want of its images, and what helps."""

    place: Place
    name: str
    in_folder: bool
    """They may lie in another folder."""
    are_others: bool
    """There are images, but others than its own."""


def open_run(
    token: str,
    place: Place,
    name: str,
    run: SavedRun,
    *,
    folder: str | None = None,
    others: bool = False,
    on_progress: OnProgress | None = None,
) -> None:
    """Put a run of one of the lists on the page; where its images are not there, what helps is offered.

    Args:
        token: Of the page.
        place: Of which list it is.
        name: By which the list has it.
        run: The run.
        folder: Where its folder of images lies now; None for where it lay.
        others: Other images may take their place.
        on_progress: Told how far reading them is.

    Raises:
        ConfigError, DataError, StoreError: It cannot be opened; the page's run is as it was.
    """
    tasks = run.config.tasks
    in_folder = isinstance(tasks, FolderConfig)
    if in_folder and state.is_shared():
        raise DataError(
            "refused", f"{_called(place, name)} cannot be opened here: {why_no_images(tasks, shared=True)}".rstrip(".")
        )
    try:
        run, note = with_images(run, folder=folder, others=others, on_progress=on_progress)
    except DataError as error:
        st.session_state[LOST] = _Lost(place, name, in_folder, error.kind == "other" and not others)
        raise
    get_hub().open_run(token, run)
    st.session_state.pop(LOST, None)  # found
    st.session_state[OPENED] = True  # the panel lies over the charts
    state.let_page_be_seen()
    state.note(f"Opened {literal(_called(place, name))}, paused at outer step {run.step:,}.")
    if note:
        state.note(literal(f"{note[:1].upper()}{note[1:]}."))


def _called(place: Place, name: str) -> str:
    return name if place == "chosen" else "the run before a reset"


def find_images(token: str, place: Place, name: str, load: Callable[[], SavedRun]) -> None:
    """What helps a run that could not be opened for want of its images: a field for where they lie now, or others in their place."""
    lost: _Lost | None = st.session_state.get(LOST)
    if lost is None or (lost.place, lost.name) != (place, name):
        return
    folder, pressed, others = None, False, False
    with st.form("runs.images", border=False):
        if lost.in_folder:
            left, right = st.columns([3, 1], vertical_alignment="bottom")
            folder = left.text_input("Where the same images lie now", key=_FOLDER, placeholder="folder or zip file")
            pressed = right.form_submit_button("Find", width="stretch")
        if lost.are_others:
            others = st.form_submit_button(
                "Open with these other images",
                icon=":material/warning:",
                width="stretch",
                help="The run goes on with images that it was not trained on. Classes that it knows by name stay in their split.",
            )
    if not pressed and not others:
        return
    bar = st.progress(0.0, "Reading the images ...")

    def told(what: str, done: int, whole: int) -> None:
        bar.progress(min(1.0, done / whole) if whole else 0.0, f"{what}: {done:,} of {whole:,}")

    def find() -> None:
        st.session_state[LOST] = lost
        path = (folder or "").strip().strip("\"'")
        if pressed and not path:
            raise ConfigError("folder", path, "type where the images lie now: a folder, or a zip file")
        open_run(token, place, name, load(), folder=path or None, others=others, on_progress=told)

    act_on(place, find)()
    st.rerun()
