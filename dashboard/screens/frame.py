"""What the screens share: room for what they show, and the way from one to the other."""

from __future__ import annotations

import streamlit as st

from dashboard import state

# Streamlit's own margins would cost a chart's height; its header takes room only while it holds the button that brings the sidebar back,
# beside which the first line of the page begins.
_STYLE = """
<style>
[data-testid="stMainBlockContainer"] { padding: 0.5rem 1rem 0.25rem; max-width: none; }
[data-testid="stHeader"] { background: transparent; height: 0; min-height: 0; }
[data-testid="stSidebarContent"] [data-testid="stSidebarHeader"] { height: 2rem; min-height: 2rem; margin-bottom: 0; padding-top: 0.25rem; }
[data-testid="stSidebarUserContent"] { padding: 0 0 0.5rem; }
[data-testid="stSidebarUserContent"] [data-testid="stVerticalBlock"] { gap: 0.55rem; }
[data-testid="stSidebar"]:not([data-collapsed="true"]) { min-width: 15.5rem; }
@media (max-width: 1100px) { [data-testid="stSidebar"]:not([data-collapsed="true"]) { max-width: 15.5rem; } }
[data-testid="stHeader"]:has([data-testid="stExpandSidebarButton"]) { height: 3rem; min-height: 3rem; width: fit-content; }
[data-testid="stExpandSidebarButton"] { width: 2rem; height: 2rem; }
[data-testid="stApp"]:has([data-testid="stExpandSidebarButton"]) :is(.maml-transport, .maml-sweeps[data-sweep="false"] .maml-line) { padding-left: 2.5rem; }
/* The scrolling area takes the focus when it is clicked; it is no control, and its frame would lie over the dials. */
[data-testid="stMain"]::before { box-shadow: none !important; }
@media (forced-colors: active) {
  [data-testid="stBaseButton-segmented_controlActive"] { forced-color-adjust: none; color: HighlightText !important; background: Highlight !important; }
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
