"""The page of a student: the run of a class, which its teacher moves; or, where there is no such class, what to do."""

from __future__ import annotations

import streamlit as st

from dashboard.charts.symbols import in_markdown
from dashboard.screens.component import mount
from dashboard.screens.shared import links
from dashboard.server.classroom import CODE
from dashboard.sidebar import state


def follow(code: str) -> None:
    """Draw the page of the class with this code."""
    try:
        token = state.class_token(code)
    except ValueError as error:
        if state.was_in_class(code):  # it ended meanwhile, which the page has said
            _to_own_page()
        _no_class(str(error))
        return
    state.show_notes()
    result = mount(key=f"class.{code}", token=token, follows=code)
    with st.sidebar:
        links()
        st.caption("This is the class’s run, which its teacher moves. Your own run on *Live* waits meanwhile.")
    if result.leave:
        _to_own_page()


def _to_own_page() -> None:
    st.query_params.clear()
    st.rerun()


def _no_class(why: str) -> None:
    with st.sidebar:
        links()
    with st.container(key="no-class"):
        st.markdown("#### No class here")
        st.warning(in_markdown(why))
        with st.form("class-enter", border=False):
            code = st.text_input("Code of the class", max_chars=8, key="class-code")
            if st.form_submit_button("Follow the class", type="primary") and code.strip():
                st.query_params[CODE] = code.strip().upper()
                st.rerun()
        if st.button("To your own page", key="class-own"):
            _to_own_page()
