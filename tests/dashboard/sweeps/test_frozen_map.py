"""The frozen map by the names of its traces and axes; its numbers exactly."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dashboard.charts import frozen_map
from dashboard.sweeps.info import frozen_info
from dashboard.theme import DARK
from tests.dashboard.sweeps.test_info import frozen


def test_its_looks() -> None:
    figure = frozen_map.frozen_figure(DARK, "accuracy", "cross-entropy", 10)
    assert [trace.name for trace in figure.data] == [
        "held-out accuracy",
        "diverged, cell",
        "diverged",
        "α = 2/λ<sub>max</sub>",
        "cells",
    ]
    assert figure.layout.yaxis.title.text == "N_eval (inner steps at test)"


def test_it_is_plain_json() -> None:
    assert json.dumps(frozen_map.frozen_figures("loss", "MSE", 10))


def test_its_numbers() -> None:
    found = {
        (t, what): values.tolist() for t, what, values in frozen_map.frozen_update(frozen_info(frozen(), "loss", "A"))
    }
    assert found[0, "x"] == [-2.5, -1.5, -0.5, 0.5]
    assert found[0, "y"] == [-0.5, 0.5, 1.5]
    assert found[0, "z"][:4] == pytest.approx(np.log10([4.0, 4.0, 4.0, 3.0]))
    assert (found[2, "x"], found[2, "y"]) == ([-1.0, 0.0], [1.0, 1.0])
    assert (found[3, "x"], found[3, "y"]) == ([-1.0, -1.0], [-0.5, 1.5])
