"""The ends of the colour scale."""

from __future__ import annotations

import math
import re
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from dashboard.charts.sweep_basics import SIDE, color_range, ticks
from dashboard.setups.sweep_axes import AxisInfo


class TestRanges:
    def test_colours_stay_while_they_serve(self):
        first = color_range([0.5, 1.0, 3.0], "loss", None)
        assert color_range([0.45, 1.0, 3.1], "loss", first) == first

    def test_they_follow_when_something_leaves_them(self):
        first = color_range([0.5, 1.0, 3.0], "loss", None)
        assert color_range([0.05, 1.0, 3.0], "loss", first)[0] < first[0]

    def test_one_that_ran_away_does_not_bleach_the_others(self):
        assert color_range([0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1e6], "loss", None)[1] < 1.0

    def test_without_any_value_there_is_a_scale(self):
        assert color_range([math.nan], "loss", None) == [-1.0, 1.0]


@given(st.lists(st.floats(1e-5, 1e2), min_size=1, max_size=80, unique=True), st.booleans(), st.booleans())
def test_names_of_ticks_never_run_into_each_other(values: list[float], log: bool, upright: bool) -> None:
    axis = drawn_axis(values, log=log)
    found = ticks(axis, upright=upright)
    span = axis.edges[-1] - axis.edges[0]
    assert found
    for (place, name), (other, next_name) in pairwise(found):
        pixels = (other - place) / span * SIDE
        letters = [len(re.sub("<.*?>", "", text)) for text in (name, next_name)]
        assert pixels >= (15.9 if upright else 7.0 * sum(letters) / 2)


def test_an_even_grid_names_its_values_and_a_sample_round_numbers() -> None:
    grid = drawn_axis([0.001, 0.01, 0.1], log=True)
    assert [name for _, name in ticks(grid)] == ["0.001", "0.01", "0.1"]
    sample = drawn_axis([0.0482, 0.041, 0.0376, 0.3, 0.004], log=True)
    assert [name for _, name in ticks(sample)] == ["0.003", "0.01", "0.03", "0.1", "0.3"]


def drawn_axis(values: list[float], *, log: bool) -> AxisInfo:
    numbers = sorted(values)
    places = np.log10(numbers) if log else np.array(numbers)
    return AxisInfo(name="alpha", scale="log" if log else "linear", values=tuple(numbers), places=places)
