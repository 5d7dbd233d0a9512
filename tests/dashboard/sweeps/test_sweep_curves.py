"""The curves by the names of their traces and axes; their numbers exactly."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.charts import sweep_curves
from dashboard.sweeps.info import PinsInfo
from dashboard.theme import LIGHT
from tests.dashboard.sweeps.results import ALPHA, sweep
from tests.dashboard.sweeps.test_maps import MAP, PROFILE, drawn


def test_the_curves_have_a_trace_for_each_colour() -> None:
    figure = sweep_curves.lanes_figure(LIGHT, MAP)
    assert [trace.name for trace in figure.data] == ["0.01", "0.1", "selected"]
    assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == ("outer step", "held-out loss (MSE)")


def test_their_numbers() -> None:
    _, lanes = drawn(sweep(ALPHA), PROFILE)
    found = {(trace, what): values.tolist() for trace, what, values in sweep_curves.lanes_update(lanes)}
    assert found[0, "x"][:2] == [4.0, 8.0]
    assert found[1, "customdata"] == [1.0, 1.0, 1.0]


PINS = PinsInfo(
    numbers=(3, 5),
    steps=(np.array([0.0, 10.0, 20.0]), np.array([0.0, 10.0])),
    losses=(np.array([4.0, 2.0, 1.0]), np.array([4.0, np.nan])),
    stopped=(False, True),
    differences=(None, None),
    num_steps=20,
)


def test_pinned_settings_have_a_line_each_by_their_letters() -> None:
    drawn = sweep_curves.pins_figure(LIGHT, "MSE", 2)
    assert [(trace.name, trace.line.dash) for trace in drawn.data] == [("A", "solid"), ("B", "dash")]
    assert drawn.layout.xaxis.title.text == "outer step"
    updates = sweep_curves.pins_update(PINS)
    assert [(trace, key) for trace, key, _ in updates] == [(0, "x"), (0, "y"), (1, "x"), (1, "y")]
    np.testing.assert_array_equal(updates[1][2], np.float32([4.0, 2.0, 1.0]))
    np.testing.assert_array_equal(updates[3][2], np.float32([4.0, np.nan]))


def test_pinned_settings_fit_their_chart() -> None:
    found = sweep_curves.pins_ranges(PINS)
    assert found["xaxis"] == [0.0, pytest.approx(20.6)]
    low, high = found["yaxis"]
    assert low <= 0.0
    assert high >= np.log10(4.0)
