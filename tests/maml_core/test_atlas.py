"""The atlas of sensitivity, from made-up results whose figures are known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from maml_core.errors import ConfigError
from maml_core.reproduce.atlas import (
    ALPHAS,
    BETAS,
    FAMILIES,
    LEARNERS,
    NUM_SEEDS,
    Cell,
    across,
    atlas_tables,
    cells,
    chosen_cells,
    differences,
    entries,
    nothing_learned,
    plain_entries,
)
from maml_core.reproduce.atlas_drawing import atlas_svg
from maml_core.sweeps.results import LaneResult, SettingResult

Loss = Callable[[int, int, int], float]
"""A share of what can be lost, by the places of alpha and beta and the seed; from 1 on nothing was learned, and infinite diverged."""


def results(cell: Cell, loss: Loss) -> tuple[SettingResult, ...]:
    start = nothing_learned(cell.family)
    found = []
    for number, (a, b) in enumerate(itertools.product(range(len(ALPHAS)), range(len(BETAS)))):
        lanes = []
        for seed in range(NUM_SEEDS):
            value = loss(a, b, seed) * start
            status = "ok" if math.isfinite(value) else "diverged"
            accuracy = 1.0 - value if cell.sweep.maximises else math.nan
            lanes.append(LaneResult(seed, status, 9, value, 0.01, start, accuracy, 0.01, 0.0, 0.0, math.nan))  # type: ignore[arg-type]
        mean = float(np.mean([loss(a, b, seed) for seed in range(NUM_SEEDS)])) * start
        diverged = any(lane.status == "diverged" for lane in lanes)
        found.append(
            SettingResult(
                number=number,
                values={"alpha": ALPHAS[a], "beta": BETAS[b]},
                status="diverged" if diverged else "ok",
                value=1e6 if diverged else 1.0 - mean if cell.sweep.maximises else mean,
                ci95=0.0,
                lanes=tuple(lanes),
            )
        )
    return tuple(found)


def test_what_an_untuned_alpha_loses_is_a_share_of_what_can_be_gained() -> None:
    """Losses 0 at one alpha, 0.5 at its neighbours and 1 elsewhere, each counted by its stretch of the logarithm."""
    (cell,) = cells(["sinusoids"], ["MAML"])
    (found,) = entries([(cell, results(cell, lambda a, b, seed: min(1.0, abs(a - 3) / 2)))])
    gaps = np.diff(np.log(ALPHAS))
    weights = np.array([gaps[0], *(gaps[:-1] + gaps[1:]), gaps[-1]]) / (2 * gaps.sum())
    wanted = float(weights @ np.array([1.0, 1.0, 0.5, 0.0, 0.5, 1.0, 1.0]))
    assert found.alpha == pytest.approx([wanted] * NUM_SEEDS)
    assert found.beta == pytest.approx([0.0] * NUM_SEEDS)
    assert (found.best, found.best_alpha, found.best_beta) == (0.0, ALPHAS[3], BETAS[0])
    assert found.diverged_share == 0.0


@pytest.mark.parametrize("family", ["sinusoids", "glyphs"])
def test_a_seed_that_diverges_or_learns_nothing_loses_all_and_no_more(family: str) -> None:
    (cell,) = cells([family], ["MAML"])
    for worse in (math.inf, 7.0, 1.0):
        (found,) = entries([(cell, results(cell, lambda a, b, seed, worse=worse: 0.5 if a == 0 else worse))])
        lost = 1.0 - 0.5 * math.log(ALPHAS[1] / ALPHAS[0]) / math.log(ALPHAS[-1] / ALPHAS[0])
        assert found.alpha == pytest.approx([lost] * NUM_SEEDS)
        assert found.gains[1:].max() == 0.0
        assert found.gains[0] == pytest.approx(np.ones((len(BETAS), NUM_SEEDS)))


def test_the_seeds_tell_one_algorithm_from_another_or_they_do_not() -> None:
    plus, plain = cells(["sinusoids"], ["MAML++", "MAML"])[::-1]
    assert (plain.learner.name, plus.learner.name) == ("MAML", "MAML++")

    def said(of_plus: Loss) -> str:
        one_by_one: Loss = lambda a, b, seed: 0.0 if a == 3 else 0.5 + 0.02 * seed  # noqa: E731
        (found,) = differences(entries([(plain, results(plain, one_by_one)), (plus, results(plus, of_plus))]))
        return found.words

    assert said(lambda a, b, seed: 0.0 if a == 3 else 0.2 + 0.02 * seed) == "less sensitive"
    assert said(lambda a, b, seed: 0.0 if a == 3 else 0.8 + 0.02 * seed) == "more sensitive"
    assert said(lambda a, b, seed: 0.0 if a == 3 else 0.5 + 0.1 * (seed % 2)) == "not told apart"


@pytest.mark.parametrize(
    ("second", "sensitivity", "dimensionality"),
    [((3, 2), 0.0, 0), ((5, 2), 0.5, 1), ((3, 4), 0.5, 1), ((5, 4), 0.5, 2)],
    ids=["one setting serves both", "alpha is tuned", "beta is tuned", "both are tuned"],
)
def test_what_one_setting_for_all_families_loses(
    second: tuple[int, int], sensitivity: float, dimensionality: int
) -> None:
    """Each family is solved at one setting, and learns nothing at any other."""
    best = {"sinusoids": (3, 2), "lines": second}
    found = [
        (cell, results(cell, lambda a, b, seed, at=best[cell.family.name]: 0.0 if (a, b) == at else 1.0))
        for cell in cells(list(best), ["MAML"])
    ]
    (row,) = across(entries(found))
    assert row.sensitivity == pytest.approx([sensitivity] * NUM_SEEDS)
    assert row.dimensionality == dimensionality


def test_gains_of_a_family_are_measured_by_its_best_algorithm() -> None:
    pair = cells(["lines"], ["MAML", "Reptile"])
    good, poor = entries(
        [(cell, results(cell, lambda a, b, seed, at=at: at)) for cell, at in zip(pair, (0.2, 0.6), strict=True)]
    )
    assert good.gains.max() == pytest.approx(1.0)
    assert poor.gains.max() == pytest.approx(0.5)


def test_tables_and_plain_values_have_every_cell_and_no_omniglot_is_trained_unasked() -> None:
    found = entries([(cell, results(cell, lambda a, b, seed: 0.1 * (a + b) + 0.01 * seed)) for cell in cells()])
    assert len(found) == len(LEARNERS) * (len(FAMILIES) - 1)
    text, plain = atlas_tables(found), plain_entries(found)
    for entry in found:
        assert f"| {entry.cell.family.name} | {entry.cell.learner.name} | " in text
    assert len(plain["cells"]) == len(found)
    assert len(plain["cells"][0]["gains"]) == len(ALPHAS) * len(BETAS)
    assert [row["algorithm"] for row in plain["across"]] == [one.name for one in LEARNERS]
    assert "nan" not in text
    assert "omniglot" not in text
    assert {cell.family.name for cell in chosen_cells(["OMNIGLOT", "maml"])} == {"omniglot"}


def test_the_figure_names_every_family_and_algorithm_and_is_the_same_each_time() -> None:
    found = entries([(cell, results(cell, lambda a, b, seed: 0.1 * (a + b) + 0.01 * seed)) for cell in cells()])
    drawn = atlas_svg(found)
    for name in [*(entry.cell.family.name for entry in found), *(one.name for one in LEARNERS), "alpha", "beta"]:
        assert f"<!-- {name} -->".encode() in drawn
    assert drawn == atlas_svg(found)


def test_names_are_found_in_any_spelling_and_others_refused_with_those_there_are() -> None:
    assert [cell.name for cell in chosen_cells(["Lines", "maml++", "MAML"])] == ["lines-maml", "lines-mamlpp"]
    assert len({cell.name for cell in cells()}) == len(cells())
    with pytest.raises(ConfigError, match=r"sinusoids, lines, glyphs, omniglot, MAML"):
        chosen_cells(["circles"])


def test_maml_plus_plus_ends_its_schedules_with_its_training() -> None:
    """Its preset's horizons, in proportion: second order after a sixth, each step judged for a third."""
    for num_steps in (60, 1000):
        (cell,) = cells(["sinusoids"], ["MAML++"], num_steps=num_steps)
        base = cell.sweep.base
        assert base.num_epochs * base.epoch_steps == pytest.approx(num_steps, rel=0.1)
        assert base.first_order_epochs * base.epoch_steps == pytest.approx(num_steps / 6, rel=0.1)
