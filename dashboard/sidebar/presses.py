"""Presses in the panel of saved runs: each is done at once, in its callback, and how it went stands next to the button afterwards."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import streamlit as st

from dashboard.charts.symbols import plain
from maml_core.errors import ConfigError, DataError, StoreError

_SAID = "runs.said"

LOST = "runs.lost"
"""The run that could not be opened for want of its images, until something else is pressed."""

Place = Literal["save", "chosen", "workspace", "before"]
"""Parts of the panel: what was pressed, and where is said how it went."""


class _Said(NamedTuple):
    """How something went, and next to what it is shown."""

    place: Place
    sentence: str
    is_error: bool = False


def act_on(place: Place, action: Callable[[], str | None]) -> Callable[[], None]:
    """Do something when pressed, and say how it went."""

    def act() -> None:
        st.session_state.pop(_SAID, None)
        st.session_state.pop(LOST, None)
        try:
            sentence = action()
        except (ConfigError, DataError, StoreError) as error:
            st.session_state[_SAID] = _Said(place, f"{error}.", is_error=True)
            return
        if sentence:
            st.session_state[_SAID] = _Said(place, sentence)

    return act


def show_said(place: Place) -> None:
    """Say how what was pressed last went, if it was here."""
    said: _Said | None = st.session_state.get(_SAID)
    if said is not None and said.place == place:
        (st.error if said.is_error else st.success)(plain(said.sentence))
