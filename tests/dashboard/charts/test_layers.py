"""The layers chart: its columns, its axis, what it answers."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dashboard.charts.layers import LayersInfo, layers_layout
from dashboard.theme import LIGHT
from tests.dashboard.charts.infos import (
    array,
    layers_info,
    named,
    ranges,
    subtitle,
    summary,
)


def test_layers_arrays() -> None:
    drawn = named(layers_info(0.0, 0.5))  # the body stands still
    assert drawn["start (θ<sub>0</sub>)"] == [pytest.approx([1 / 3, 4 / 3]), [0, 0]]
    assert drawn["adapted (θ<sub>N</sub>)"] == [pytest.approx([2 / 3, 5 / 3]), [0, 0.5]]
    np.testing.assert_allclose(drawn["inner steps"], [[1 / 3, 2 / 3, np.nan, 4 / 3, 5 / 3], [0, 0, np.nan, 0, 0.5]])
    np.testing.assert_allclose(drawn["10–90% of tasks"], [[5 / 3, 5 / 3], [0.5, 1.0]])


def test_layers_are_named_under_their_columns() -> None:
    def texts(names: list[str]) -> list[tuple[float, str]]:
        return [(note["x"], note["text"]) for note in layers_layout(names, LIGHT)["annotations"]]

    assert texts(["hidden 1", "head"]) == [(0.5, "hidden 1"), (1.5, "head")]
    assert [name for _, name in texts([*"abcdefg", "head"])] == ["b", "d", "f", "head"]


def test_the_layers_axis_holds_them_and_zero_and_is_calm() -> None:
    first = ranges(layers_info(0.1, 0.5))
    assert first["xaxis"] == [0, 2]
    low, high = first["yaxis"]
    assert low < 0
    assert 1.0 < high < 1.3
    assert ranges(layers_info(0.2, 0.4), first) == first
    assert ranges(layers_info(0.1, 0.9), first)["yaxis"][1] > 1.8
    assert ranges(layers_info(0.01, 0.05), first)["yaxis"][1] < 0.2


def test_a_few_diverging_tasks_do_not_hide_how_the_layers_move() -> None:
    info = layers_info(0.1, 0.5)
    diverging = dataclasses.replace(info, high=array([0.0, 0.0], [1e6, np.inf]))
    assert ranges(diverging)["yaxis"][1] < 3.0


@pytest.mark.parametrize(
    ("far", "words"),
    [
        ((0.01, 0.02, 0.03, 0.25), "The head moves 12 × as far as the body."),
        ((0.1, 0.15), "The head moves 1.5 × as far as the body."),
        ((0.1, 0.102), "The head moves as far as the body."),
        ((0.4, 0.1), "The body moves 4 × as far as the head."),
        ((0.05, 0.1, 0.4, 0.1), "The head moves as far as the body's median layer."),
        ((0.0, 0.0, 0.3), "Only the head moves."),
        ((0.0, 0.2, 0.0, 0.3), "Some layers do not move."),
        ((0.0, 0.0), "No layer moves."),
        ((np.inf, 0.3), "The inner steps diverge."),
        ((0.25,), "There is only a head; it moves by 0.25 of its length."),
    ],
)
def test_the_layers_answer_whether_the_body_changes(far: tuple[float, ...], words: str) -> None:
    assert subtitle(layers_info(*far)) == words


def test_without_inner_steps_no_layer_moves() -> None:
    still = np.zeros((1, 2))
    info = LayersInfo(names=("hidden 1", "head"), low=still, median=still, high=still)
    assert subtitle(info) == "With N = 0 no layer moves."
    assert "hidden 1 0, head 0." in summary(info)
