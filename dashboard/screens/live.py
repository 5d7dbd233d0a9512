"""The live page: set-ups in the sidebar, everything that moves in the component."""

from __future__ import annotations

import streamlit as st

from dashboard.screens.component import mount
from dashboard.screens.follow import follow
from dashboard.screens.shared import links, style
from dashboard.server.classroom import CODE
from dashboard.sidebar import state
from dashboard.sidebar.run_form import sidebar


def live_screen() -> None:
    """Draw the page, or redraw it after a change in the sidebar; or that of a class, where the address names one."""
    style()
    if CODE in st.query_params:
        follow(st.query_params[CODE])
        return
    token = state.page_token()
    state.show_notes()
    mount(
        key="live", token=token, seen=state.times_to_be_seen()
    )  # first, so that its scripts start while the sidebar is built
    with st.sidebar:
        links()
        sidebar(token)
