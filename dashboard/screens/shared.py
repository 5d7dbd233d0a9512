"""What the screens share: room for what they show, and the way from one to the other."""

from __future__ import annotations

import streamlit as st

from dashboard.server.routes import WEB
from dashboard.sidebar import state

_STYLE = f"<style>{(WEB / 'common' / 'frame.css').read_text(encoding='utf-8')}</style>"


def style() -> None:
    """Make room."""
    st.html(_STYLE)


def links() -> None:
    """The way to the other screens."""
    with st.container(horizontal=True, gap="small", key="screens"):
        st.page_link(state.screen("live"))
        st.page_link(state.screen("sensitivity"))
        st.page_link(state.screen("lessons"))
