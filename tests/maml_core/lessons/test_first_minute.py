"""What ships with the page's first minute is what the engine makes of the runs in assets/ today, and shows what is said of it."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from dashboard.server.routes import WEB
from maml_core.lessons.first_minute import NUM_CHARACTERS, NUM_CURVES, ORDINARY_ALPHAS, characters, two_starts

ROUNDING = 2e-3


def shipped(name: str) -> Any:
    return json.loads((WEB / "opening" / f"{name}.json").read_text(encoding="utf-8"))


def hold_equal(found: Any, expected: Any, tolerance: float = ROUNDING) -> None:
    """Plain values of the same shape, numbers equal to rounding."""
    if isinstance(expected, dict):
        assert found.keys() == expected.keys()
        for key in expected:
            hold_equal(found[key], expected[key], tolerance)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            hold_equal(one, other, tolerance)
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, abs=tolerance)
    else:
        assert found == expected


@pytest.fixture(scope="module")
def curves() -> Any:
    return two_starts()


def test_the_curves_are_what_the_engine_computes(curves: Any) -> None:
    hold_equal(curves, shipped("curves"))
    assert len(curves["tasks"]) == NUM_CURVES


def test_the_characters_are_what_the_engine_computes() -> None:
    found = characters()
    hold_equal(found, shipped("characters"))
    assert len(found["tasks"]) == NUM_CHARACTERS


def test_three_steps_are_enough_from_one_start_and_not_from_the_other(curves: Any) -> None:
    off = {name: np.array([task[name]["off"] for task in curves["tasks"]]) for name in ("ordinary", "maml")}
    assert off["maml"].shape == (NUM_CURVES, 4)
    assert off["maml"][:, -1].mean() < 0.5 * off["maml"][:, 0].mean()
    assert off["maml"][:, -1].mean() < 0.5 * off["ordinary"][:, -1].mean()


def test_both_start_from_the_same_points_and_the_ordinary_one_takes_the_steps_that_are_best_for_it(curves: Any) -> None:
    assert (
        curves["alpha"]["ordinary"] in ORDINARY_ALPHAS[1:-1]
    )  # neither end of the range: a longer or a shorter step would be worse
    for task in curves["tasks"]:
        assert len(task["x"]) == len(task["y"]) == 5
        truth = np.interp(task["x"], curves["grid"], task["truth"])
        assert np.abs(truth - task["y"]).max() < 0.05


def test_an_off_is_the_distance_of_the_curve_beside_it() -> None:
    for task in shipped("curves")["tasks"]:
        for name in ("ordinary", "maml"):
            again = np.sqrt(np.mean((np.array(task[name]["curves"]) - task["truth"]) ** 2, axis=1))
            assert again == pytest.approx(task[name]["off"], abs=ROUNDING)


def test_the_right_answers_follow_no_order_and_the_network_finds_most_after_its_step() -> None:
    tasks = shipped("characters")["tasks"]
    right = [task["right"] for task in tasks]
    assert len(set(right)) >= 4
    steps = np.diff(right) % 5
    assert len(set(steps.tolist())) > 2
    named = {when: np.mean([np.argmax(task[when]) == task["right"] for task in tasks]) for when in ("before", "after")}
    assert named["before"] < 0.5
    assert named["after"] > 0.8
