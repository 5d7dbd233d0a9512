"""The chart of learned rates: its columns, its axis, its limit."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.charts.rates import rates_layout
from dashboard.theme import LIGHT
from tests.dashboard.charts.infos import (
    array,
    named,
    ranges,
    rates_info,
)


def test_each_tensor_of_learned_rates_has_a_column_with_its_steps() -> None:
    drawn = named(rates_info())
    assert drawn["learned rate"] == [
        pytest.approx([0.25, 0.5, 0.75, 1.25, 1.5, 1.75]),
        pytest.approx([0.02, 0.03, 0.04, -0.01, 0.0, 0.01]),
    ]
    np.testing.assert_allclose(drawn["step to step"][1], [0.02, 0.03, 0.04, np.nan, -0.01, 0.0, 0.01], rtol=1e-6)
    assert drawn["α at the start"] == [[0, 2], pytest.approx([0.02, 0.02])]
    assert drawn["10–90% of tasks"] == [[0, 2, 2, 0], pytest.approx([0.1, 0.1, 0.4, 0.4])]
    assert drawn["10–90% of a tensor"] == [[], []]


def test_the_spread_of_a_tensors_rates_is_a_bar() -> None:
    low, median, high = (array([0.01 + shift, 0.02]) for shift in (-0.02, 0.0, 0.03))
    drawn = named(rates_info(low=low, median=median, high=high))
    assert drawn["10–90% of a tensor"] == [[0.5, 0.5], pytest.approx([-0.01, 0.04])]
    assert drawn["learned rate"][0] == [0.5, 1.5]
    assert drawn["step to step"] == [[], []]


def test_the_rates_axis_holds_negative_rates_and_keeps_still() -> None:
    first = ranges(rates_info())
    assert first["xaxis"] == [0, 2]
    assert first["yaxis"][0] < -0.01
    assert first["yaxis"][1] > 0.04
    moved = array([0.02, -0.011], [0.03, 0.0], [0.041, 0.01])
    assert ranges(rates_info(low=moved, median=moved, high=moved), first) == first
    grown = 10 * moved
    assert ranges(rates_info(low=grown, median=grown, high=grown), first)["yaxis"][1] > 0.4


@pytest.mark.parametrize(("limit", "top"), [(0.06, 0.06), (0.061, 0.04), (0.045, 0.045), (0.03, 0.04)])
def test_the_rates_axis_reaches_for_a_limit_that_is_near(limit: float, top: float) -> None:
    """Up to half as high again as the highest rate, 0.04; the lowest is -0.01."""
    low, high = ranges(rates_info(limit=limit))["yaxis"]
    assert (low, high) == pytest.approx((-0.01 - 0.1 * (top + 0.01), top + 0.15 * (top + 0.01)))


def test_tensors_are_named_below_their_columns() -> None:
    notes = rates_layout(("w0", "b0"), LIGHT)["annotations"]
    assert [(note["text"], note["x"]) for note in notes] == [("w0", 0.5), ("b0", 1.5)]
    many = [f"{letter}{layer}" for layer in range(9) for letter in "wb"]
    assert [note["text"] for note in rates_layout(many, LIGHT)["annotations"]] == [f"w{layer}" for layer in range(9)]
