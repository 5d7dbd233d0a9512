"""Figures by the names of their traces and axes; their numbers exactly."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from dashboard.charts import maps
from dashboard.charts.sweep_basics import MapLooks, map_looks
from dashboard.sweeps.info import LanesInfo, MapInfo, View, lanes_info, map_info, setting_info
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.space import SweepConfig
from tests.dashboard.sweeps.results import ALPHA, BETA, grid, result, sweep
from tests.dashboard.sweeps.test_info import OF_ALPHA_BETA

TRACES = [
    "held-out loss (MSE)",
    "diverged, cell",
    "pruned, cell",
    "diverged",
    "still training",
    "α = 2/λ<sub>max</sub>",
    "best",
    "settings",
    "selected",
    "pinned",
]
PROFILE = View(x="alpha", y=None, color="alpha")


def drawn(of: SweepConfig, view: View, *results: object) -> tuple[MapInfo, LanesInfo]:
    known = results or grid(of)
    settings = [setting_info(one, of, view.metric) for one in known]  # type: ignore[arg-type]
    return map_info(settings, of, view, known), lanes_info(known, of, view)  # type: ignore[arg-type]


def looks_of(of: SweepConfig, view: View) -> MapLooks:
    return map_looks(*drawn(of, view), "MSE")


MAP = looks_of(sweep(), OF_ALPHA_BETA)


class TestLooks:
    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    def test_the_map(self, palette: Palette):
        figure = maps.map_figure(palette, MAP)
        assert [trace.name for trace in figure.data] == TRACES
        assert [trace.type for trace in figure.data[:3]] == ["heatmap"] * 3
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "α (inner step size)",
            "β (outer step size)",
        )
        assert figure.layout.coloraxis.colorbar.title.text == "held-out loss (MSE)"

    def test_diverged_is_no_colour_of_the_scale(self):
        for palette in (LIGHT, DARK):
            figure = maps.map_figure(palette, MAP)
            scale = {color for _, color in figure.layout.coloraxis.colorscale}
            assert figure.data[maps.DIVERGED].colorscale[0][1] == palette.unstable
            assert palette.unstable not in scale

    def test_its_class_stands_in_the_legend_with_a_mark_of_its_own(self):
        legend = [trace for trace in maps.map_figure(LIGHT, MAP).data if trace.showlegend is not False]
        assert [trace.name for trace in legend] == ["diverged", "still training", "α = 2/λ<sub>max</sub>", "best"]
        assert legend[0].marker.symbol == "x-thin"

    def test_a_profile_shows_the_result_upwards(self):
        figure = maps.map_figure(LIGHT, looks_of(sweep(ALPHA), PROFILE))
        assert [trace.name for trace in figure.data] == TRACES
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "α (inner step size)",
            "held-out loss (MSE)",
        )
        assert figure.layout.yaxis.type == "log"

    def test_drawn_settings_are_points(self):
        figure = maps.map_figure(LIGHT, dataclasses.replace(MAP, is_grid=False))
        assert [trace.type for trace in figure.data] == ["scatter"] * 10

    def test_the_better_stands_out_from_the_page(self):
        loss, accuracy = (
            maps.map_figure(LIGHT, dataclasses.replace(MAP, metric=metric)).layout.coloraxis.colorscale
            for metric in ("loss", "accuracy")
        )
        assert (loss[0][1], accuracy[-1][1]) == (LIGHT.best_to_worst[0], LIGHT.best_to_worst[0])

    def test_all_are_plain_json(self):
        assert json.dumps(maps.sweep_figures(MAP))


class TestNumbers:
    def numbers(
        self, *results: object, of: SweepConfig | None = None, view: View = OF_ALPHA_BETA
    ) -> dict[tuple[int, str], list[float]]:
        info, _ = drawn(of or sweep(), view, *results)
        return {(trace, what): values.tolist() for trace, what, values in maps.map_update(info, maps.map_ranges(info))}

    def test_cells_stand_row_by_row(self):
        found = self.numbers(*grid(sweep(), s2={"status": "diverged"}, s4={"status": "pruned"}))
        nan = math.nan
        # Rows are beta, columns alpha; settings count along beta first.
        expected = [[1.0, 4.0], [2.0, nan], [nan, 6.0]]
        np.testing.assert_allclose(np.reshape(found[0, "z"], (3, 2)), np.log10(expected), rtol=1e-6)
        np.testing.assert_array_equal(np.reshape(found[1, "z"], (3, 2)), [[nan, nan], [nan, nan], [1.0, nan]])
        np.testing.assert_array_equal(np.reshape(found[2, "z"], (3, 2)), [[nan, nan], [nan, 1.0], [nan, nan]])
        assert (found[maps.MARKED, "x"], found[maps.MARKED, "y"]) == ([-2.0], [-1.0])
        assert (found[maps.BEST, "x"], found[maps.BEST, "y"]) == ([-2.0], [-3.0])

    def test_every_setting_can_be_pointed_at(self):
        found = self.numbers()
        assert found[maps.SETTINGS, "customdata"] == [0, 1, 2, 3, 4, 5]
        assert found[maps.SETTINGS, "x"] == [-2, -2, -2, -1, -1, -1]

    def test_what_trains_is_marked_so(self):
        one = dataclasses.replace(result(0, {"alpha": 0.1, "beta": 0.01}, "running"), value=3.0)
        found = self.numbers(one)
        assert (found[maps.TRAINING, "x"], found[maps.BEST, "x"]) == ([-1.0], [])

    def test_drawn_points_have_their_colours(self):
        of = sweep(Axis(name="alpha", low=0.01, high=1.0, log=True), BETA, sampler="random", num_settings=2)
        results = (
            result(0, {"alpha": 0.1, "beta": 0.1}, loss=10.0),
            result(1, {"alpha": 1.0, "beta": 0.01}, "diverged"),
        )
        found = self.numbers(*results, of=of)
        assert (found[0, "x"], found[0, "y"], found[0, "marker.color"]) == ([-1.0], [-1.0], [1.0])
        assert (found[1, "x"], found[1, "y"]) == ([0.0], [-2.0])

    def test_a_profile_puts_what_diverged_on_its_upper_edge(self):
        of = sweep(ALPHA)
        results = grid(of, s1={"status": "diverged"})
        found = self.numbers(*results, of=of, view=PROFILE)
        assert (found[0, "x"], found[0, "y"], found[0, "error_y.array"]) == ([-2.0], [1.0], [pytest.approx(0.1)])
        info, _ = drawn(of, PROFILE, *results)
        low, high = maps.map_ranges(info)["yaxis"]
        assert low < math.log10(found[maps.MARKED, "y"][0]) < high
        assert math.log10(found[maps.MARKED, "y"][0]) > low + 0.9 * (high - low)


def test_the_map_in_a_sentence() -> None:
    info, _ = drawn(sweep(), OF_ALPHA_BETA, *grid(sweep(), s5={"status": "diverged"}))
    assert maps.map_summary(info) == (
        "Map of α (inner step size) against β (outer step size): 5 of 6 settings finished, 1 diverged. "
        "Best so far: 1 at alpha 0.01, beta 0.001."
    )


@pytest.mark.parametrize("view", [OF_ALPHA_BETA, View(x="alpha", y=None)])
def test_a_sampler_that_has_drawn_nothing_yet_has_an_empty_map(view: View) -> None:
    drawn_from = (Axis(name="alpha", low=0.01, high=0.1, log=True), Axis(name="beta", low=0.001, high=0.01))
    of = sweep(*drawn_from, sampler="sobol", num_settings=4)
    seen = map_info([], of, view, ())
    assert map_looks(seen, lanes_info((), of, view), "MSE")
    assert maps.map_ranges(seen)["xaxis"] == [-0.5, 0.5]
    assert all(len(values) == 0 for trace, _, values in maps.map_update(seen, maps.map_ranges(seen)) if trace == 7)
