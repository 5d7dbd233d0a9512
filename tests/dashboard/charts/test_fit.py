"""The chart of one task: its numbers, its axes, its words."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from dashboard.charts.fit import FitInfo
from dashboard.theme import LIGHT
from tests.dashboard.charts.infos import (
    LEVELS,
    figure,
    fit_info,
    named,
    ranges,
    subtitle,
    summary,
)


def test_the_fit_chart_takes_its_axes_from_the_levels() -> None:
    drawn = figure("fit", LIGHT, dataclasses.replace(LEVELS, x_range=(-1.0, 2.0), y_range=(-3.0, 4.0)))
    assert (drawn.layout.xaxis.range, drawn.layout.yaxis.range) == ((-1.0, 2.0), (-3.0, 4.0))


def test_fit_arrays() -> None:
    drawn = named(fit_info(n=3))
    assert drawn["before adapting (θ<sub>0</sub>)"][1] == [0, 0, 0, 0]
    assert drawn["after N steps (θ<sub>N</sub>)"][1] == [3, 3, 3, 3]
    assert "at k (θ<sub>k</sub>)" not in drawn
    assert drawn["examples (support)"] == [[1, 2], [3, 4]]
    np.testing.assert_array_equal(drawn["between"][1], [1, 1, 1, 1, np.nan, 2, 2, 2, 2])


@pytest.mark.parametrize("n", [0, 1])
def test_no_steps_between(n: int) -> None:
    assert named(fit_info(n=n))["between"] == [[], []]


def test_only_some_of_many_steps_between_are_drawn() -> None:
    info = dataclasses.replace(fit_info(), curves=np.arange(21)[:, None] + np.zeros(4), num_inner_steps=20)
    values = np.array(named(info)["between"][1])
    picked = np.unique(values[~np.isnan(values)])
    assert len(picked) == 8
    assert (picked[0], picked[-1]) == (1, 19)


@pytest.mark.parametrize(
    ("reach", "top"), [(0.9, 1.0), (1.0, 1.0), (1.3, 2.0), (4.9, 5.0), (8.0, 10.0), (0.03, 0.05), (0.0, 1.0 / 1.1)]
)
def test_a_task_of_a_family_without_a_largest_one_is_drawn_as_far_as_it_goes(reach: float, top: float) -> None:
    info = fit_info()
    own = dataclasses.replace(
        info, own_axis=True, truth=info.truth * 0.0 + reach, support_y=info.support_y * 0, query_y=info.query_y * 0
    )
    assert ranges(own)["yaxis"] == pytest.approx([-1.1 * top, 1.1 * top])
    assert ranges(info) == {"xaxis": [-5.0, 5.0], "yaxis": [-5.5, 5.5]}


def own(**changes: Any) -> FitInfo:
    """Points of somebody's own: nobody knows the truth, and none is held back."""
    none = np.zeros(0)
    return dataclasses.replace(
        fit_info(n=3), **{"is_own": True, "truth": none, "query_x": none, "query_y": none, **changes}
    )


def test_points_of_ones_own_are_drawn_without_a_truth_within_axes_that_hold_them() -> None:
    drawn = named(own())
    assert drawn["truth"] == drawn["test points (query)"] == [[], []]
    assert drawn["examples (support)"] == [[1, 2], [3, 4]]
    assert ranges(own()) == {"xaxis": [-5.0, 5.0], "yaxis": [-5.5, 5.5]}
    far = ranges(own(support_x=np.array([-12.0, 2.0]), query_x=np.array([3.0]), query_y=np.array([20.0])))
    assert far["xaxis"] == [pytest.approx(-12.0 - 0.04 * 17.0), 5.0]
    assert far["yaxis"] == [-5.5, pytest.approx(20.0 + 0.04 * 25.5)]
    wide = own(family_axes=((-1.0, 1.0), (-0.5, 0.5)), own_axis=True)
    assert ranges(wide)["yaxis"] == [-5.5, 5.5]  # 5 holds the largest y, 4


def test_of_points_of_ones_own_only_what_is_measured_is_said() -> None:
    assert subtitle(own()) == "3 inner steps on your 2 points bend the start (θ_0) onto them."
    assert subtitle(own(outside="Outside of training: x reaches 12.")).endswith(
        "onto them. Outside of training: x reaches 12."
    )
    one = own(support_x=np.array([1.0]), support_y=np.array([3.0]), num_inner_steps=1)
    assert subtitle(one) == "1 inner step on your point brings the start nearer to it."
    assert "support loss 1 before adaptation, 0.25 after 3 inner steps" in summary(own())
    assert "query" not in summary(own())
    held_back = own(query_x=np.array([5.0]), query_y=np.array([6.0]))
    assert "points of your own: query loss 2 before adaptation, 0.5 after" in summary(held_back)


def test_steps_that_help_nothing_are_not_praised() -> None:
    assert subtitle(fit_info(n=3)) == "3 inner steps on 2 examples bend the start (θ_0) onto it."
    assert subtitle(fit_info(n=1)) == "1 inner step on 2 examples brings the start nearer to it."
    before_training = dataclasses.replace(fit_info(n=3), query_loss=np.array([5.35, 4.9, 4.2, 3.72]))
    assert subtitle(before_training) == "3 inner steps on 2 examples bring the start nearer to it."
    for last in (3.0, np.nan, np.inf):
        worse = dataclasses.replace(fit_info(n=5), query_loss=np.array([2.0, 1.0, 1.0, 1.0, 1.0, last]))
        expected = "5 inner steps on 2 examples bring the start no nearer to it."
        assert subtitle(worse) == expected
    worse = own(support_loss=np.array([1.0, 1.0, 1.0, 2.0, 0.0, 0.0]))
    assert subtitle(worse) == "3 inner steps on your 2 points bring the start no nearer to them."


def test_a_dead_theta_n_is_named():
    grid = np.linspace(-5.0, 5.0, 5)
    flat = FitInfo(
        grid=grid,
        truth=np.sin(grid),
        curves=np.zeros((3, 5)),
        support_x=grid[:2],
        support_y=grid[:2],
        query_x=grid[:2],
        query_y=grid[:2],
        support_loss=np.ones(3),
        query_loss=np.ones(3),
        num_inner_steps=2,
        dead=True,
    )
    assert "dead" in subtitle(flat)
    assert "dead" not in subtitle(dataclasses.replace(flat, dead=False))
