"""What the charts of a sweep show, compared exactly."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import pytest

from dashboard.charts.sweep_curves import SELECTED, lanes_info
from dashboard.charts.sweep_edge import SWEEP_EDGE, sweep_edge_info
from dashboard.charts.sweep_frozen import FROZEN, frozen_info
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_settings import Kind, SettingInfo, View, setting_info
from dashboard.setups.sweep_axes import AxisInfo, axis_info
from dashboard.theme import LIGHT
from maml_core.config import replace
from maml_core.records import Curvature
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.frozen import FrozenMap
from maml_core.sweeps.results import SettingResult
from tests.dashboard.sweeps.results import ALPHA, BETA, STEPS, TINY, grid, result, sweep

OF_ALPHA_BETA = View(x="alpha", y="beta", color="alpha")


def infos(of: SweepConfig, results: tuple[SettingResult, ...]) -> list[SettingInfo]:
    return [setting_info(one, of, "loss") for one in results]


class TestAxis:
    def test_numbers_of_a_log_axis_lie_at_their_logarithms(self):
        info = axis_info(ALPHA, ())
        assert (info.scale, info.values, info.places.tolist()) == ("log", (0.01, 0.1), [-2.0, -1.0])
        assert info.edges.tolist() == [-2.5, -1.5, -0.5]

    def test_listed_numbers_lie_evenly_by_size(self):
        info = axis_info(Axis(name="num_inner_steps", values=(10, 1, 3)), ())
        assert (info.scale, info.values, info.places.tolist()) == ("names", (1, 3, 10), [0.0, 1.0, 2.0])

    def test_words_keep_the_order_of_the_sweep(self):
        assert axis_info(Axis(name="algorithm", values=("reptile", "maml")), ()).values == ("reptile", "maml")

    def test_what_was_drawn_from_a_range_lies_where_it_is(self):
        results = [result(i, {"alpha": alpha}) for i, alpha in enumerate((0.3, 0.1))]
        info = axis_info(Axis(name="alpha", low=0.0, high=1.0), results)
        assert (info.scale, info.values, info.places.tolist()) == ("linear", (0.1, 0.3), [0.1, 0.3])

    @pytest.mark.parametrize(
        ("info", "number", "place"),
        [
            (axis_info(ALPHA, ()), 1.0, 0.0),
            (axis_info(STEPS, ()), 3.0, 0.5),
            (axis_info(STEPS, ()), 7.0, math.nan),
            (axis_info(Axis(name="algorithm", values=("maml", "anil")), ()), 1.0, math.nan),
            (axis_info(ALPHA, ()), math.inf, math.nan),
        ],
    )
    def test_other_numbers_have_a_place_where_they_can(self, info: AxisInfo, number: float, place: float):
        assert info.place_of(number) == pytest.approx(place, nan_ok=True)

    def test_one_value_has_a_cell_of_its_own(self):
        assert axis_info(Axis(name="alpha", values=(0.1,), log=True), ()).edges.tolist() == [-1.5, -0.5]


class TestSetting:
    def test_a_finished_one(self):
        one = result(3, {"alpha": 0.1}, loss=0.5, limit=0.2)
        assert setting_info(one, sweep(), "loss") == SettingInfo(
            number=3,
            values={"alpha": 0.1},
            kind=Kind.OK,
            value=0.5,
            ci95=0.1,
            before=4.0,
            diverged_share=0.05,
            worse_share=0.08,
            limit=0.2,
            step=8,
        )

    def test_a_diverged_one_has_no_number(self):
        info = setting_info(result(0, {}, "diverged", loss=42.0), sweep(), "loss")
        assert (info.kind, info.value) == (Kind.DIVERGED, pytest.approx(math.nan, nan_ok=True))

    @pytest.mark.parametrize(("measured", "shown"), [(math.nan, 2.5), (1.5, 1.5)])
    def test_the_training_loss_stands_in_until_a_rung_was_measured(self, measured: float, shown: float):
        one = dataclasses.replace(result(0, {}, "running"), value=measured)
        assert setting_info(one, sweep(), "loss", training=2.5).value == shown

    def test_several_seeds_have_the_mean_of_their_curvatures(self):
        one = result(0, {}, limit=0.2)
        other = one.lanes[0]._replace(seed=1, lambda_max=30.0)
        assert setting_info(dataclasses.replace(one, lanes=(*one.lanes, other)), sweep(), "loss").limit == 0.1


class TestMap:
    def test_a_grid(self):
        of = sweep()
        results = grid(of, s2={"status": "diverged"})
        info = map_info(infos(of, results), of, OF_ALPHA_BETA, results)
        assert (info.x.name, info.y and info.y.name, info.is_grid, info.metric) == ("alpha", "beta", True, "loss")
        assert [s.number for s in info.shown] == [0, 1, 2, 3, 4, 5]
        assert info.best == 0
        assert info.over == ()

    def test_over_other_axes_the_best_is_shown(self):
        of = sweep(ALPHA, BETA, STEPS)
        results = grid(of, s0={"status": "diverged"}, s3={"loss": 0.1})
        info = map_info(infos(of, results), of, OF_ALPHA_BETA, results)
        assert [s.number for s in info.shown] == [1, 3, 4, 6, 8, 10]
        assert (info.best, info.over) == (3, ("num_inner_steps",))

    def test_a_slice_shows_its_own(self):
        of = sweep(ALPHA, BETA, STEPS)
        results = grid(of)
        view = dataclasses.replace(OF_ALPHA_BETA, slices={"num_inner_steps": 5})
        assert [s.number for s in map_info(infos(of, results), of, view, results).shown] == [1, 3, 5, 7, 9, 11]

    def test_of_accuracies_the_highest_is_the_best(self):
        of = sweep()
        results = grid(of)
        view = dataclasses.replace(OF_ALPHA_BETA, metric="accuracy")
        assert map_info(infos(of, results), of, view, results).best == 5

    def test_what_was_drawn_lies_where_it_was_drawn(self):
        of = sweep(Axis(name="alpha", low=0.01, high=1.0, log=True), BETA, sampler="random", num_settings=2)
        results = (result(0, {"alpha": 0.02, "beta": 0.1}), result(1, {"alpha": 0.5, "beta": 0.1}))
        assert not map_info(infos(of, results), of, OF_ALPHA_BETA, results).is_grid


class TestLimit:
    def curve(self, *limits: float) -> list[tuple[float, float]]:
        """The curve of six settings, by alpha and then by beta."""
        of = sweep()
        results = grid(of, **{f"s{i}": {"limit": limit} for i, limit in enumerate(limits)})
        info = map_info(infos(of, results), of, OF_ALPHA_BETA, results)
        return list(zip(info.limit_x.tolist(), info.limit_y.tolist(), strict=True))

    def test_it_is_where_alpha_crosses_its_own_limit(self):
        # alpha 0.01 is a tenth of its limit, 0.1 is ten times its own: half-way between them.
        (x, y), *_ = self.curve(0.1, 0.1, 0.1, 0.01, 0.01, 0.01)
        assert (x, y) == (pytest.approx(-1.5), -3.0)

    def test_it_differs_along_the_other_axis(self):
        places = [x for x, _ in self.curve(0.1, 0.1, 0.1, 0.01, 0.05, 0.09)]
        assert places == sorted(places)
        assert len(set(places)) == 3

    def test_beyond_what_was_measured_the_nearest_one_counts(self):
        nan = math.nan
        assert [x for x, _ in self.curve(0.03, nan, 0.5, nan, nan, nan)] == [
            pytest.approx(math.log10(0.03)),
            pytest.approx(nan, nan_ok=True),
            pytest.approx(nan, nan_ok=True),  # off the map: 0.5 lies beyond its last cell
        ]

    def test_where_all_alphas_lie_on_one_side_the_nearest_one_counts(self):
        # All below their limits: that of the largest alpha, 0.1. All above: that of the smallest, 0.01.
        below, above, _ = self.curve(0.4, 0.006, 0.1, 0.2, 0.004, 0.1)
        assert below == (pytest.approx(math.log10(0.2)), -3.0)
        assert above == (pytest.approx(math.log10(0.006)), -2.0)

    def test_a_map_without_alpha_has_none(self):
        of = sweep(BETA, STEPS)
        results = grid(of)
        info = map_info(infos(of, results), of, View(x="beta", y="num_inner_steps"), results)
        assert (len(info.limit_x), len(info.limit_y)) == (0, 0)

    @pytest.mark.parametrize(("beta", "points"), [(Axis(name="beta", low=1e-3, high=0.1, log=True), 0), (BETA, 3)])
    def test_where_the_rows_were_drawn_there_is_none(self, beta: Axis, points: int):
        of = sweep(Axis(name="alpha", low=0.01, high=1.0, log=True), beta, sampler="random", num_settings=2)
        results = (
            result(0, {"alpha": 0.02, "beta": 0.1}, limit=0.1),
            result(1, {"alpha": 0.5, "beta": 0.1}, limit=0.1),
        )
        assert len(map_info(infos(of, results), of, OF_ALPHA_BETA, results).limit_x) == points

    def test_it_lies_the_other_way_where_alpha_goes_up(self):
        of = sweep()
        results = grid(of, **{f"s{i}": {"limit": 0.1 if i < 3 else 0.01} for i in range(6)})
        info = map_info(infos(of, results), of, View(x="beta", y="alpha"), results)
        assert info.limit_x.tolist() == [-3.0, -2.0, -1.0]
        assert info.limit_y == pytest.approx([-1.5] * 3)

    def test_a_profile_has_one_point(self):
        of = sweep(ALPHA)
        results = grid(of, s0={"limit": 0.1}, s1={"limit": 0.01})
        info = map_info(infos(of, results), of, View(x="alpha", y=None), results)
        assert (info.limit_x.tolist(), info.y) == ([pytest.approx(-1.5)], None)


class TestLanes:
    def test_curves_stand_one_behind_the_other_by_colour(self):
        of = sweep(ALPHA)
        info = lanes_info(grid(of), of, View(x="alpha", y=None)).curves
        assert info.names == ("0.01", "0.1")
        for trace, loss in enumerate((1.0, 2.0)):
            np.testing.assert_array_equal(info.steps[trace], [4.0, 8.0, np.nan])
            np.testing.assert_array_equal(info.values[trace], [2.0 * loss, loss, np.nan])
            np.testing.assert_array_equal(info.numbers[trace], [trace] * 3)

    def test_many_values_share_colours(self):
        of = sweep(Axis(name="alpha", values=tuple(i / 100 for i in range(1, 15))))
        info = lanes_info(grid(of), of, View(x="alpha", y=None)).curves
        assert info.names == (
            "0.01 – 0.02",
            "0.03 – 0.04",
            "0.05 – 0.06",
            "0.07 – 0.08",
            "0.09 – 0.1",
            "0.11 – 0.12",
            "0.13 – 0.14",
        )
        assert [len(steps) for steps in info.steps] == [6] * 7

    def test_settings_without_a_rung_have_none(self):
        of = sweep(ALPHA)
        info = lanes_info((result(0, {"alpha": 0.01}, "waiting"),), of, View(x="alpha", y=None)).curves
        assert [len(steps) for steps in info.steps] == [0, 0]


class TestEdge:
    def test_alpha_stands_beside_the_limit_of_each_rung(self):
        of = sweep(ALPHA)
        results = grid(of, s0={"curvatures": np.array([50.0, 100.0])}, s1={"curvatures": np.array([40.0, np.nan])})
        info = sweep_edge_info(results, of, View(x="alpha", y=None))
        # 0.01 of 2 / 50 and of 2 / 100; 0.1 of 2 / 40.
        np.testing.assert_allclose(info.curves.values[0], [0.01 / 0.04, 0.01 / 0.02, np.nan])
        np.testing.assert_allclose(info.curves.values[1], [0.1 / 0.05, np.nan, np.nan])
        np.testing.assert_array_equal(info.curves.steps[0], [4.0, 8.0, np.nan])
        np.testing.assert_array_equal(info.curves.numbers[1], [1, 1, 1])

    def test_there_is_no_limit_without_an_alpha_above_0_or_where_nothing_curves_upwards(self):
        of = sweep(Axis(name="alpha", values=(-0.1, 0.1)))
        results = grid(of, s0={"curvatures": np.array([50.0, 9.0])}, s1={"curvatures": np.array([0.0, -3.0])})
        for values in sweep_edge_info(results, of, View(x="alpha", y=None)).curves.values:
            assert np.isnan(values).all()

    def test_learned_step_sizes_have_none(self):
        of = sweep(ALPHA, Axis(name="algorithm", values=("maml", "meta_sgd")))
        results = grid(of, **{f"s{number}": {"curvatures": np.array([50.0, 100.0])} for number in range(4)})
        info = sweep_edge_info(results, of, View(x="alpha", y="algorithm", color="algorithm"))
        plain, learned = info.curves.values
        assert np.isfinite(plain).sum() == 4
        assert not np.isfinite(learned).any()

    def test_it_says_where_the_settings_stand_and_how_many_came_nearer(self):
        of = sweep(ALPHA)
        view = View(x="alpha", y=None)

        def said(*curvatures: list[float]) -> str:
            at = {f"s{number}": {"curvatures": np.array(values)} for number, values in enumerate(curvatures)}
            return SWEEP_EDGE.subtitle(sweep_edge_info(grid(of, **at), of, view))

        # From 0.25 and 2 to 0.5 and 3: the second has gone away from it.
        assert said([50.0, 100.0], [40.0, 60.0]) == (
            "1 of 2 settings came nearer to the limit: α was 0.25 to 2 × it at outer step 4 and is 0.5 to 3 × it by step 8."
        )
        # Of one of them nothing is known at the end: it is not compared, and speaks for neither.
        assert said([50.0, 100.0], [40.0, math.nan]) == (
            "1 of 1 setting came nearer to the limit: α was 0.25 × it at outer step 4 and is 0.5 × it by step 8."
        )
        assert said([50.0, math.nan], [math.nan, 40.0]) == "α is 0.25 to 2 × the limit, by outer step 8."
        assert said([math.nan] * 2, [math.nan] * 2).startswith("λ_max is not known")
        assert SWEEP_EDGE.subtitle(sweep_edge_info((), of, view)) == "λ_max is measured at the rungs."
        assert SWEEP_EDGE.summary(sweep_edge_info((), of, view)).endswith(" λ_max is measured at the rungs.")

    def test_its_chart_has_the_curves_and_the_line_of_the_limit(self):
        of = sweep(ALPHA)
        results = grid(of, s0={"curvatures": np.array([50.0, 100.0])}, s1={"curvatures": np.array([40.0, 60.0])})
        info = sweep_edge_info(results, of, View(x="alpha", y=None))
        figure = SWEEP_EDGE.figure(LIGHT, SWEEP_EDGE.looks(info, "MSE"))
        assert [trace.name for trace in figure.data] == ["0.01", "0.1", "selected", "α = 2/λ<sub>max</sub>"]
        assert figure.layout.yaxis.title.text == "α ÷ (2/λ<sub>max</sub>)"
        span = SWEEP_EDGE.ranges(info, None)
        low, high = span["yaxis"]
        assert low <= math.log10(0.25)
        assert math.log10(3.0) <= high
        found = {(trace, what): values.tolist() for trace, what, values in SWEEP_EDGE.update(info, span)}
        assert found["limit", "y"] == [1.0, 1.0]
        assert found["color_1", "y"][:2] == [2.0, 3.0]
        assert {trace for trace, _ in found} == set(figure.layout.meta["traces"]) - {SELECTED}


def frozen(**fields: object) -> FrozenMap:
    ones = np.ones((3, 2))
    usual = {
        "alphas": np.array([0.01, 0.1, 1.0]),
        "mean": np.array([[4.0, 3.0], [4.0, 2.0], [4.0, np.inf]]),
        "ci95": 0.1 * ones,
        "median": ones,
        "diverged_share": np.array([[0.0, 0.0], [0.0, 0.2], [0.0, 0.9]]),
        "worse_share": np.array([[0.0, 0.1], [0.0, 0.3], [0.0, 0.9]]),
        "accuracy": None,
        "accuracy_ci95": None,
        "curvature": Curvature(20.0, 10.0, 40.0),
        "seconds": 0.1,
    }
    return FrozenMap(**{**usual, **fields})  # type: ignore[arg-type]


class TestFrozen:
    def test_a_row_for_each_inner_step(self):
        info = frozen_info(frozen(), "loss", "A θ_0")
        np.testing.assert_array_equal(info.values, [[4.0, 4.0, 4.0], [3.0, np.nan, np.nan]])
        np.testing.assert_array_equal(info.diverged, [[False] * 3, [False, True, True]])
        assert (info.limit, info.of) == (0.1, "A θ_0")

    @pytest.mark.parametrize(("best", "steps"), [(0, "0 inner steps"), (1, "1 inner step"), (2, "2 inner steps")])
    @pytest.mark.parametrize("metric", ["loss", "accuracy"])
    def test_the_best_cell_is_said(self, best: int, steps: str, metric: Literal["loss", "accuracy"]):
        values = np.full((3, 3), 0.5)
        values[best, 1] = 0.25 if metric == "loss" else 0.75
        values[0, 0] = np.nan
        info = dataclasses.replace(frozen_info(frozen(), "loss", "A θ_0"), metric=metric, values=values)
        shown = "0.25" if metric == "loss" else "75.0%"
        assert FROZEN.subtitle(info).endswith(f" Best: {shown} at α 0.1 after {steps}.")

    def test_a_tenth_of_the_tasks_makes_a_cell_diverged(self):
        """A share of tasks, each judged by itself: those that other steps would have cured take none of them away."""
        shares = np.array([[0.0, 0.0], [0.0, 0.09], [0.0, 0.1]])
        info = frozen_info(frozen(diverged_share=shares, mean=np.full((3, 2), 4.0)), "loss", "A θ_0")
        np.testing.assert_array_equal(info.diverged, [[False] * 3, [False, False, True]])

    def test_the_tasks_that_got_worse_stand_beside(self):
        np.testing.assert_array_equal(frozen_info(frozen(), "loss", "A θ_0").worse_share, [[0.0] * 3, [0.1, 0.3, 0.9]])

    def test_accuracies(self):
        shares = np.array([[0.2, 0.5], [0.2, 0.6], [0.2, 0.3]])
        info = frozen_info(frozen(accuracy=shares, accuracy_ci95=0.01 * shares), "accuracy", "A θ_0")
        np.testing.assert_array_equal(info.values[0], [0.2, 0.2, 0.2])


def test_the_limit_is_held_against_alpha_only_where_alpha_is_the_size_of_the_steps() -> None:
    of = sweep(ALPHA, Axis(name="algorithm", values=("maml", "meta_sgd")))
    shown = [setting_info(one, of, "loss") for one in grid(of, **{f"s{n}": {"limit": 0.05} for n in range(of.size)})]
    assert [math.isfinite(s.limit) for s in shown] == [s.values["algorithm"] == "maml" for s in shown]
    without_steps = sweep(ALPHA, base=replace(TINY, {"num_inner_steps": 0}))
    assert math.isnan(setting_info(result(0, {"alpha": 0.1}, limit=0.05), without_steps, "loss").limit)
