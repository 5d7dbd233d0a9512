"""The list of charts, and what the page's JavaScript knows of them: names, never places."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dashboard.charts import chart as chart_file
from dashboard.charts.all import CHARTS
from dashboard.charts.chart import Chart
from dashboard.charts.classes import CLASSES
from dashboard.charts.fit import FIT
from dashboard.charts.style import Looks
from dashboard.charts.sweep_curves import LANES
from dashboard.charts.sweep_frozen import FROZEN, FrozenLooks
from dashboard.charts.sweep_map import MAP
from dashboard.screens import component
from dashboard.theme import LIGHT
from tests.dashboard.charts.infos import INFOS
from tests.dashboard.charts.test_glossary import looks_of_lanes, looks_of_maps

FOLDER = Path(chart_file.__file__).parent
WEB = FOLDER.parent / "web"


def test_every_chart_is_a_file_of_its_name() -> None:
    for chart in CHARTS:
        code = (FOLDER / f"{chart.id}.py").read_text(encoding="utf-8")
        assert f"{chart.id.upper()} = Chart(" in code


def test_every_file_with_a_chart_is_on_the_list() -> None:
    made = {file.stem for file in FOLDER.glob("*.py") if " = Chart(" in file.read_text(encoding="utf-8")}
    assert made == {chart.id for chart in CHARTS}


def test_records_and_charts_belong_together() -> None:
    assert len({chart.info for chart in CHARTS}) == len(CHARTS)
    assert {type(info) for info in INFOS} <= {chart.info for chart in CHARTS}


@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)
def test_all_traces_but_the_pages_own_are_filled(chart: Chart[object]) -> None:
    named = set(chart.figure(LIGHT, Looks()).layout.meta["traces"])
    for info in INFOS:
        if type(info) is chart.info:
            assert set(chart.lines(info)) == named - ({"theta_k"} if chart in (FIT, CLASSES) else set())


def test_the_page_gets_the_list_from_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    mounted: dict[str, object] = {}
    monkeypatch.setattr(component, "_live", lambda **given: mounted.update(given))
    component.mount(key="live", token="t")
    assert mounted["data"]["charts"] == [chart.id for chart in CHARTS]  # type: ignore[index]


def test_traces_that_the_page_names_are_there() -> None:
    said = (WEB / "sweeps" / "charts.js").read_text(encoding="utf-8")
    named = set(re.findall(r'^const [A-Z]+ = "(\w+)";$', said, re.MULTILINE))
    sweeps = [
        MAP.figure(LIGHT, looks_of_maps()),
        LANES.figure(LIGHT, looks_of_lanes()),
        FROZEN.figure(LIGHT, FrozenLooks("loss", "MSE", 8)),
    ]
    assert named == {"settings", "selected", "pinned", "cells"}
    assert named <= {name for figure in sweeps for name in figure.layout.meta["traces"]}
    task = (WEB / "live" / "task.js").read_text(encoding="utf-8")
    (theta_k,) = re.findall(r'^const THETA_K = "(\w+)";', task, re.MULTILINE)
    assert theta_k in FIT.traces(LIGHT, Looks())
