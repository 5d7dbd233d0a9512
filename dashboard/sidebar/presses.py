"""Presses in the panels of saved runs and of earlier sweeps: each is done at once, in its callback, and how it went stands next to the button afterwards. Streamlit makes the
files of downloads outside of the script: where one cannot be made, the panel is drawn again, and says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import streamlit as st

from dashboard.charts.symbols import as_sentence, plain
from dashboard.server.start import get_hub
from maml_core.errors import ConfigError, DataError, StoreError

_SAID, _LATE = "runs.said", "runs.late"

LOST = "runs.lost"
"""The run that could not be opened for want of its images, until something else is pressed."""

Place = Literal["save", "chosen", "import", "workspace", "before", "sweep", "sweep file"]
"""Parts of the panels of saved runs and of earlier sweeps: what was pressed, and where is said how it went."""


class _Said(NamedTuple):
    """How something went, and next to what it is shown."""

    place: Place
    sentence: str
    is_error: bool = False


def forget_said() -> None:
    """Something else is done now: what was said of the press before is of what was there then."""
    st.session_state.pop(_SAID, None)
    st.session_state.pop(LOST, None)


def forget_refusal(place: Place) -> None:
    """What stood in the way there may be gone: a refusal of it is of what was there then."""
    said: _Said | None = st.session_state.get(_SAID)
    if said is not None and said.is_error and said.place == place:
        st.session_state.pop(_SAID)


def close_said() -> None:
    """The panel is closed: whoever opens it again has not pressed anything in it yet. For which images a form asks goes on standing above it."""
    if LOST not in st.session_state:
        st.session_state.pop(_SAID, None)


def act_on(place: Place, action: Callable[[], str | None]) -> Callable[[], None]:
    """Do something when pressed, and say how it went."""

    def act() -> None:
        forget_said()
        try:
            sentence = action()
        except (ConfigError, DataError, StoreError) as error:
            st.session_state[_SAID] = _Said(place, as_sentence(error), is_error=True)
            return
        if sentence:
            st.session_state[_SAID] = _Said(place, sentence)

    return act


def made_for(token: str, place: Place, make: Callable[[], bytes]) -> Callable[[], bytes]:
    """What makes a file, and where it fails has the panel say why.

    Args:
        token: Of the page.
        place: Next to what it is said.
        make: Raises ConfigError, DataError or StoreError where there is no such file any more.
    """
    late: list[_Said] = st.session_state.setdefault(_LATE, [])  # nobody has a session where files are made

    def made() -> bytes:
        try:
            return make()
        except (ConfigError, DataError, StoreError) as error:
            late.append(_Said(place, as_sentence(error), is_error=True))
            get_hub().draw_again(token)
            raise

    return made


def hear_late() -> None:
    """Take in how what was done outside of the script went since the panel was drawn last."""
    late: list[_Said] = st.session_state.setdefault(_LATE, [])
    while late:
        st.session_state[_SAID] = late.pop(0)


def show_said(place: Place) -> None:
    """Say how what was pressed last went, if it was here."""
    said: _Said | None = st.session_state.get(_SAID)
    if said is not None and said.place == place:
        (st.error if said.is_error else st.success)(plain(said.sentence))
