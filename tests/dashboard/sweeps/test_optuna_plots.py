"""Optuna's plots of a sweep's settings: what they are of, and that each can be drawn."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dashboard.charts.optuna_plots import OptunaPlot, objective, optuna_figure, study_of, why_not
from dashboard.theme import DARK, LIGHT
from maml_core.config import ConvConfig, GlyphsConfig, replace
from maml_core.sweeps.axes import Axis
from tests.dashboard.sweeps.results import TINY, grid, result, sweep

IMAGES = replace(TINY, {"tasks": GlyphsConfig(ways=2), "model": ConvConfig(num_filters=4, num_layers=1)})


def test_a_trial_for_each_finished_setting_with_the_logarithm_of_its_loss() -> None:
    of = sweep()
    results = grid(of, s1={"status": "running"}, s2={"status": "pruned"}, s3={"status": "diverged", "loss": 1000.0})
    trials = study_of(results, of).get_trials()
    assert [trial.user_attrs["setting"] for trial in trials] == [0, 3, 4, 5]
    assert [trial.value for trial in trials] == pytest.approx([0.0, 3.0, 0.69897, 0.77815], abs=1e-5)
    assert objective(of) == "log<sub>10</sub> held-out loss"


def test_a_loss_of_nothing_is_drawn_too() -> None:
    of = sweep()
    found = study_of([result(0, {"alpha": 0.01, "beta": 0.001}, loss=0.0)], of).get_trials()
    assert found[0].value == -12.0


def test_an_accuracy_stands_as_it_is() -> None:
    of = sweep(base=IMAGES)
    found = study_of([result(0, {"alpha": 0.01, "beta": 0.001}, loss=0.7)], of)
    assert found.get_trials()[0].value == 0.7
    assert found.direction.name == "MAXIMIZE"
    assert objective(of) == "held-out accuracy"


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("plot", get_args(OptunaPlot))
def test_each_plot_is_drawn_of_the_axes_that_vary(plot: OptunaPlot, palette: Any) -> None:
    of = sweep(Axis(name="alpha", values=(0.01, 0.1), log=True), Axis(name="algorithm", values=("maml", "anil")))
    study = study_of(grid(of), of)
    assert why_not(plot, study) == ""
    drawn = optuna_figure(plot, study, palette, objective(of))
    assert len(drawn.data) > 0
    text = drawn.to_json()
    assert "algorithm" in text
    assert "\\u03b1" in text or "α" in text


def test_too_few_settings_are_a_sentence() -> None:
    of = sweep()
    study = study_of(grid(of)[:3], of)
    assert why_not("importance", study).startswith("Optuna's plots need at least 4 finished settings; 3")


def test_a_contour_needs_two_axes_that_vary() -> None:
    of = sweep()
    same = [
        one
        for one in grid(sweep(of.axes[0], Axis(name="beta", values=(0.001, 0.002, 0.003, 0.004))))
        if one.values["alpha"] == 0.01
    ]
    study = study_of(same, of)
    assert why_not("contour", study) == "A contour plot needs two axes that vary among these settings."
    assert why_not("slice", study) == ""
