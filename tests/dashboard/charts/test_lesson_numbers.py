"""What a lesson's verdict says of a closer look is what its chart shows."""

from __future__ import annotations

from typing import Any

import numpy as np

from dashboard.charts.all import SHARING
from dashboard.charts.features import features_info
from dashboard.charts.results import Looked, Results
from dashboard.charts.shifts import shifts_info
from dashboard.charts.spectrum import spectrum_info
from maml_core.analysis_records import LayerChanges, Shift, Spectrum
from maml_core.config import RunConfig
from maml_core.lessons.measures import Observed, measured
from maml_core.records import Summary

CONFIG = RunConfig()


def opened(chart: str, found: Any) -> Results:
    looked = Looked(name=SHARING[chart].look, found=found, step=1, config=CONFIG)
    return Results(config=CONFIG, computed=CONFIG, weights_chart=chart, looked=looked)


def test_a_lesson_and_the_chart_say_one_median() -> None:
    rng = np.random.default_rng(0)
    found = LayerChanges(("hidden 1", "head"), rng.uniform(size=(50, 2)), rng.uniform(size=(50, 2)))
    info, said = features_info(opened("features", found)), measured(Observed(config=CONFIG, step=1, found=found))
    assert info is not None
    assert info.similarity[1].tolist() == [said["features.body"], said["features.head"]]
    ends = Spectrum(rng.uniform(size=(10, 3)), rng.uniform(size=(10, 3)))
    largest, said = spectrum_info(opened("spectrum", ends)), measured(Observed(config=CONFIG, step=1, found=ends))
    assert largest is not None
    assert [largest.at_theta_0[1, 0], largest.at_theta_n[1, 0]] == [said["spectrum.start"], said["spectrum.end"]]


def test_a_lesson_and_the_chart_say_how_many_times_as_large_a_loss_outside_the_range_is() -> None:
    def shift(name: str, *median: float) -> Shift:
        line = np.array(median)
        return Shift(name, name, Summary(line, line, line, np.zeros(len(line)), line))

    found = (
        shift("inside", 4.0, 0.18),
        shift("amplitude", 9.0, 1.9),
        shift("phase_rad", 4.0, 0.94),
        shift("x", 4.0, 3.0),
    )
    info, said = shifts_info(opened("shifts", found)), measured(Observed(config=CONFIG, step=1, found=found))
    assert info is not None
    line = SHARING["shifts"].subtitle(info)
    for measure, tasks, loss in (("phase", "phase", "0.94"), ("amplitude", "amplitude", "1.9")):
        assert f"{loss} at {tasks} ({said[f'shifts.{measure}']:.2g} ×)" in line
