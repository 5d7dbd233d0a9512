"""What `streamlit run dashboard/app.py` starts: the page, our routes beside it, and the workers."""

import importlib.util
import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

if importlib.util.find_spec("maml_core") is None:
    # A cloud installs what the project needs, not the project; workers that start later read the variable.
    home = str(Path(__file__).resolve().parents[1])
    sys.path.append(home)
    os.environ["PYTHONPATH"] = os.pathsep.join([home, *filter(None, [os.environ.get("PYTHONPATH")])])

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
    middleware=[Middleware(Doors, base=base, rates=get_hub().rates), Middleware(Preload, base=base)],
)
