"""Figures by the names of their traces and axes; their numbers exactly."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.charts import sweep_map
from dashboard.charts.results import Metric
from dashboard.charts.style import ONCE_THERE
from dashboard.charts.sweep_curves import LANES, LanesInfo, LanesLooks, lanes_info
from dashboard.charts.sweep_frozen import FROZEN, FrozenLooks
from dashboard.charts.sweep_map import MAP, MapLooks
from dashboard.charts.sweep_places import MapInfo, map_info
from dashboard.charts.sweep_settings import View, setting_info
from dashboard.theme import DARK, LIGHT, Palette
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from tests.dashboard.sweeps.results import ALPHA, BETA, grid, result, sweep
from tests.dashboard.sweeps.test_info import OF_ALPHA_BETA
from tests.dashboard.test_theme import luminance

TRACES = [
    "held-out loss (MSE)",
    "diverged, cell",
    "pruned, cell",
    "diverged",
    "unfinished",
    "α = 2/λ<sub>max</sub>, casing",
    "α = 2/λ<sub>max</sub>",
    "best",
    "settings",
    "selected",
    "pinned",
    "left out",
    "pruned",
    "not begun",
]
PROFILE = View(x="alpha", y=None, color="alpha")


def _cell_colour(trace: Any) -> str:
    return trace.colorscale[0][1] if trace.type == "heatmap" else trace.marker.color


def _drawn(axis: Axis) -> Axis:
    return Axis(name=axis.name, low=axis.values[0], high=axis.values[-1], log=True)  # type: ignore[arg-type]


def drawn(of: SweepConfig, view: View, *results: object) -> tuple[MapInfo, LanesInfo]:
    known = results or grid(of)
    settings = [setting_info(one, of, view.metric) for one in known]  # type: ignore[arg-type]
    return map_info(settings, of, view, known), lanes_info(known, of, view)  # type: ignore[arg-type]


def looks_of(of: SweepConfig, view: View) -> MapLooks:
    return MAP.looks(drawn(of, view)[0], "MSE")


def lanes_looks_of(of: SweepConfig, view: View) -> LanesLooks:
    return LANES.looks(drawn(of, view)[1], "MSE")


def figures_of(of: SweepConfig, view: View, *results: object) -> dict[str, dict[str, Any]]:
    """The figures of the map and of its curves, as the page gets them."""
    seen, lanes = drawn(of, view, *results)
    drawn_map, curves = MAP.figures(MAP.looks(seen, "MSE")), LANES.figures(LANES.looks(lanes, "MSE"))
    return {palette: drawn_map[palette] | curves[palette] for palette in drawn_map}


def trace(figure: go.Figure, name: str) -> Any:
    """A trace of a figure by its name for the page."""
    return figure.data[figure.layout.meta["traces"].index(name)]


MAP_LOOKS = looks_of(sweep(), OF_ALPHA_BETA)


class TestLooks:
    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    def test_the_map(self, palette: Palette):
        figure = MAP.figure(palette, MAP_LOOKS)
        assert [trace.name for trace in figure.data] == TRACES
        assert [trace.type for trace in figure.data[:3]] == ["heatmap"] * 3
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "α (inner step size)",
            "β (outer step size)",
        )
        assert figure.layout.coloraxis.colorbar.title.text == "worse ← held-out loss (MSE) → better (dark)"

    def test_diverged_is_no_colour_of_the_scale(self):
        for palette in (LIGHT, DARK):
            figure = MAP.figure(palette, MAP_LOOKS)
            scale = {color for _, color in figure.layout.coloraxis.colorscale}
            assert trace(figure, sweep_map.DIVERGED).colorscale[0][1] == palette.unstable
            assert palette.unstable not in scale

    @pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
    @pytest.mark.parametrize("is_grid", [True, False])
    @pytest.mark.parametrize("y", ["β (outer step size)", ""])
    def test_every_class_has_its_mark_in_the_legend_while_there_is_one(self, y: str, is_grid: bool, palette: Palette):
        figure = MAP.figure(palette, dataclasses.replace(MAP_LOOKS, y=y, is_grid=is_grid))
        legend = {trace.name: trace for trace in figure.data if trace.showlegend is not False}
        assert list(legend) == [
            "diverged",
            "unfinished",
            "α = 2/λ<sub>max</sub>",
            "best",
            "left out",
            "pruned",
            "not begun",
        ]
        assert {trace.meta for trace in legend.values()} == {ONCE_THERE}
        marks = [trace.marker.symbol for name, trace in legend.items() if "markers" in trace.mode]
        assert len(marks) == len(set(marks)) == 6
        # The marks of classes that colour their cells lie on that colour in the legend too.
        assert legend["pruned"].fillcolor == _cell_colour(trace(figure, sweep_map.PRUNED))
        assert legend["diverged"].fillcolor == _cell_colour(trace(figure, sweep_map.DIVERGED))

    def test_a_profile_shows_the_result_upwards(self):
        figure = MAP.figure(LIGHT, looks_of(sweep(ALPHA), PROFILE))
        assert [trace.name for trace in figure.data] == TRACES
        assert (figure.layout.xaxis.title.text, figure.layout.yaxis.title.text) == (
            "α (inner step size)",
            "held-out loss (MSE)",
        )
        assert figure.layout.yaxis.type == "log"

    def test_drawn_settings_are_points(self):
        figure = MAP.figure(LIGHT, dataclasses.replace(MAP_LOOKS, is_grid=False))
        assert [trace.type for trace in figure.data] == ["scatter"] * len(TRACES)

    @pytest.mark.parametrize("metric", ["loss", "accuracy"])
    def test_a_colour_means_the_same_on_a_light_and_on_a_dark_page(self, metric: Metric):
        looks = dataclasses.replace(MAP_LOOKS, metric=metric)
        of_maps = [MAP.figure(palette, looks).layout.coloraxis for palette in (LIGHT, DARK)]
        of_frozen = [
            FROZEN.figure(palette, FrozenLooks(metric, "MSE", 8)).layout.coloraxis for palette in (LIGHT, DARK)
        ]
        for light, dark in (of_maps, of_frozen):
            assert light.colorscale == dark.colorscale
            assert light.colorbar.title.text == dark.colorbar.title.text
        # The bar's words and its colours agree: the best end is the dark one. Its title is read from the top of the scale down.
        best, worst = (0, -1) if metric == "loss" else (-1, 0)
        scale = of_maps[0].colorscale
        assert luminance(scale[best][1]) < 0.2 * luminance(scale[worst][1])
        left, right = of_maps[0].colorbar.title.text.split(" ← ")[0], of_maps[0].colorbar.title.text.split(" → ")[1]
        assert (left, right) == (("worse", "better (dark)") if metric == "loss" else ("better (dark)", "worse"))

    def test_all_are_plain_json(self):
        assert json.dumps(figures_of(sweep(), OF_ALPHA_BETA))


class TestNumbers:
    def numbers(
        self, *results: object, of: SweepConfig | None = None, view: View = OF_ALPHA_BETA
    ) -> dict[tuple[str, str], list[float]]:
        info, _ = drawn(of or sweep(), view, *results)
        return {(trace, what): values.tolist() for trace, what, values in MAP.update(info, MAP.ranges(info, None))}

    def test_cells_stand_row_by_row(self):
        found = self.numbers(*grid(sweep(), s2={"status": "diverged"}, s4={"status": "pruned"}))
        nan = math.nan
        # Rows are beta, columns alpha; settings count along beta first.
        expected = [[1.0, 4.0], [2.0, nan], [nan, 6.0]]
        np.testing.assert_allclose(np.reshape(found[sweep_map.VALUE, "z"], (3, 2)), np.log10(expected), rtol=1e-6)
        np.testing.assert_array_equal(
            np.reshape(found[sweep_map.DIVERGED, "z"], (3, 2)), [[nan, nan], [nan, nan], [1.0, nan]]
        )
        np.testing.assert_array_equal(
            np.reshape(found[sweep_map.PRUNED, "z"], (3, 2)), [[nan, nan], [nan, 1.0], [nan, nan]]
        )
        assert (found[sweep_map.MARKED, "x"], found[sweep_map.MARKED, "y"]) == ([-2.0], [-1.0])
        assert (found[sweep_map.BEST, "x"], found[sweep_map.BEST, "y"]) == ([-2.0], [-3.0])

    def test_what_is_left_out_has_a_mark_and_no_colour(self):
        found = self.numbers(*grid(sweep(), s2={"status": "refused"}))
        assert (found[sweep_map.REFUSED, "x"], found[sweep_map.REFUSED, "y"]) == ([-2.0], [-1.0])
        cells = [
            np.reshape(found[trace, "z"], (3, 2))[2, 0]
            for trace in (sweep_map.VALUE, sweep_map.DIVERGED, sweep_map.PRUNED)
        ]
        assert np.isnan(cells).all()

    @pytest.mark.parametrize("view", [OF_ALPHA_BETA, View(x="alpha", y=None)], ids=["map", "profile"])
    @pytest.mark.parametrize("sampler", ["grid", "random"])
    @pytest.mark.parametrize("status", ["ok", "diverged", "pruned", "refused", "running", "waiting"])
    def test_a_class_is_named_exactly_where_one_is_shown(self, status: str, sampler: str, view: View):
        of = sweep() if sampler == "grid" else sweep(_drawn(ALPHA), _drawn(BETA), sampler="random", num_settings=2)
        one = dataclasses.replace(result(0, {"alpha": 0.01, "beta": 0.01}, status), value=math.nan)
        two = result(1, {"alpha": 0.1, "beta": 0.1})
        found = self.numbers(one, two, of=of, view=view)
        of_class = {
            "diverged": sweep_map.MARKED,
            "pruned": sweep_map.CUT,
            "refused": sweep_map.REFUSED,
            "running": sweep_map.TRAINING,
            "waiting": sweep_map.WAITING,
        }
        # A profile has no height for what was never measured.
        has_place = view.y is not None or status in ("diverged", "refused")
        shown = {status for status, trace in of_class.items() if found.get((trace, "x"))}
        assert shown == ({status} & set(of_class) if has_place else set())

    def test_the_limit_is_named_once_it_was_measured_somewhere(self):
        for settings, measured in (({}, False), ({"s4": {"limit": 0.05}}, True)):
            found = self.numbers(*grid(sweep(), **settings))
            for trace in (sweep_map.CASING, sweep_map.LIMIT):
                assert bool(found[trace, "x"]) == bool(found[trace, "y"]) == measured

    def test_a_pruned_setting_of_a_profile_is_marked_at_its_last_result(self):
        found = self.numbers(*grid(sweep(ALPHA), s1={"status": "pruned"}), of=sweep(ALPHA), view=PROFILE)
        assert (found[sweep_map.CUT, "x"], found[sweep_map.CUT, "y"]) == ([-1.0], [2.0])
        assert (found[sweep_map.PRUNED, "x"], found[sweep_map.PRUNED, "y"]) == ([-1.0], [2.0])

    def test_what_is_left_out_of_a_profile_is_on_its_upper_edge(self):
        found = self.numbers(*grid(sweep(ALPHA), s1={"status": "refused"}), of=sweep(ALPHA), view=PROFILE)
        assert found[sweep_map.REFUSED, "x"] == [-1.0]
        assert found[sweep_map.REFUSED, "y"] == [found[sweep_map.SETTINGS, "y"][1]]
        assert found[sweep_map.REFUSED, "y"][0] > 1.0

    def test_the_summary_counts_what_is_left_out(self):
        info, _ = drawn(sweep(), OF_ALPHA_BETA, *grid(sweep(), s2={"status": "refused"}))
        assert "5 of 6 settings finished, 0 diverged, 1 left out" in MAP.summary(info)

    @pytest.mark.parametrize("view", [OF_ALPHA_BETA, PROFILE], ids=["map", "profile"])
    def test_every_number_has_a_trace_of_the_figure(self, view: View):
        named = MAP.figure(LIGHT, looks_of(sweep(), view)).layout.meta["traces"]
        assert {trace for trace, _ in self.numbers(view=view)} <= set(named)

    def test_every_setting_can_be_pointed_at(self):
        found = self.numbers()
        assert found[sweep_map.SETTINGS, "customdata"] == [0, 1, 2, 3, 4, 5]
        assert found[sweep_map.SETTINGS, "x"] == [-2, -2, -2, -1, -1, -1]

    def test_what_trains_is_marked_so(self):
        one = dataclasses.replace(result(0, {"alpha": 0.1, "beta": 0.01}, "running"), value=3.0)
        found = self.numbers(one)
        assert (found[sweep_map.TRAINING, "x"], found[sweep_map.BEST, "x"]) == ([-1.0], [])

    def test_drawn_points_have_their_colours(self):
        of = sweep(Axis(name="alpha", low=0.01, high=1.0, log=True), BETA, sampler="random", num_settings=2)
        results = (
            result(0, {"alpha": 0.1, "beta": 0.1}, loss=10.0),
            result(1, {"alpha": 1.0, "beta": 0.01}, "diverged"),
        )
        found = self.numbers(*results, of=of)
        assert (found[sweep_map.VALUE, "x"], found[sweep_map.VALUE, "y"], found[sweep_map.VALUE, "marker.color"]) == (
            [-1.0],
            [-1.0],
            [1.0],
        )
        assert (found[sweep_map.DIVERGED, "x"], found[sweep_map.DIVERGED, "y"]) == ([0.0], [-2.0])

    def test_a_profile_puts_what_diverged_on_its_upper_edge(self):
        of = sweep(ALPHA)
        results = grid(of, s1={"status": "diverged"})
        found = self.numbers(*results, of=of, view=PROFILE)
        assert (found[sweep_map.VALUE, "x"], found[sweep_map.VALUE, "y"], found[sweep_map.VALUE, "error_y.array"]) == (
            [-2.0],
            [1.0],
            [pytest.approx(0.1)],
        )
        info, _ = drawn(of, PROFILE, *results)
        low, high = MAP.ranges(info, None)["yaxis"]
        assert low < math.log10(found[sweep_map.MARKED, "y"][0]) < high
        assert math.log10(found[sweep_map.MARKED, "y"][0]) > low + 0.9 * (high - low)


def test_the_map_in_a_sentence() -> None:
    info, _ = drawn(sweep(), OF_ALPHA_BETA, *grid(sweep(), s5={"status": "diverged"}))
    assert MAP.summary(info) == (
        "Map of α (inner step size) against β (outer step size): 5 of 6 settings finished, 1 diverged. "
        "Best so far: 1 at α 0.01, β 0.001."
    )


@pytest.mark.parametrize("view", [OF_ALPHA_BETA, View(x="alpha", y=None)])
def test_a_sampler_that_has_drawn_nothing_yet_has_an_empty_map(view: View) -> None:
    drawn_from = (Axis(name="alpha", low=0.01, high=0.1, log=True), Axis(name="beta", low=0.001, high=0.01))
    of = sweep(*drawn_from, sampler="sobol", num_settings=4)
    seen = map_info([], of, view, ())
    assert MAP.looks(seen, "MSE")
    assert LANES.looks(lanes_info((), of, view), "MSE")
    assert MAP.ranges(seen, None)["xaxis"] == [-0.5, 0.5]
    assert all(
        len(values) == 0 for trace, _, values in MAP.update(seen, MAP.ranges(seen, None)) if trace == sweep_map.SETTINGS
    )


def test_settings_of_other_held_out_tasks_have_no_best_among_them() -> None:
    """A lower loss there may be an easier exam; where one of the exams is chosen, there is a best again."""
    of = sweep(ALPHA, Axis(name="tasks.noise_std", values=(0.0, 0.5)))
    for over in ("best", "mean"):
        seen, _ = drawn(of, View(x="alpha", y="tasks.noise_std", color="alpha", over=over))
        assert seen.best is None
        assert MAP.subtitle(seen).endswith("Another noise, other held-out tasks: these do not compare.")
        bar = MAP.figure(LIGHT, MAP.looks(seen, "MSE")).layout.coloraxis.colorbar
        assert bar.title.text == "higher ← held-out loss (MSE) → lower (dark)"
        quarters = MAP.figure(LIGHT, dataclasses.replace(MAP.looks(seen, "MSE"), colors="quantiles"))
        assert quarters.layout.coloraxis.colorbar.ticktext[::4] == ("lowest", "highest")
    # All that are shown have noise 0, but they are the lowest of both: what is easier is no better.
    seen, _ = drawn(of, View(x="alpha", y=None, color="alpha"))
    assert seen.best is None
    said = f"{MAP.subtitle(seen)} {MAP.summary(seen)}"
    assert "lowest over noise. Another noise, other held-out tasks" in said
    assert "best" not in said.lower()
    # Each mean is over both kinds of tasks: these compare.
    seen, _ = drawn(of, View(x="alpha", y=None, color="alpha", over="mean"))
    assert "Best: 1.41 at α 0.01" in MAP.subtitle(seen)
    chosen = View(x="alpha", y=None, color="alpha", slices={"tasks.noise_std": 0.5})
    seen, _ = drawn(of, chosen)
    assert seen.best == 1
    assert "Best: 2 at α 0.01" in MAP.subtitle(seen)
