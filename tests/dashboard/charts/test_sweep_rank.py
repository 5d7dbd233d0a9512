"""The order of a sweep's settings, and means over axes that are not on the map; their numbers exactly."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from dashboard.charts.sweep_basics import color_axis, color_range, levels
from dashboard.charts.sweep_map import DIVERGED, MAP, MARKED, SETTINGS, VALUE
from dashboard.charts.sweep_means import MEANS
from dashboard.charts.sweep_places import map_info
from dashboard.charts.sweep_rank import MOST_MARKS, RANK, RankInfo, RankLooks, rank_info
from dashboard.charts.sweep_settings import View, setting_info
from dashboard.theme import LIGHT, PALETTES, Palette
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import SweepConfig
from maml_core.sweeps.place_means import MeanWidths
from maml_core.sweeps.results import SettingResult
from maml_core.sweeps.standing import Standings
from tests.dashboard.sweeps.results import ALPHA, BETA, STEPS, grid, sweep

MEAN = View(x="alpha", y="beta", color="alpha", over="mean")
OF = sweep(ALPHA, BETA, STEPS)
"""Losses 1, 2, ... of twelve settings: two at each place of alpha and beta."""


def by_name(updates: Any) -> dict[tuple[str, str], Numbers]:
    return {(trace, what): values for trace, what, values in updates}


def updates_of(view: View, **at: dict[str, Any]) -> tuple[dict[tuple[str, str], Numbers], str]:
    results = grid(OF, **at)
    info = map_info([setting_info(one, OF, "loss") for one in results], OF, view, results)
    return by_name(MAP.update(info, MAP.ranges(info, None))), MAP.subtitle(info)


class TestMeans:
    def test_a_cell_has_the_geometric_mean_of_its_settings(self):
        found, said = updates_of(MEAN)
        losses = [(1, 2), (7, 8), (3, 4), (9, 10), (5, 6), (11, 12)]  # row by row of beta
        assert found[VALUE, "z"] == pytest.approx([math.log10(math.sqrt(a * b)) for a, b in losses])
        assert said == "Mean held-out loss, by its logarithm, over N. Best: 1.41 at α 0.01, β 0.001."

    def test_all_settings_of_a_place_lie_there_and_the_mean_is_told(self):
        found, _ = updates_of(MEAN)
        assert found[SETTINGS, "customdata"].tolist() == list(range(12))
        assert found[SETTINGS, "x"][:3].tolist() == [-2.0, -2.0, -2.0]
        assert found[MEANS, "customdata"][:6] == pytest.approx([math.sqrt(2), 1, 2, 2, 0, 0])
        assert len(found[MEANS, "customdata"]) == 10 * 6
        assert len(found[MEANS, "x"]) == 6

    def test_what_diverged_is_marked_and_in_no_mean(self):
        found, said = updates_of(MEAN, s0={"status": "diverged"}, s2={"status": "diverged"}, s3={"status": "diverged"})
        assert found[VALUE, "z"][0] == pytest.approx(math.log10(2.0))
        assert np.isnan(found[VALUE, "z"][2])
        assert found[DIVERGED, "z"][2] == 1.0
        assert len(found[MARKED, "x"]) == 2
        assert "without the 3 that diverged (marked)" in said

    def test_with_one_value_of_each_other_axis_settings_are_shown(self):
        found, said = updates_of(dataclasses.replace(MEAN, slices={"num_inner_steps": 5}))
        assert (MEANS, "x") not in found
        assert "Mean" not in said

    def test_a_profile_has_means_too(self):
        found, _ = updates_of(View(x="alpha", y=None, color="alpha", over="mean"))
        assert found[VALUE, "y"] == pytest.approx(
            [math.factorial(6) ** (1 / 6), (math.factorial(12) / math.factorial(6)) ** (1 / 6)]
        )


class TestIntervalsOfMeans:
    """The interval beside a mean is the mean's, not that of the best of its settings."""

    OF = sweep(ALPHA, BETA, STEPS, num_seeds=3)

    def drawn(self, view: View) -> tuple[dict[tuple[str, str], Numbers], str]:
        """Settings of which each seed is a tenth higher than the one before."""
        of = self.OF
        results = tuple(with_seeds(one, [one.value * factor for factor in (0.9, 1.0, 1.1)]) for one in grid(of))
        settings = [setting_info(one, of, "loss") for one in results]
        info = map_info(settings, of, view, results, MeanWidths(of, results))
        return by_name(MAP.update(info, MAP.ranges(info, None))), MAP.subtitle(info)

    def test_under_the_pointer_there_are_both(self):
        found, said = self.drawn(MEAN)
        mean, _, _, _, _, _, tasks_low, tasks_high, seeds_low, seeds_high = found[MEANS, "customdata"][:10]
        assert seeds_low < tasks_low < mean < tasks_high < seeds_high
        assert mean**2 == pytest.approx(seeds_low * seeds_high, rel=1e-5)
        assert f"Best: 1.41 ({seeds_low:.3g} to {seeds_high:.3g} over 3 seeds) at" in said

    def test_a_profile_has_it_as_a_bar(self):
        found, _ = self.drawn(View(x="alpha", y=None, color="alpha", over="mean"))
        up, down, mean = (found[VALUE, what] for what in ("error_y.array", "error_y.arrayminus", "y"))
        numbers = found[MEANS, "customdata"].reshape(-1, 10)
        assert (mean + up).tolist() == pytest.approx(numbers[:, 9].tolist(), rel=1e-5)
        assert (mean - down).tolist() == pytest.approx(numbers[:, 8].tolist(), rel=1e-5)

    def test_of_one_seed_it_is_over_the_tasks(self):
        results = tuple(with_seeds(one, [one.value]) for one in grid(OF))
        settings = [setting_info(one, OF, "loss") for one in results]
        said = MAP.subtitle(map_info(settings, OF, MEAN, results, MeanWidths(OF, results)))
        assert "over the held-out tasks) at" in said


