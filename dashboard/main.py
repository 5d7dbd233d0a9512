"""The page's script: settings of the page and its screens."""

import streamlit as st

from dashboard.screens.live import live_screen

st.set_page_config(
    page_title="MAML, live", page_icon=":material/conversion_path:", layout="wide", initial_sidebar_state="expanded"
)
st.navigation([st.Page(live_screen, title="Live", default=True)], position="hidden").run()
