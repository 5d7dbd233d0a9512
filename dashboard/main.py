"""The page's script: settings of the page and its screens."""

import streamlit as st

from dashboard import state
from dashboard.screens.live import live_screen
from dashboard.screens.sensitivity import sensitivity_screen

st.set_page_config(
    page_title="MAML, live", page_icon=":material/conversion_path:", layout="wide", initial_sidebar_state="expanded"
)
live = st.Page(live_screen, title="Live", icon=":material/show_chart:", default=True)
sensitivity = st.Page(sensitivity_screen, title="Sensitivity", icon=":material/grid_on:", url_path="sensitivity")
state.offer_screens({"live": live, "sensitivity": sensitivity})
st.navigation([live, sensitivity], position="hidden").run()
