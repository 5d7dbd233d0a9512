"""The live page: set-ups in the sidebar, everything that moves in the component."""

from __future__ import annotations

import streamlit as st

from dashboard import state
from dashboard.controls import sidebar
from dashboard.live.component import mount

# Streamlit's own margins would cost a chart's height; its header stays, for the button that folds the sidebar.
_STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 0.5rem 1rem 0.25rem; max-width: none; }
[data-testid="stHeader"] { background: transparent; height: 0; min-height: 0; }
[data-testid="stSidebarContent"] [data-testid="stSidebarHeader"] { height: 2rem; min-height: 2rem; margin-bottom: 0; padding-top: 0.25rem; }
[data-testid="stSidebarUserContent"] { padding: 0 0 0.5rem; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.55rem; }
[data-testid="stSidebar"] { min-width: 15.5rem; }
/* The scrolling area takes the focus when it is clicked; it is no control, and its frame would lie over the dials. */
[data-testid="stMain"]::before { box-shadow: none !important; }
</style>
"""


def live_screen() -> None:
    """Draw the page, or redraw it after a change in the sidebar."""
    st.html(_STYLE)
    token = state.page_token()
    for note in state.take_notes():
        st.toast(note, icon=":material/info:", duration="long")
    mount(
        key="live", token=token, on_sync=state.follow_run
    )  # first, so that its scripts start while the sidebar is built
    with st.sidebar:
        sidebar(token)
