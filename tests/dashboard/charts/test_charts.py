"""What holds of all charts: figures, the numbers that fill them, axes, words."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from dashboard.charts.all import CHARTS as ALL
from dashboard.charts.all import figures_json
from dashboard.charts.style import Looks
from dashboard.theme import DARK, LIGHT
from tests.dashboard.charts.infos import (
    EMPTY,
    INFOS,
    LEVELS,
    NAMES,
    SHARES,
    accuracy_info,
    adaptation_info,
    chart_of,
    figure,
    gauge_info,
    lines,
    loss_info,
    path_info,
    ranges,
    rates_info,
    shares_info,
    subtitle,
    summary,
    trajectory,
)

CHARTS = tuple(chart.id for chart in ALL)
AXES = {
    "loss": ("outer step", "query loss (MSE)"),
    "fit": ("input x", "output y"),
    "images": (None, None),
    "classes": ("test points, by their true class", "probability of it"),
    "adaptation": ("inner step", "held-out query loss (MSE)"),
    "path": ("main direction", "second direction"),
    "layers": ("layer", "distance from the start / its length"),
    "directions": ("inner steps N, then layer by layer", "cosine with the meta-gradient"),
    "arrows": ("main direction", "second direction"),
    "task_disk": ("main direction", "second direction"),
    "coherence": ("outer step", "cosine of gradients"),
    "spectrum": ("eigenvalue, the largest first", "curvature"),
    "features": ("layer", "CKA, and share moved"),
    "edge": ("outer step", "inner step size"),
    **dict.fromkeys(("landscape", "surface", "random_plane"), (None, None)),
    "label_orders": ("numbering, the worst first", "query accuracy"),
    "shifts": ("inner step", "median query loss (MSE)"),
    "gauge": (None, ""),
    "rates": ("parameter tensor", "inner step size"),
}


@pytest.mark.parametrize("chart", NAMES)
def test_figure_has_its_traces_and_axes(chart: str) -> None:
    drawn = figure(chart, LIGHT, LEVELS)
    assert [trace.name for trace in drawn.data] == NAMES[chart]
    assert (drawn.layout.xaxis.title.text, drawn.layout.yaxis.title.text) == AXES[chart]
    assert all(len(trace.x) == 0 for trace in drawn.data)
    assert drawn.layout.uirevision == "maml"


@pytest.mark.parametrize("chart", CHARTS)
def test_both_themes_have_the_same_traces(chart: str) -> None:
    light, dark = (figure(chart, palette, LEVELS) for palette in (LIGHT, DARK))
    assert [trace.name for trace in light.data] == [trace.name for trace in dark.data]
    assert light.layout.font.color != dark.layout.font.color


def test_figures_json_is_plain_json() -> None:
    figures = figures_json(LEVELS)
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures
    assert {theme: tuple(charts) for theme, charts in figures.items()} == {"light": CHARTS, "dark": CHARTS}


def test_an_idea_has_one_colour_on_all_charts() -> None:
    colors: dict[str, set[str]] = {}
    for chart in CHARTS:
        for trace in figure(chart, LIGHT, LEVELS).data:
            if trace.name in (
                "before adapting (θ<sub>0</sub>)",
                "start (θ<sub>0</sub>)",
                "held-out before (θ<sub>0</sub>)",
            ):
                colors.setdefault("theta_0", set()).add(trace.line.color or trace.marker.color)
            if trace.name in (
                "after N steps (θ<sub>N</sub>)",
                "adapted (θ<sub>N</sub>)",
                "held-out after (θ<sub>N</sub>)",
                "MAML's start (θ<sub>0</sub>)",
            ):
                colors.setdefault("theta_N", set()).add(trace.line.color or trace.marker.color)
    assert colors == {"theta_0": {LIGHT.theta_0}, "theta_N": {LIGHT.theta_N}}


@pytest.mark.parametrize(
    ("chart", "title", "axis"),
    [
        ("loss", "Accuracy while meta-training", "query accuracy"),
        ("adaptation", "Adapting to held-out tasks", "held-out query accuracy"),
    ],
)
def test_accuracies_have_an_axis_of_their_own(chart: str, title: str, axis: str) -> None:
    losses, shares = (figure(chart, LIGHT, looks) for looks in (LEVELS, SHARES))
    assert [trace.name for trace in shares.data] == [trace.name for trace in losses.data]
    assert (shares.layout.meta["title"], shares.layout.yaxis.title.text) == (title, axis)
    assert (losses.layout.yaxis.type, shares.layout.yaxis.type) == ("log", None)
    assert shares.layout.yaxis.tickformat == ".0%"
    assert shares.layout.uirevision != losses.layout.uirevision  # or a zoom into losses would stay
    drawn = {trace.name: trace for trace in shares.data}
    assert {drawn[name].hovertemplate for name in drawn if drawn[name].hovertemplate} == {"%{y:.1%}"}


def test_the_loss_is_named_by_what_it_is() -> None:
    looks = Looks(loss_name="cross-entropy")
    assert figure("loss", LIGHT, looks).layout.yaxis.title.text == "query loss (cross-entropy)"
    assert figure("adaptation", LIGHT, looks).layout.yaxis.title.text == "held-out query loss (cross-entropy)"


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_update_fits_the_figure(info: Any) -> None:
    drawn = chart_of(info).figure(LIGHT, LEVELS)
    for trace, (x, y) in lines(info).items():
        assert trace in drawn.layout.meta["traces"]
        assert x.shape == y.shape
        assert x.dtype == y.dtype == np.float32
        assert x.flags.c_contiguous
        assert y.flags.c_contiguous
        assert not np.isinf(y).any()


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_ranges_are_finite_and_stay_for_the_same_record(info: Any) -> None:
    first = ranges(info)
    for low, high in first.values():
        assert np.isfinite([low, high]).all()
        assert low < high
    assert ranges(info, first) == first


def test_accuracies_always_have_the_same_axis() -> None:
    assert ranges(accuracy_info()) == {"xaxis": [0, 500], "yaxis": [-0.03, 1.03]}
    assert ranges(shares_info())["yaxis"] == [-0.03, 1.03]


@pytest.mark.parametrize("info", [*INFOS, *EMPTY], ids=lambda info: type(info).__name__)
def test_every_record_has_words(info: Any) -> None:
    assert summary(info).endswith(".")
    assert subtitle(info)
    assert "nan" not in summary(info)


def test_the_words_carry_the_numbers() -> None:
    assert summary(loss_info(after=0.5)) == (
        "Loss curves: smoothed training query loss 0.7, held-out loss at outer step 400 before adaptation 3.6, after adaptation 0.5."
    )
    assert subtitle(adaptation_info()) == "After N = 1: MAML 1. Joint 3, random 4."
    more = {**adaptation_info().trajectories, "oracle": trajectory(0.2, 0.2), "scratch": trajectory(1.7, 1.7)}
    both = adaptation_info(trajectories=more)
    assert subtitle(both) == "After N = 1: MAML 1. Joint 3, random 4, oracle 0.2, from scratch 1.7."
    assert summary(both).endswith("an oracle 0.2; training from scratch to convergence 1.7.")
    assert subtitle(path_info()) == "One line a task; this plane holds 83% of it."
    assert subtitle(gauge_info(alpha=0.1, limit=0.2)) == "α is 0.5 × the limit"
    assert subtitle(adaptation_info(algorithm="Reptile")) == "After N = 1: Reptile 1. Joint 3, random 4."
    assert "Reptile 4 before and 1 after" in summary(adaptation_info(algorithm="Reptile"))
    assert subtitle(rates_info()) == "Median 0.015, 1 below 0. Limit: for one common α."
    assert "w0 0.02 0.03 0.04, b0 −0.01 0 0.01" in summary(rates_info())


def test_accuracies_are_said_in_per_cent() -> None:
    assert subtitle(accuracy_info()).startswith("Held-out at outer step 400: 22.5% before, 75% after.")
    assert summary(accuracy_info()) == (
        "Accuracy curves: smoothed training query accuracy 61.2%, held-out accuracy at outer step 400 before adaptation 22.5%, "
        "after adaptation 75%."
    )
    assert subtitle(shares_info()) == "After N = 1: MAML 75%. Random 35%."
    assert subtitle(shares_info(diverged=0.25)) == "After N = 1: 25% of tasks diverged, the loss rose on 30%. Mean 75%."
    lines = shares_info().trajectories
    some = {**lines, "maml": dataclasses.replace(lines["maml"], worse_share=np.array([0.0, 0.3]))}
    said = subtitle(dataclasses.replace(shares_info(), trajectories=some))
    assert said == "After N = 1: MAML 75%. Random 35%. The loss rose on 30% of the tasks."
    assert summary(shares_info()).startswith("Held-out accuracy: MAML 20% before and 75% after 1 inner step;")
