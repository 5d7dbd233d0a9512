"""The ends of the colour scale."""

from __future__ import annotations

import math

from dashboard.charts.sweep_basics import color_range


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
