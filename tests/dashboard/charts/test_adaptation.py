"""The adaptation chart: its lines and bands, whom it names, what it says of tasks that diverge."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dashboard.charts.adaptation import OwnTrajectory
from dashboard.charts.ghosts import IN_A_ROW
from dashboard.charts.results import Curves, Ghost
from dashboard.charts.style import ONCE_THERE, Looks
from dashboard.theme import LIGHT
from tests.dashboard.charts.infos import (
    accuracy_info,
    adaptation_info,
    figure,
    named,
    ranges,
    shares_info,
    subtitle,
    summary,
    trajectory,
    update,
)


def test_adaptation_arrays() -> None:
    drawn = named(adaptation_info())
    assert drawn["MAML's start (θ<sub>0</sub>)"] == [[0, 1, 2], [4, 1, 0.5]]
    assert drawn["MAML's start (θ<sub>0</sub>), 95% CI"][0] == [0, 1, 2, 2, 1, 0]
    assert drawn["MAML's start (θ<sub>0</sub>), 95% CI"][1] == pytest.approx([3.9, 0.9, 0.4, 0.6, 1.1, 4.1])
    assert drawn["N"][0] == [1, 1]


def test_the_newest_ghost_has_its_line_and_its_number() -> None:
    ghost = Ghost(number=7, place=2, curves=Curves(), adapted=np.array([4.0, 2.0, 0.02]))
    info = adaptation_info(ghost=ghost)
    assert named(info)["ghost 3"] == [[0, 1, 2], pytest.approx([4, 2, 0.02])]
    assert named(info)["ghost 1"] == [[], []]
    found = {axis: values.tolist() for trace, axis, values in update(info) if trace == "ghost_numbers"}
    assert found == {"x": [2], "y": pytest.approx([0.02]), "text": [7]}
    assert ranges(info)["yaxis"][0] <= np.log10(0.02) < ranges(adaptation_info())["yaxis"][0]
    unseen = adaptation_info(ghost=dataclasses.replace(ghost, adapted=np.empty(0)))
    assert named(unseen)["number of a ghost"] == [[], []]


def named_in_legend(looks: Looks) -> list[str]:
    """The entries of the card's legend."""
    drawn = figure("adaptation", LIGHT, looks).data
    return [trace.name for trace in drawn if trace.showlegend is not False and trace.meta != IN_A_ROW]


def test_the_legend_names_whoever_is_there() -> None:
    assert named_in_legend(Looks()) == [
        "your points",
        "random start",
        "joint pretraining",
        "MAML's start (θ<sub>0</sub>)",
    ]
    some = Looks(learners=frozenset({"maml", "scratch", "oracle"}))
    assert named_in_legend(some) == ["your points", "from scratch", "oracle", "MAML's start (θ<sub>0</sub>)"]
    own = next(trace for trace in figure("adaptation", LIGHT, Looks()).data if trace.name == "your points")
    assert own.meta == ONCE_THERE


def test_points_of_ones_own_have_a_line_and_say_what_it_is_measured_on() -> None:
    assert named(adaptation_info())["your points"] == [[], []]
    info = adaptation_info(own=OwnTrajectory(np.array([3.0, 2.0, 1e-8]), "support"))
    assert named(info)["your points"] == [[0, 1, 2], pytest.approx([3.0, 2.0, 1e-8])]
    assert "Your points: support loss 3 before, 2 after." in subtitle(info)
    assert "Your points: support loss 3 before, 2 after." in summary(info)
    low, _ = ranges(info)["yaxis"]
    assert low > -2.6  # what is met exactly does not flatten the others
    assert "before, 1 × 10⁻⁸ after (below this chart)." in subtitle(dataclasses.replace(info, num_inner_steps=2))
    well = adaptation_info(own=OwnTrajectory(np.array([3.0, 0.05]), "query"))
    assert ranges(well)["yaxis"][0] < np.log10(0.05)
    assert subtitle(well).endswith("Your points: query loss 3 before, 0.05 after.")
    _, high = ranges(adaptation_info(own=OwnTrajectory(np.array([30.0, 20.0, 9.0]), "query")))["yaxis"]
    assert high > np.log10(30.0)


def test_a_diverging_line_leaves_the_chart_and_its_band_ends() -> None:
    drawn = named(adaptation_info(trajectories={"maml": trajectory(4, np.inf, np.nan)}))
    mean = drawn["MAML's start (θ<sub>0</sub>)"][1]
    assert mean[1] == 1e9
    assert np.isnan(mean[2])
    assert drawn["MAML's start (θ<sub>0</sub>), 95% CI"][0] == [0, 0]
    assert drawn["joint pretraining"] == [[], []]


def test_the_run_is_called_by_its_algorithm_and_plain_baselines_say_so() -> None:
    looks = Looks(algorithm="ANIL", own_rule="only the head adapts")
    names = named_in_legend(looks)
    assert names == [
        "your points",
        "random start, plain α",
        "joint pretraining, plain α",
        "ANIL's start (θ<sub>0</sub>)",
    ]
    own = figure("adaptation", LIGHT, looks)
    assert own.layout.xaxis.title.text == "inner step (only the head adapts)"


def test_accuracy_arrays() -> None:
    drawn = named(accuracy_info())
    assert drawn["training, smoothed"] == [[0, 400], pytest.approx([0.2, 0.612])]
    assert drawn["now"] == [[400, 400, 400], pytest.approx([0.612, 0.225, 0.75])]
    assert named(shares_info())["MAML's start (θ<sub>0</sub>)"] == [[0, 1, 2], pytest.approx([0.2, 0.75, 0.8])]
    assert named(shares_info())["joint pretraining"] == [[], []]


def test_a_band_ends_where_one_of_its_sides_is_no_number() -> None:
    line = dataclasses.replace(trajectory(4, 1, 0.5), low=np.array([3.0, 0.5, 0.2]), high=np.array([5.0, 2.0, np.inf]))
    band = next(
        values
        for _, axis, values in update(adaptation_info(trajectories={"maml": line}))
        if axis == "x" and len(values) > 2
    )
    assert band.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_diverged_tasks_are_said() -> None:
    info = adaptation_info(trajectories={"maml": trajectory(4, np.inf, np.inf, diverged=0.25)})
    assert subtitle(info) == "After N = 1: 25% of tasks diverged, 30% got worse. Mean not finite, median not finite."


def test_shares_are_of_the_step_that_is_named_and_not_of_the_last() -> None:
    line = dataclasses.replace(
        trajectory(4, 1, 0.5), diverged_share=np.array([0.0, 0.25, 0.9]), worse_share=np.array([0.0, 0.3, 0.95])
    )
    said = subtitle(adaptation_info(trajectories={"maml": line}))
    assert said.startswith("After N = 1: 25% of tasks diverged, 30% got worse.")


def test_steps_beyond_those_trained_for_that_blow_up_are_said() -> None:
    lines = {"maml": trajectory(4, 1, 0.9, 60, 1e4), "random": trajectory(5, 4, 3.5, 3, 3)}
    assert subtitle(adaptation_info(trajectories=lines)) == "After N = 1: MAML 1. From step 3 on it blows up. Random 4."
    calm = {**lines, "maml": trajectory(4, 1, 0.9, 0.8, 39.9)}
    assert subtitle(adaptation_info(trajectories=calm)) == "After N = 1: MAML 1. Random 4."
