"""The chart of inner paths: its numbers, its plane, its words."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dashboard.charts.path import PathInfo
from dashboard.charts.path import path_info as info_of
from dashboard.charts.results import Now, Results
from dashboard.live.chart_data import results
from maml_core.config import RunConfig, replace
from maml_core.records import InnerPaths, Plane, TaskFit
from tests.dashboard.charts.infos import (
    named,
    path_info,
    ranges,
    subtitle,
    summary,
)
from tests.dashboard.live.driver import TINY, Driver


def test_path_arrays() -> None:
    drawn = named(path_info())
    np.testing.assert_array_equal(drawn["inner steps"], [[1, 2, np.nan, 1, 1], [1, 1, np.nan, 1, 3]])
    assert drawn["adapted (θ<sub>N</sub>)"] == [[2, 1], [1, 3]]
    assert drawn["start (θ<sub>0</sub>)"] == [[1], [1]]


def test_the_way_on_points_of_ones_own_is_drawn_within_the_axes() -> None:
    assert named(path_info())["your points"] == [[], []]
    info = dataclasses.replace(path_info(), own=np.array([[1.0, 1.0], [2.0, -4.0]]))
    assert named(info)["your points"] == [[1, 2], [1, -4]]
    (low, _), (bottom, _) = ranges(info).values()
    assert bottom < -4.0
    assert low < 0.0


@pytest.mark.parametrize("far", [np.inf, -np.inf, np.nan, 3e38], ids=str)
def test_a_way_on_points_of_ones_own_that_leaves_the_numbers_ends_there(far: float) -> None:
    plane = Plane(np.zeros(3, np.float32), np.array([[0.8, 0.6, 0.0], [-0.6, 0.8, 0.0]], np.float32))
    theta_0 = np.array([1.0, 2.0, 5.0], np.float32)
    paths = InnerPaths(np.array([[[1, 2], [2, 2]]], np.float32), theta_0, plane, 0.9)
    config = RunConfig()
    driver = Driver(replace(TINY, {"num_inner_steps": 1})).opened()
    fit = results(driver.run, driver.viewer).fit
    assert isinstance(fit, TaskFit)
    fit = fit._replace(parameters=np.zeros(0), path=np.array([theta_0, [far, far, 0.0]], np.float32))
    info = info_of(Results(config=config, computed=config, weights_chart="path", paths=paths, plane=plane, fit=fit))
    assert info is not None
    assert info.own is not None
    np.testing.assert_allclose(info.own[0], [2.0, 1.0])
    assert np.isfinite(info.own[1]).all() == np.isfinite(far)


@pytest.mark.parametrize("travels", [False, True])
def test_where_no_look_at_now_has_been_at_the_paths_theta_0_stands_where_they_begin(travels: bool) -> None:
    """Another chart stood in their place from the beginning on, and then somebody travelled, or took a step apart."""
    plane = Plane(np.zeros(3, np.float32), np.eye(2, 3, dtype=np.float32))
    theta_0 = np.array([1.0, 2.0, 5.0], np.float32)
    paths = InnerPaths(np.array([[[1, 2], [2, 2]], [[1, 2], [1, 3]]], np.float32), theta_0, plane, 0.9)
    config = RunConfig()
    now = Now(num_inner_steps=1) if travels else None
    of = Results(config=config, computed=config, weights_chart="path", paths=paths, plane=plane, now=now)
    info = info_of(of)
    assert info is not None
    drawn = named(info)
    assert drawn["start (θ<sub>0</sub>)"] == [[1], [2]]
    assert drawn["start (θ<sub>0</sub>), now"] == [[], []]
    assert drawn["trail"] == ([[], []] if travels else [[1], [2]])


def test_the_plane_keeps_until_the_paths_leave_it_or_shrink() -> None:
    first = ranges(path_info())
    spans = [high - low for low, high in first.values()]
    assert spans[0] == pytest.approx(spans[1])
    assert ranges(path_info(1.1), first) == first
    assert ranges(path_info(3.0), first) != first
    assert ranges(path_info(0.1), first) != first


def test_one_exploding_path_does_not_hide_the_others() -> None:
    info = path_info()
    exploded = np.concatenate([info.paths, [[[1.0, 1.0], [1e6, 1e6]]]])
    (low, high), _ = ranges(dataclasses.replace(info, paths=exploded)).values()
    assert high - low < 50


def test_a_short_trail_does_not_hide_the_inner_steps() -> None:
    paths = np.array([[[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [0.0, -1.0]]])
    trail = np.linspace(0.01, 0.0, 50)[:, None] * np.ones(2)
    (left, right), (bottom, top) = ranges(PathInfo(paths=paths, trail=trail, explained=1.0)).values()
    assert left < 0
    assert right > 1
    assert bottom < -1
    assert top > 0


def test_a_plane_that_shows_little_says_so() -> None:
    assert subtitle(dataclasses.replace(path_info(), explained=0.14)) == "Only 14% of the movement lies in this plane."
    assert subtitle(dataclasses.replace(path_info(), explained=0.5)) == "One line a task; this plane holds 50% of it."


def test_without_inner_steps_there_is_no_path_and_no_share_of_it() -> None:
    still = dataclasses.replace(path_info(), paths=np.ones((2, 1, 2)), explained=1.0)
    assert subtitle(still) == "With N = 0 there is no path."
    assert summary(still) == "With N = 0 there is no path: 2 tasks stay at θ_0."
