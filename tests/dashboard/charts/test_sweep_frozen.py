"""The frozen map by the names of its traces and axes; its numbers exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dashboard.charts.sweep_frozen import FROZEN, FrozenLooks, frozen_info
from dashboard.theme import DARK
from tests.dashboard.sweeps.test_info import frozen


def test_its_looks() -> None:
    figure = FROZEN.figure(DARK, FrozenLooks("accuracy", "cross-entropy", 10))
    assert [trace.name for trace in figure.data] == [
        "held-out accuracy",
        "diverged, cell",
        "diverged",
        "α = 2/λ<sub>max</sub>, casing",
        "α = 2/λ<sub>max</sub>",
        "cells",
    ]
    assert figure.layout.yaxis.title.text == "N<sub>eval</sub> (inner steps at test)"


def test_it_is_plain_json() -> None:
    assert json.dumps(FROZEN.figures(FrozenLooks("loss", "MSE", 10)))


def test_its_numbers() -> None:
    found = {(t, what): values.tolist() for t, what, values in FROZEN.update(frozen_info(frozen(), "loss", "A"), {})}
    figure = FROZEN.figure(DARK, FrozenLooks("loss", "MSE", 10))
    assert {trace for trace, _ in found} == set(figure.layout.meta["traces"])
    assert found["value", "x"] == [-2.5, -1.5, -0.5, 0.5]
    assert found["value", "y"] == [-0.5, 0.5, 1.5]
    assert found["value", "z"][:4] == pytest.approx(np.log10([4.0, 4.0, 4.0, 3.0]))
    assert (found["diverged", "x"], found["diverged", "y"]) == ([-1.0, 0.0], [1.0, 1.0])
    for trace in ("casing", "limit"):
        assert (found[trace, "x"], found[trace, "y"]) == ([-1.0, -1.0], [-0.5, 1.5])
