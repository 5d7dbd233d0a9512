"""Charts of very many settings: what a browser would draw for seconds gives way to less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dashboard.charts.sweep_curves import LANES, MOST_CURVES, MOST_MARKED, lanes_info
from dashboard.charts.sweep_edge import SWEEP_EDGE, sweep_edge_info
from dashboard.charts.sweep_map import MAP, MARKED, MOST_MARKS, SETTINGS, VALUE
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import View, setting_info
from dashboard.theme import LIGHT
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.results import SettingResult
from tests.dashboard.sweeps.results import grid, sweep

VIEW = View(x="alpha", y="beta", color="alpha")


def square(side: int) -> tuple[SweepConfig, tuple[SettingResult, ...]]:
    """A grid of so many alphas and betas, a tenth of which diverged."""
    values = tuple(float(f"{value:.4g}") for value in np.geomspace(0.001, 1.0, side))
    of = sweep(Axis(name="alpha", values=values, log=True), Axis(name="beta", values=values, log=True))
    gone: dict[str, Any] = {f"s{number}": {"status": "diverged"} for number in range(0, side * side, 10)}
    return of, grid(of, **gone)


@pytest.fixture(scope="module")
def many() -> tuple[SweepConfig, tuple[SettingResult, ...]]:
    return square(int(MOST_MARKS**0.5) + 1)


@pytest.mark.parametrize(("side", "is_dense"), [(10, False), (int(MOST_MARKS**0.5) + 1, True)])
def test_cells_have_marks_of_their_own_only_where_they_are_few(side: int, is_dense: bool) -> None:
    of, results = square(side)
    info = map_info([setting_info(one, of, "loss") for one in results], of, VIEW, results)
    figure = MAP.figure(LIGHT, MAP.looks(info, "MSE"))
    settings = figure.data[figure.layout.meta["traces"].index(SETTINGS)]
    assert (settings.mode, settings.hoverinfo) == (("none", "none") if is_dense else ("markers", "text"))
    found = {(trace, what): values for trace, what, values in MAP.update(info, MAP.ranges(info, None))}
    assert len(found[SETTINGS, "customdata"]) == side * side
    assert (len(found[MARKED, "x"]) > 0) is not is_dense
    assert np.isfinite(found[VALUE, "z"]).sum() == side * side - len(range(0, side * side, 10))


def test_curves_are_picked_evenly_and_it_is_said(many: tuple[SweepConfig, tuple[SettingResult, ...]]) -> None:
    of, results = many
    info = lanes_info(results, of, VIEW)
    shown = {int(number) for numbers in info.curves.numbers for number in numbers}
    assert len(shown) == MOST_CURVES
    assert {0, len(results) - 1} <= shown
    assert f"{MOST_CURVES} of {len(results):,} settings, evenly picked." in LANES.subtitle(info)
    edges = sweep_edge_info(results, of, VIEW)
    for chart, record in ((LANES, info), (SWEEP_EDGE, edges)):
        figure = chart.figure(LIGHT, chart.looks(record, "MSE"))  # type: ignore[attr-defined]
        assert figure.data[0].mode == "lines"


def test_few_curves_are_all_there_with_marks() -> None:
    of, results = square(10)
    assert len(results) <= MOST_MARKED
    info = lanes_info(results, of, VIEW)
    assert len({int(number) for numbers in info.curves.numbers for number in numbers}) == len(results)
    assert info.curves.picked == ""
    assert LANES.figure(LIGHT, LANES.looks(info, "MSE")).data[0].mode == "lines+markers"
