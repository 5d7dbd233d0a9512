"""Scores of sweeps whose numbers are known in closed form."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.results import LaneResult, SettingResult, cap_of, result_of
from maml_core.sweeps.scores import scores, tuning_curve, tuning_words

ALPHA = Axis(name="alpha", values=(0.01, 0.1, 1.0), log=True)
STEPS = Axis(name="num_inner_steps", values=(1, 5))
START = 3.0


def made(sweep: SweepConfig, losses: dict[tuple[object, ...], tuple[float, ...]]) -> list[SettingResult]:
    """Settings by their losses, one a seed; infinite where a lane diverged."""
    found = []
    for number, values in enumerate(itertools.product(*(axis.values for axis in sweep.axes))):
        lanes = [
            LaneResult(
                seed,
                "ok" if math.isfinite(loss) else "diverged",
                9,
                loss,
                0.1,
                START,
                1.0 - loss if sweep.maximises else math.nan,
                0.1,
                0.0,
                0.0,
                math.nan,
            )
            for seed, loss in enumerate(losses[values])
        ]
        at = dict(zip([axis.name for axis in sweep.axes], values, strict=True))
        found.append(result_of(sweep, Setting(number, at), lanes, done=True))
    return found


def test_the_sensitivity_of_a_rate_is_its_mean_cost_over_log_spaced_rates_each_at_its_best() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS))
    table = {
        (0.01, 1): (2.0,),
        (0.01, 5): (1.0,),
        (0.1, 1): (0.5,),
        (0.1, 5): (0.6,),
        (1.0, 1): (math.inf,),
        (1.0, 5): (math.inf,),
    }
    found = scores(sweep, made(sweep, table))
    assert found is not None
    (alpha,) = found.rates
    # What diverged counts as the start, 3.0; the ends of the range count half.
    assert alpha.cost.value == pytest.approx(0.25 * (1.0 - 0.5) + 0.5 * 0.0 + 0.25 * (START - 0.5))
    assert math.isnan(alpha.cost.low)
    assert (alpha.near_share, alpha.diverged_share) == (0.5, 0.25)
    assert (found.near_share, found.diverged_share) == (1 / 6, 2 / 6)


def test_a_rate_is_not_near_the_best_because_the_start_is() -> None:
    sweep = SweepConfig(axes=(ALPHA,))
    # The best has gained little, and the last rate is above the start, at which its cost is cut off.
    found = scores(sweep, made(sweep, {(0.01,): (2.9,), (0.1,): (3.1,), (1.0,): (5.0,)}))
    assert found is not None
    assert found.rates[0].near_share == 0.75
    assert found.near_share == 2 / 3


def test_what_was_pruned_counts_nowhere() -> None:
    sweep = SweepConfig(axes=(ALPHA,))
    results = made(sweep, {(0.01,): (1.0,), (0.1,): (0.5,), (1.0,): (2.0,)})
    found = scores(sweep, [*results[:2], replace(results[2], status="pruned")])
    assert found is not None
    assert (found.num_settings, tuning_words(sweep, found)) == (2, ())


def test_with_seeds_the_sensitivity_has_an_interval_that_holds_every_seeds_own() -> None:
    sweep = SweepConfig(axes=(ALPHA,), num_seeds=3)
    found = scores(sweep, made(sweep, {(0.01,): (1.0, 1.1, 1.2), (0.1,): (0.5, 0.5, 0.5), (1.0,): (2.0, 2.0, 2.0)}))
    assert found is not None
    (alpha,) = found.rates
    own = [0.25 * (low - 0.5) + 0.25 * 1.5 for low in (1.0, 1.1, 1.2)]
    assert alpha.cost.value == pytest.approx(own[1])
    assert alpha.cost.low == pytest.approx(own[0])
    assert alpha.cost.high == pytest.approx(own[2])


def test_of_classes_the_error_is_scored() -> None:
    sweep = SweepConfig(base=RunConfig(tasks=GlyphsConfig()), axes=(ALPHA,))
    found = scores(sweep, made(sweep, {(0.01,): (0.7,), (0.1,): (0.1,), (1.0,): (math.inf,)}))
    assert found is not None
    assert found.rates[0].cost.value == pytest.approx(0.25 * 0.6 + 0.25 * (0.8 - 0.1))
    assert found.tuning.expected[-1] == pytest.approx(0.9)


def test_where_nothing_was_trained_to_the_end_there_are_no_scores() -> None:
    sweep = SweepConfig(axes=(ALPHA,))
    assert scores(sweep, made(sweep, {(0.01,): (math.inf,), (0.1,): (math.inf,), (1.0,): (math.inf,)})) is None


@pytest.mark.parametrize("maximises", [False, True])
def test_the_tuning_curve_is_the_mean_over_all_draws(maximises: bool) -> None:
    values = np.random.default_rng(0).normal(size=7)
    curve = tuning_curve(values.tolist(), maximises=maximises)
    assert curve.num_tried == (1, 2, 4, 7)
    for k, expected, low, high in zip(*curve, strict=True):
        bests = [max(some) if maximises else min(some) for some in itertools.combinations(values, k)]
        assert expected == pytest.approx(np.mean(bests))
        assert np.mean(np.array(bests) < low) <= 0.05 + 1e-9
        assert np.mean(np.array(bests) > high) <= 0.05 + 1e-9


def test_a_setting_that_diverged_counts_as_the_cap_of_the_study() -> None:
    sweep = SweepConfig(axes=(ALPHA,))
    found = scores(sweep, made(sweep, {(0.01,): (1.0,), (0.1,): (0.5,), (1.0,): (math.inf,)}))
    assert found is not None
    assert found.tuning.expected[0] == pytest.approx((1.0 + 0.5 + cap_of(sweep)) / 3.0)
    assert tuning_words(sweep, found) == (
        "Among what is drawn a setting that diverged counts as the worst there is, a loss of 42.5.",
    )


def test_a_rate_with_one_value_has_no_sensitivity() -> None:
    """There is no range over which it could be untuned: an interval of 0 to 0 was claimed of it."""
    sweep = SweepConfig(axes=(Axis(name="alpha", values=(0.01,)), STEPS), num_seeds=2)
    found = scores(sweep, made(sweep, {(0.01, 1): (0.5, 0.6), (0.01, 5): (0.4, 0.4)}))
    assert found is not None
    assert (found.rates, found.num_settings) == ((), 2)
    wide = SweepConfig(axes=(ALPHA,))
    results = made(wide, {(0.01,): (1.0,), (0.1,): (0.5,), (1.0,): (2.0,)})
    left = scores(wide, [results[0], *(replace(one, status="pruned") for one in results[1:])])
    assert left is not None
    assert left.rates == ()
