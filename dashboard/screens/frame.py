"""What the screens share: room for what they show, and the way from one to the other."""

from __future__ import annotations

import streamlit as st

from dashboard import state

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
/* A popover of the sidebar stands above the window's lower edge, as high as it needs: below its button there may be no room. */
[data-testid="stPopoverBody"]:not(:has(.st-key-runs-panel)) {
  top: auto !important; bottom: 0.5rem; left: 0.75rem !important; transform: none !important; max-height: calc(100dvh - 1rem) !important;
}
.st-key-screens [data-testid="stPageLink"] a { padding: 0.1rem 0.45rem; }
</style>
"""


def style() -> None:
    """Make room."""
    st.html(_STYLE)


def links() -> None:
    """The way to the other screen."""
    with st.container(horizontal=True, gap="small", key="screens"):
        st.page_link(state.screen("live"))
        st.page_link(state.screen("sensitivity"))
