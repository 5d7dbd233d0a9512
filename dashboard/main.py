"""The page's script: settings of the page and its screens."""

import streamlit as st

from dashboard.screens.lessons import LESSON, lessons_screen
from dashboard.screens.live import live_screen
from dashboard.screens.sensitivity import sensitivity_screen
from dashboard.server.classroom import CODE
from dashboard.server.routes import WEB
from dashboard.sidebar import state

# An icon of our own: the named ones are fetched from another host at every visit. "auto" folds the sidebar where it would cover the page; a
# lesson and a class have nothing in it that is needed, and need the room.
st.set_page_config(
    page_title="MAML, live",
    page_icon=str(WEB / "common" / "icon.svg"),
    layout="wide",
    initial_sidebar_state="collapsed" if {LESSON, CODE} & set(st.query_params) else "auto",
)
live = st.Page(live_screen, title="Live", icon=":material/show_chart:", default=True)
sensitivity = st.Page(sensitivity_screen, title="Sensitivity", icon=":material/grid_on:", url_path="sensitivity")
lessons = st.Page(lessons_screen, title="Lessons", icon=":material/school:", url_path="lessons")
state.offer_screens({"live": live, "sensitivity": sensitivity, "lessons": lessons})
shown = st.navigation([live, sensitivity, lessons], position="hidden")
for key, meant in ((LESSON, lessons), (state.SWEEP, sensitivity)):
    if (
        shown is live and key in st.query_params and CODE not in st.query_params
    ):  # as people write it down: without the screen
        st.switch_page(meant, query_params=st.query_params.to_dict())
shown.run()
state.count_tellings()
