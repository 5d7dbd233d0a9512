"""The page's script: settings of the page and its screens."""

import streamlit as st

from dashboard.screens.live import live_screen
from dashboard.screens.sensitivity import sensitivity_screen
from dashboard.server.routes import WEB
from dashboard.sidebar import state

# An icon of our own: the named ones are fetched from another host at every visit. "auto" folds the sidebar where it would cover the page.
st.set_page_config(
    page_title="MAML, live", page_icon=str(WEB / "common" / "icon.svg"), layout="wide", initial_sidebar_state="auto"
)
live = st.Page(live_screen, title="Live", icon=":material/show_chart:", default=True)
sensitivity = st.Page(sensitivity_screen, title="Sensitivity", icon=":material/grid_on:", url_path="sensitivity")
state.offer_screens({"live": live, "sensitivity": sensitivity})
st.navigation([live, sensitivity], position="hidden").run()
state.count_tellings()
