"""What `streamlit run dashboard/app.py` starts: the page, our routes beside it, and the workers."""

import streamlit as st
from starlette.middleware import Middleware

from dashboard.server.doors import Doors
from dashboard.server.preload import Preload
from dashboard.server.routes import routes
from dashboard.server.start import get_hub, lifespan
from dashboard.setups.reach import base_path

base = base_path(st.get_option("server.baseUrlPath"))
app = st.App(
    "main.py",
    routes=routes(get_hub(), base),
    lifespan=lifespan,
    middleware=[Middleware(Doors, base=base), Middleware(Preload, base=base)],
)
