"""The curves by the names of their traces and axes; their numbers exactly."""

from __future__ import annotations

from dashboard.charts import sweep_curves
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
