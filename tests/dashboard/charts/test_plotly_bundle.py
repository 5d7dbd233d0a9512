"""The page's own bundle of plotly.js (`.ci/plotly/build`): what is in it, and of which version."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import plotly.graph_objects as go
from plotly.basedatatypes import BaseTraceType
from plotly.offline import get_plotlyjs_version

import dashboard.charts
from dashboard.server.routes import WEB

BUNDLE = WEB / "plotly"
SUMS = Path(__file__).parents[3] / ".ci" / "plotly" / "sha256"
BANNER = (BUNDLE / "plotly.min.js").read_text(encoding="utf-8").partition("\n")[0]
OPTUNAS = "sweep_optuna.py"
"""Figures that Streamlit draws, with a plotly.js of its own."""


def test_it_is_of_the_version_that_the_python_package_writes_for() -> None:
    assert BANNER.startswith(f"/*! plotly.js {get_plotlyjs_version()} with ")


def test_it_has_the_kinds_of_traces_that_are_drawn_and_no_others() -> None:
    files = [path for path in Path(dashboard.charts.__file__).parent.glob("*.py") if path.name != OPTUNAS]
    used = {name for path in files for name in re.findall(r"\bgo\.([A-Z]\w*)", path.read_text(encoding="utf-8"))}
    drawn = {name.lower() for name in used if issubclass(getattr(go, name), BaseTraceType)}
    assert set(re.findall(r"with ([^;]*);", BANNER)[0].split(", ")) == drawn


def test_it_is_as_it_was_made() -> None:
    sums = dict(line.split()[::-1] for line in SUMS.read_text(encoding="utf-8").splitlines())
    assert sums == {name: hashlib.sha256((BUNDLE / name).read_bytes()).hexdigest() for name in sums}
    assert sums.keys() == {path.name for path in BUNDLE.iterdir()}


def test_the_licences_of_what_is_in_it_lie_beside_it() -> None:
    licences = (BUNDLE / "LICENSES.txt").read_text(encoding="utf-8")
    assert f"plotly.js {get_plotlyjs_version()} (MIT)" in licences
    assert "Permission is hereby granted" in licences