class TestColors:
    def test_quantiles_use_the_whole_scale_however_skewed_the_results(self):
        found, _ = updates_of(
            dataclasses.replace(MEAN, over="best", colors="quantiles"), s6={"loss": 1e6}, s7={"loss": 1e6}
        )
        assert sorted(found[VALUE, "z"].tolist()) == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])

    def test_as_is_the_scale_reaches_to_the_worst(self):
        values = [1.0] * 18 + [100.0, 100.0]
        assert color_range(values, "loss", None)[1] < 1.0 < color_range(values, "loss", None, "whole")[1]
        shares = [0.9] * 18 + [0.1, 0.1]
        assert color_range(shares, "accuracy", None)[0] > 0.1 >= color_range(shares, "accuracy", None, "whole")[0]

    def test_the_bar_of_quantiles_names_shares(self):
        for metric, first in (("loss", "best"), ("accuracy", "worst")):
            bar = color_axis(LIGHT, metric, "held-out", "quantiles")["colorbar"]  # type: ignore[arg-type]
            assert (bar["ticktext"][0], bar["tickvals"]) == (first, [0.0, 0.25, 0.5, 0.75, 1.0])

    def test_one_result_alone_has_a_colour(self):
        assert levels({4: 0.3}, "accuracy", "quantiles") == {4: 0.0}


def with_seeds(one: SettingResult, losses: list[float]) -> SettingResult:
    """The setting with a lane for each loss, whose tasks all have it but for a little."""
    lanes = tuple(
        one.lanes[0]._replace(seed=seed, loss=loss, task_values=np.array([loss, loss * 1.01], dtype="<f4").tobytes())
        for seed, loss in enumerate(losses)
    )
    return dataclasses.replace(one, lanes=lanes, value=float(np.mean(losses)), ci95=float(np.ptp(losses)))


def ranked(of: SweepConfig, results: tuple[SettingResult, ...]) -> RankInfo:
    return rank_info(of, results, Standings(of, results).against(None), is_pinned=False)


