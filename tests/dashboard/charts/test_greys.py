"""What shares a chart is told apart without colours: by its dashes, its marks or its kind, or as lighter and darker greys."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

from dashboard.charts.all import CHARTS
from dashboard.charts.chart import Chart
from dashboard.charts.style import Looks
from dashboard.theme import DARK, LIGHT, Palette
from tests.dashboard.charts.infos import GUESSING, REFERENCE
from tests.dashboard.test_theme import lightness

ALL = frozenset({"random", "joint", "scratch", "oracle", "maml"})
LOOKS = [
    Looks(levels=REFERENCE, learners=ALL, beside="another seed"),
    Looks(metric="accuracy", levels=GUESSING, learners=ALL, beside="another seed", loss_name="cross-entropy"),
]

LEAST_LIGHTNESS = 20.0
"""Between two greys, of 100 from black to white: less is not seen in thin lines."""

TOLD_OTHERWISE = {
    ("shifts", "larger x", "test classes"): "curves have an x, images have classes: no chart has both",
    ("adaptation", "ghost 3", "oracle"): "a ghost has its number where it ends",
}
"""Pairs of one form and one grey, and what tells them apart all the same."""


def form_of(trace: Any) -> tuple[Any, ...]:
    """What of a trace is seen without its colour."""
    if trace.type != "scatter" or trace.fill:
        return (trace.type, "area")
    mode = trace.mode or "lines"
    dash = (trace.line.dash or "solid") if "lines" in mode else None
    return ("scatter", dash, (trace.marker.symbol or "circle") if "markers" in mode else None, thickness(trace, mode))


def thickness(trace: Any, mode: str) -> int:
    """A line is told from another one that is half as wide again."""
    width = trace.line.width if "lines" in mode else trace.marker.size
    return round(math.log(width, 1.5)) if isinstance(width, int | float) else 0


def grey_of(trace: Any, page: str) -> float:
    """Lightness of what is drawn on the page, from 0 to 100."""
    color = trace.fillcolor or (trace.line.color if "lines" in (trace.mode or "lines") else trace.marker.color)
    rgb, opacity = _channels(color)
    behind, _ = _channels(page)
    mixed = [round(opacity * one + (1.0 - opacity) * under) for one, under in zip(rgb, behind, strict=True)]
    return lightness("#" + "".join(f"{channel:02x}" for channel in mixed))


def _channels(color: str) -> tuple[list[int], float]:
    if found := re.fullmatch(r"rgba\((\d+), (\d+), (\d+), ([\d.]+)\)", color):
        return [int(channel) for channel in found.groups()[:3]], float(found[4])
    return [int(color[i : i + 2], 16) for i in (1, 3, 5)], 1.0


def alike(chart: Chart[Any], palette: Palette, looks: Looks) -> list[tuple[str, str, str]]:
    """Pairs of a chart's named lines and points that nobody could tell apart on a print without colours.

    Areas are not among them: each lies around its own line, or has its name in it.
    """
    named = [
        trace
        for trace in chart.figure(palette, looks).data
        if trace.showlegend is not False and form_of(trace)[1] != "area" and isinstance(_color(trace), str)
    ]
    return [
        (chart.id, one.name, other.name)
        for one, other in itertools.combinations(named, 2)
        if one.legendgroup != other.legendgroup
        and form_of(one) == form_of(other)
        and abs(grey_of(one, palette.page) - grey_of(other, palette.page)) < LEAST_LIGHTNESS
    ]


def _color(trace: Any) -> Any:
    return trace.line.color if "lines" in (trace.mode or "lines") else trace.marker.color


@pytest.mark.parametrize("looks", LOOKS, ids=["losses", "accuracies"])
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("chart", CHARTS, ids=lambda chart: chart.id)
def test_what_the_legend_names_is_told_apart_without_colours(chart: Chart[Any], palette: Palette, looks: Looks) -> None:
    assert [pair for pair in alike(chart, palette, looks) if pair not in TOLD_OTHERWISE] == []


def test_the_exceptions_are_needed() -> None:
    found = {pair for chart in CHARTS for palette in (LIGHT, DARK) for pair in alike(chart, palette, LOOKS[0])}
    assert found == TOLD_OTHERWISE.keys()
