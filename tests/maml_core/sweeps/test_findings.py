"""What is said of results that were made by hand, and what is not said because they do not support it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.findings import read
from maml_core.sweeps.results import LaneResult, SettingResult, result_of
from maml_core.sweeps.tables import STATUSES, best_of, map_of, table

ALPHAS = (0.01, 0.02, 0.06, 0.1, 0.3)
ALPHA = Axis(name="alpha", values=ALPHAS, log=True)
STEPS = Axis(name="num_inner_steps", values=(1, 5, 10))
ALGORITHM = Axis(name="algorithm", values=("maml", "fomaml"))
GONE = math.inf


def made(
    sweep: SweepConfig, loss: Callable[..., float], *, spread: float = 0.001, lambda_max: float = 20.0
) -> list[SettingResult]:
    """Results of a grid, from a formula of the axes' values by their short names, that each seed multiplies by something around 1; infinite where
    a setting diverges.
    """
    found = []
    for number, values in enumerate(itertools.product(*(axis.values for axis in sweep.axes))):
        lanes = []
        factors = np.roll(1.0 + np.linspace(-spread, spread, sweep.num_seeds), number) if sweep.num_seeds > 1 else [1.0]
        for seed, factor in enumerate(factors):
            value = float(factor) * loss(*values)
            accuracy = 1.0 - value if sweep.maximises else math.nan
            status: Any = "diverged" if value == GONE else "ok"
            lanes.append(LaneResult(seed, status, 9, value, 0.01, 3.0, accuracy, 0.01, 0.0, 0.0, lambda_max))
        setting = Setting(number, dict(zip([axis.name for axis in sweep.axes], values)))
        found.append(result_of(sweep, setting, lanes, done=True))
    return found


def of_three(*axes: Axis, **fields: Any) -> SweepConfig:
    """A sweep of three seeds."""
    return SweepConfig(axes=axes, num_seeds=3, **fields)


def valley(best: Mapping[Any, float]) -> Callable[..., float]:
    """A loss whose best alpha depends on the other axis."""
    return lambda alpha, other: 0.4 + abs(math.log10(alpha / best[other]))


def said(sweep: SweepConfig, results: list[SettingResult]) -> str:
    return " ".join(read(sweep, results))


def test_the_best_alpha_falls_as_n_grows() -> None:
    sweep = of_three(ALPHA, STEPS)
    sentences = read(sweep, made(sweep, valley({1: 0.06, 5: 0.02, 10: 0.02})))
    assert "The best alpha falls from 0.06 to 0.02 as N grows from 1 to 10." in sentences
    assert sentences[0].startswith(
        "The best of 15 settings is alpha = 0.02, N = 10: held-out loss 0.4 ± 0.000994 over 3 seeds; 2 others cannot be told apart from it. "
    )


def test_the_best_alpha_rises_or_only_moves() -> None:
    sweep = of_three(ALPHA, STEPS)
    assert "alpha rises from 0.01 to 0.3 as N" in said(sweep, made(sweep, valley({1: 0.01, 5: 0.06, 10: 0.3})))
    assert "alpha moves from 0.01 to 0.06 as N" in said(sweep, made(sweep, valley({1: 0.01, 5: 0.3, 10: 0.06})))


def test_no_trend_is_claimed_within_the_intervals() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, valley({1: 0.06, 5: 0.02, 10: 0.02}), spread=0.9)
    assert "best alpha" not in said(sweep, results)
    assert "14 others cannot be told apart from it" in read(sweep, results)[0]


def test_a_trend_needs_both_ends() -> None:
    sweep = of_three(ALPHA, STEPS)

    def flat_at_ten(alpha: float, n: int) -> float:
        return 0.4 + abs(math.log10(alpha / 0.06)) if n == 1 else 0.4 + 0.001 * ALPHAS.index(alpha)

    assert "best alpha" not in said(sweep, made(sweep, flat_at_ten))


def test_a_best_value_that_stays_is_no_trend() -> None:
    sweep = of_three(ALPHA, STEPS)
    assert "best alpha" not in said(sweep, made(sweep, valley({1: 0.06, 5: 0.06, 10: 0.06})))


def test_the_best_alpha_of_each_algorithm() -> None:
    sweep = of_three(ALPHA, ALGORITHM)
    results = made(sweep, valley({"maml": 0.02, "fomaml": 0.1}))
    assert "The best alpha is 0.02 with algorithm = maml and 0.1 with algorithm = fomaml." in read(sweep, results)


def test_algorithms_are_compared_at_their_best_where_they_differ() -> None:
    sweep = of_three(ALPHA, ALGORITHM)

    def loss(alpha: float, algorithm: str) -> float:
        return abs(math.log10(alpha / 0.06)) + (0.3 if algorithm == "maml" else 0.5)

    expected = "At their best, algorithm = maml (held-out loss 0.3 ± 0.000745 over 3 seeds) is better than algorithm = fomaml (held-out loss 0.5 ± 0.00124 over 3 seeds)."
    assert expected in read(sweep, made(sweep, loss))
    assert "At their best" not in said(sweep, made(sweep, loss, spread=0.5))


def test_the_best_loss_along_an_axis_of_numbers() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, lambda alpha, n: abs(math.log10(alpha / 0.06)) + 1.0 / n)
    assert "The best held-out loss falls from 1 to 0.1 as N grows from 1 to 10." in read(sweep, results)
    assert "falls" not in said(sweep, made(sweep, lambda alpha, n: abs(math.log10(alpha / 0.06)) + 1.0 / n, spread=0.9))


def test_accuracy_is_better_the_higher() -> None:
    sweep = of_three(ALPHA, ALGORITHM, base=RunConfig(tasks=GlyphsConfig()))
    results = made(sweep, lambda alpha, algorithm: min(1.0, 0.1 + abs(math.log10(alpha / 0.06)) / 2))
    first = read(sweep, results)[0]
    assert first.startswith(
        "The best of 10 settings is alpha = 0.06, algorithm = maml: held-out accuracy 90.0% ± 0.0% over 3 seeds"
    )
    assert "1 other cannot be told apart" in first


def test_divergence_is_told_along_the_axis_that_it_depends_on() -> None:
    alphas = tuple(round(0.01 * 1.5**k, 4) for k in range(12))
    sweep = SweepConfig(axes=(Axis(name="alpha", values=alphas), Axis(name="beta", values=(0.001, 0.01, 0.1))))
    results = made(sweep, lambda alpha, beta: GONE if alpha > alphas[8] else 0.5 + alpha)
    assert read(sweep, results)[-2] == "100% of the 9 settings with alpha above 0.2563 diverge, 0% of the others."


def test_divergence_below_a_value_and_with_a_word() -> None:
    sweep = SweepConfig(axes=(Axis(name="alpha", values=tuple(0.01 * k for k in range(1, 13))), ALGORITHM))
    results = made(sweep, lambda alpha, algorithm: GONE if alpha < 0.045 else 0.5)
    assert read(sweep, results)[-2] == "100% of the 8 settings with alpha up to 0.04 diverge, 0% of the others."
    results = made(sweep, lambda alpha, algorithm: GONE if algorithm == "fomaml" else 0.5)
    assert read(sweep, results)[-2].startswith("100% of the 12 settings with algorithm = fomaml diverge")


def test_divergence_that_depends_on_nothing_is_only_counted() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, lambda alpha, n: GONE if (alpha, n) == (0.06, 5) else 0.5)
    assert read(sweep, results)[-1] == "7% of the settings diverge (1 of 15)."
    assert read(sweep, made(sweep, lambda alpha, n: 0.5))[-1] == "None of the 15 settings diverges."


def test_of_what_was_pruned_nobody_says_that_it_does_not_diverge() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, lambda alpha, n: 0.5)
    some = [replace(one, status="pruned") if number < 6 else one for number, one in enumerate(results)]
    assert read(sweep, some)[-1] == (
        "None of the 9 settings trained to the end diverges; 6 were pruned, and had not diverged until then."
    )
    gone = [replace(one, status="diverged") if number == 14 else one for number, one in enumerate(some)]
    assert read(sweep, gone)[-1] == (
        "7% of the settings diverge (1 of 15); 6 were pruned, and had not diverged until then."
    )


def test_all_diverged() -> None:
    sweep = of_three(ALPHA, STEPS)
    assert read(sweep, made(sweep, lambda alpha, n: GONE)) == ("All 15 finished settings diverged.",)


def test_a_sweep_under_way_says_how_much_of_it_is_known() -> None:
    sweep = of_three(ALPHA, STEPS)
    first = made(sweep, lambda alpha, n: GONE)[:5]
    assert read(sweep, first) == ("When 5 of 15 settings were finished:", "All 5 finished settings diverged.")


def test_too_few_settings_say_nothing() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, valley({1: 0.06, 5: 0.02, 10: 0.02}))[:3]
    assert read(sweep, results) == ("3 of 15 settings are finished: too few to read the map.",)
    assert read(sweep, results[:1]) == ("1 of 15 settings is finished: too few to read the map.",)
    assert read(sweep, []) == ("0 of 15 settings are finished: too few to read the map.",)


def test_one_axis_has_a_best_and_no_trend() -> None:
    sweep = of_three(ALPHA)
    sentences = read(sweep, made(sweep, lambda alpha: 0.1 + abs(math.log10(alpha / 0.06))))
    assert len(sentences) == 3
    assert "alpha = 0.06: held-out loss 0.1" in sentences[0]
    assert sentences[1].startswith("The held-out loss is 8.78 times as high at alpha = 0.01 as at 0.06 (8.")
    assert "0.6 times the stability limit 2 / lambda_max = 0.1" in sentences[0]


def test_an_unknown_curvature_is_not_spoken_of() -> None:
    sweep = of_three(ALPHA)
    assert "stability" not in said(sweep, made(sweep, lambda alpha: alpha, lambda_max=math.nan))


def test_ties_go_to_the_first_and_are_counted() -> None:
    sweep = of_three(ALPHA, STEPS)
    results = made(sweep, lambda alpha, n: 0.5)
    best = best_of(sweep, results)
    assert best is not None
    assert best.number == 0
    assert "14 others cannot be told apart" in read(sweep, results)[0]


def test_drawn_numbers_that_do_not_repeat_have_no_trend_but_a_divergence() -> None:
    axes = (Axis(name="alpha", low=0.01, high=1.0), Axis(name="beta", low=0.01, high=1.0))
    sweep = SweepConfig(axes=axes, sampler="random", num_settings=100)
    random = np.random.default_rng(0)
    results = []
    for number in range(100):
        alpha, beta = random.uniform(0.01, 1.0, 2)
        lane = LaneResult(0, "ok", 9, GONE if alpha > 0.5 else 0.5, 0.1, 3.0, math.nan, math.nan, 0.0, 0.0, 20.0)
        results.append(result_of(sweep, Setting(number, {"alpha": alpha, "beta": beta}), [lane], done=True))
    text = said(sweep, results)
    assert "best alpha" not in text
    assert "settings with alpha above" in text


@pytest.mark.parametrize("order", [1, -1])
def test_a_map_has_its_numbers_in_order_and_its_cells_by_setting(order: int) -> None:
    axes = (Axis(name="alpha", values=ALPHAS[::order]), Axis(name="clip_norm", values=(None, 10.0, 1.0)))
    sweep = SweepConfig(axes=axes)
    results = made(sweep, lambda alpha, clip: GONE if alpha == 0.3 else alpha)
    found = map_of(sweep, results, "alpha", "clip_norm")
    assert found.x_values == ALPHAS
    assert found.y_values == (1.0, 10.0, None)
    np.testing.assert_array_equal(found.value[0], [0.01, 0.02, 0.06, 0.1, np.nan])
    assert [STATUSES[status] for status in found.status[2]] == ["ok"] * 4 + ["diverged"]
    assert found.limit[0, 0] == 0.1
    row, column = 1, 2
    assert results[found.number[row, column]].values == {"alpha": 0.06, "clip_norm": 10.0}


def test_a_map_shows_the_best_over_other_axes_or_the_slice_that_is_asked_for() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS, ALGORITHM))
    results = made(sweep, lambda alpha, n, algorithm: alpha + n + (algorithm == "maml"))
    best = map_of(sweep, results, "alpha", "num_inner_steps")
    assert best.value[0, 0] == pytest.approx(1.01)
    sliced = map_of(sweep, results, "alpha", "num_inner_steps", slices={"algorithm": "maml"})
    assert sliced.value[0, 0] == pytest.approx(2.01)


def test_a_cell_without_a_setting_is_empty() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS))
    found = map_of(sweep, made(sweep, lambda alpha, n: alpha)[1:], "num_inner_steps", "alpha")
    assert found.value.shape == (5, 3)
    assert found.number[0].tolist() == [-1, 1, 2]
    assert found.status[0, 0] == -1
    assert np.isnan(found.value[0, 0])
    assert np.isnan(found.limit[0, 0])


def test_a_map_of_one_axis_is_a_row() -> None:
    sweep = SweepConfig(axes=(ALPHA,))
    found = map_of(sweep, made(sweep, lambda alpha: alpha), "alpha")
    assert found.value.tolist() == [list(ALPHAS)]
    assert found.y is None


@pytest.mark.parametrize(("x", "y"), [("gamma", None), ("alpha", "gamma"), ("alpha", "alpha")])
def test_a_map_of_what_is_no_axis_is_refused(x: str, y: str | None) -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS))
    with pytest.raises(ValueError, match=r"axis|axes"):
        map_of(sweep, [], x, y)


def test_the_table_has_a_row_for_each_setting_by_short_names() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS))
    results = made(sweep, lambda alpha, n: GONE if alpha == 0.3 else alpha * n)
    found = table(sweep, results[::-1])
    assert found.setting.tolist() == list(range(15))
    assert list(found.columns[:6]) == ["setting", "alpha", "N", "status", "value", "ci95"]
    assert found.loc[1, ["alpha", "N", "status", "value", "seeds_diverged"]].tolist() == [0.01, 5, "ok", 0.05, 0]
    assert (found.status == "diverged").sum() == 3
    assert found.limit[0] == 0.1


TWELVE = SweepConfig(axes=(Axis(name="alpha", values=tuple(0.01 * (k + 1) for k in range(12))),), num_steps=9)


def at(number: int, value: float, ci95: float = 0.3) -> SettingResult:
    gone = not math.isfinite(value)
    lane = LaneResult(0, "diverged" if gone else "ok", 9, value, ci95, 3.0, math.nan, math.nan, 0.0, 0.0, math.nan)
    return result_of(TWELVE, Setting(number, {"alpha": TWELVE.axes[0].values[number]}), [lane], done=True)


@pytest.mark.parametrize(
    ("algorithm", "fields", "said_of_it"),
    [
        ("maml", {}, " There alpha is 0.6 times the stability limit 2 / lambda_max = 0.1."),
        ("meta_curvature", {}, " 2 / lambda_max, without what its matrices have learned, = 0.1."),
        ("meta_sgd", {}, ""),
        ("maml", {"per_step_rates": True}, ""),
        ("maml", {"num_inner_steps": 0}, ""),
    ],
)
def test_the_limit_is_spoken_of_where_alpha_is_the_size_of_a_step(algorithm: str, fields: Any, said_of_it: str) -> None:
    sweep = of_three(ALPHA, base=RunConfig(algorithm=algorithm, **fields))
    first = read(sweep, made(sweep, lambda alpha: 0.3 + abs(math.log10(alpha / 0.06))))[0]
    assert first.endswith(said_of_it)
    assert ("stability" in first) == bool(said_of_it)


def test_a_cut_must_be_rarer_the_more_cuts_were_tried() -> None:
    """Three of twelve diverge, the last three: 1 in 220 for one cut, and eleven were tried."""
    results = [at(number, math.inf if number >= 9 else 0.5) for number in range(12)]
    assert "25% of the settings diverge (3 of 12)." in read(TWELVE, results)


def test_a_sweep_of_few_settings_is_read_when_all_are_finished() -> None:
    """Three values and three seeds are the commonest sweep there is; while it is computed, little is known."""
    sweep = of_three(Axis(name="alpha", values=(0.01, 0.1, 1.0), log=True))
    results = made(sweep, lambda alpha: 0.2 + alpha)
    assert said(sweep, results).startswith("The best of 3 settings is alpha = 0.01: held-out loss 0.21")
    assert said(sweep, results[:2]) == "2 of 3 settings are finished: too few to read the map."
    assert said(sweep, made(sweep, lambda _: GONE)) == "All 3 finished settings diverged."


def test_one_setting_is_spoken_of_as_one() -> None:
    sweep = of_three(Axis(name="alpha", values=(0.01,)))
    assert said(sweep, made(sweep, lambda _: 0.3)).endswith("The one setting does not diverge.")
    assert said(sweep, made(sweep, lambda _: GONE)) == "The one finished setting diverged."
    wide = of_three(ALPHA)
    some = [replace(one, status="ok" if one.number == 0 else "pruned") for one in made(wide, lambda _: 0.3)]
    assert "The one setting trained to the end does not diverge; 4 were pruned" in said(wide, some)