class TestRank:
    def test_settings_stand_in_the_order_of_their_values(self):
        results = grid(sweep(), s1={"loss": 0.5}, s4={"status": "diverged"}, s5={"status": "waiting"})
        info = ranked(sweep(), results)
        assert (info.numbers.tolist(), info.values.tolist(), info.num_diverged) == (
            [1, 0, 2, 3],
            [0.5, 1.0, 3.0, 4.0],
            1,
        )
        assert RANK.subtitle(info).endswith(
            "; 1 diverged and have no place. With one seed this is said of trainings alone."
        )

    def test_of_settings_that_are_judged_on_different_tasks_none_is_called_the_best(self):
        of = sweep(ALPHA, Axis(name="tasks.noise_std", values=(0.1, 0.2, 0.3)))
        info = ranked(of, grid(of, s1={"loss": 0.5}))
        said = RANK.subtitle(info)
        assert said.startswith("1 of the 2 with its held-out tasks, of 6 in all, are not told apart from the lowest,")
        looks = RANK.looks(info, "MSE")
        figure = RANK.figure(LIGHT, looks)
        drawn = [figure.layout.xaxis.title.text, *(trace.name for trace in figure.data)]
        assert {"place in the order, the lowest first", "not told apart from the lowest"} <= set(drawn)
        assert "best" not in " ".join([said, RANK.summary(info), *drawn])
        accuracy = RANK.figure(LIGHT, looks._replace(metric="accuracy"))
        assert accuracy.layout.xaxis.title.text == "place in the order, the highest first"

    def test_seeds_and_both_intervals_are_drawn(self):
        of = sweep(num_seeds=2)
        results = tuple(with_seeds(one, [one.value, one.value * 1.1]) for one in grid(of))
        info = ranked(of, results)
        found = by_name(RANK.update(info, RANK.ranges(info, None)))
        assert found["seeds", "x"].tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6]
        assert found["seeds", "y"][:2] == pytest.approx([1.0, 1.1])
        low, high = found["over_seeds", "y"][:2]
        assert (high - low) / 2 == pytest.approx(0.1)
        assert np.isnan(found["over_tasks", "y"][2])
        assert found["settings", "customdata"].tolist() == [0, 1, 2, 3, 4, 5]
        assert len(found["same", "x"]) + len(found["others", "x"]) == 6

    def test_nothing_is_ranked_before_a_setting_is_finished(self):
        info = ranked(sweep(), grid(sweep(), **{f"s{i}": {"status": "waiting"} for i in range(6)}))
        assert RANK.subtitle(info) == RANK.summary(info) == "No setting was trained to the end yet."
        assert all(len(values) == 0 for _, _, values in RANK.update(info, RANK.ranges(info, None)))

    def test_thousands_are_a_line(self):
        count = MOST_MARKS + 1
        whole = ranked(sweep(), grid(sweep()))
        many = dataclasses.replace(
            whole,
            numbers=np.arange(count),
            values=np.linspace(1.0, 2.0, count),
            over_tasks=np.full(count, 0.1),
            over_seeds=np.full(count, np.nan),
            seeds=np.full((count, 1), np.nan),
            is_same=np.ones(count, dtype=bool),
        )
        figure = RANK.figure(LIGHT, RANK.looks(many, "MSE"))
        modes = {trace.name: trace.mode for trace in figure.data}
        assert modes["settings"] == "lines"
        found = by_name(RANK.update(many, RANK.ranges(many, None)))
        assert (len(found["settings", "x"]), len(found["same", "x"])) == (count, 0)
        assert found["over_tasks", "x"][::3].tolist() == list(range(1, count + 1, 2))  # of every second one


@pytest.mark.parametrize("palette", PALETTES.values(), ids=PALETTES)
@pytest.mark.parametrize("num_seeds", [1, 3])
def test_what_is_as_good_as_the_best_has_not_the_colour_of_what_diverged(palette: Palette, num_seeds: int) -> None:
    for is_dense in (False, True):
        figure = RANK.figures(RankLooks("loss", "held-out loss", num_seeds, is_dense, is_pinned=False))
        drawn = figure["dark" if palette is PALETTES["dark"] else "light"][RANK.id]
        assert palette.unstable not in str(drawn["data"])
        assert palette.theta_0 in str(drawn["data"])
