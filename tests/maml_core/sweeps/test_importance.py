"""What is said of axes: tables whose parts are known by formula, and what must not be said. Tables without any effect: test_comparing.py."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from maml_core.config import GlyphsConfig, RunConfig
from maml_core.records import Numbers
from maml_core.sweeps.axes import Axis
from maml_core.sweeps.definition import Setting, SweepConfig
from maml_core.sweeps.findings import importance_words, read, trust_words, why_no_importance
from maml_core.sweeps.importance import Importance, importance
from maml_core.sweeps.results import LaneResult, SettingResult, result_of

ALPHA = Axis(name="alpha", values=(0.01, 0.03, 0.1, 0.3, 1.0), log=True)
STEPS = Axis(name="num_inner_steps", values=(1, 3, 5, 10))
ALGORITHM = Axis(name="algorithm", values=("maml", "fomaml", "anil"))
BETA = Axis(name="beta", values=(1e-4, 3e-4, 1e-3, 3e-3, 1e-2), log=True)


def made(
    sweep: SweepConfig,
    log_loss: Callable[..., float],
    *,
    noise: float = 0.001,
    seed: int = 0,
    tasks: Callable[[int], Numbers] | None = None,
    points: list[tuple[Any, ...]] | None = None,
) -> list[SettingResult]:
    """Results by the logarithm of each setting's loss, with normal noise of each training; in classes accuracy is 1 - loss."""
    random, found = np.random.default_rng(seed), []
    for number, values in enumerate(points or itertools.product(*(axis.values for axis in sweep.axes))):
        lanes = []
        for lane in range(sweep.num_seeds):
            loss = math.exp(log_loss(*values) + random.normal(0.0, noise))
            kept = b"" if tasks is None else (loss * tasks(number)).astype("<f4").tobytes()
            lanes.append(
                LaneResult(lane, "ok", 9, loss, 0.1, 3.0, 1.0 - loss, 0.1, 0.0, 0.0, math.nan, kept)
                if math.isfinite(loss)
                else LaneResult(lane, "diverged", 9, loss, 0.1, 3.0, 0.0, 0.1, 0.0, 0.0, math.nan)
            )
        setting = Setting(number, dict(zip([axis.name for axis in sweep.axes], values, strict=True)))
        found.append(result_of(sweep, setting, lanes, done=True))
    return found


def found_in(sweep: SweepConfig, results: list[SettingResult]) -> Importance:
    found = importance(sweep, results)
    assert found is not None
    return found


def test_shares_and_changes_are_those_of_the_formula() -> None:
    """A sum of two effects, and a product of what is left of two more."""
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)
    a, n = {v: i - 2.0 for i, v in enumerate(ALPHA.values)}, {v: i - 1.5 for i, v in enumerate(STEPS.values)}
    found = found_in(
        sweep, made(sweep, lambda alpha, steps: -2.0 + 0.1 * a[alpha] + 0.05 * n[steps] + 0.04 * a[alpha] * n[steps])
    )
    alone = 0.1**2 * 2.0, 0.05**2 * 1.25, 0.04**2 * 2.0 * 1.25  # variances of 5 and of 4 evenly spaced numbers
    for share, expected in zip(
        (found.axes[0].share, found.axes[1].share, found.interactions[0].share), alone, strict=True
    ):
        assert share.value == pytest.approx(expected / sum(alone), abs=0.002)
        assert share.low <= expected / sum(alone) <= share.high
        assert share.high - share.low < 0.03
    alpha, steps = found.axes
    assert alpha.is_told
    assert steps.is_told
    assert found.interactions[0].is_told
    assert (alpha.groups[alpha.best], alpha.groups[alpha.worst]) == ("0.01", "1")
    assert alpha.change.value == pytest.approx(math.exp(0.4), rel=0.002)
    assert alpha.change.low < math.exp(0.4) < alpha.change.high
    assert alpha.means.tolist() == pytest.approx([math.exp(-2.0 + 0.1 * level) for level in a.values()], rel=0.002)
    words = " ".join(importance_words(sweep, found))
    assert (
        "Mean over the other axes, the held-out loss is 1.49 times as high at alpha = 1 as at 0.01 (1.49 to 1.49 over 3 seeds)"
        in words
    )
    assert "What alpha does depends on N: together they explain 15% (" in words


def test_which_value_is_better_is_not_said_where_the_seeds_leave_it_open() -> None:
    """That an axis does something is told by all of its values together; two of them may yet be further apart by chance than from each other."""
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=2)
    found = found_in(sweep, made(sweep, lambda alpha, steps: 0.2 * math.log(alpha)))
    alpha, steps = found.axes
    assert alpha.is_told
    open_still = alpha._replace(change=alpha.change._replace(value=2.18, low=0.437, high=10.8))
    said = importance_words(sweep, found._replace(axes=(open_still, steps)))[0]
    assert said.startswith("alpha alone explains ")
    assert said.endswith(" which of its values is better by how much cannot be told from 2 seeds.")
    (alone,) = importance_words(sweep, found._replace(axes=(open_still,), interactions=()))
    assert (
        alone
        == "The held-out loss depends on alpha; which of its values is better by how much cannot be told from 2 seeds."
    )


def test_holes_do_not_make_one_axis_look_like_another() -> None:
    """Only alpha matters, and of the long inner loops only those of large alpha are left: the plain means of N would differ by a factor of 1.3."""
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)
    results = made(sweep, lambda alpha, steps: 0.2 * math.log(alpha), noise=0.01)
    kept = [
        one for one in results if one.values["num_inner_steps"] == 1 or one.values["alpha"] > 0.05 or one.number == 1
    ]  # type: ignore[operator]
    found = found_in(sweep, kept)
    plain = [np.mean([math.log(one.value) for one in kept if one.values["num_inner_steps"] == n]) for n in (1, 10)]
    assert plain[1] - plain[0] > math.log(1.2)
    alpha, steps = found.axes
    assert alpha.is_told
    assert not steps.is_told
    assert alpha.change.value == pytest.approx(100.0**0.2, rel=0.05)
    assert steps.change.value == pytest.approx(1.0, abs=0.02)


def test_among_the_best_tenth_another_axis_may_decide() -> None:
    """Where alpha is wrong everything is lost, and where it is right beta decides."""
    sweep = SweepConfig(axes=(ALPHA, ALGORITHM, BETA), num_seeds=3)

    def log_loss(alpha: float, algorithm: str, beta: float) -> float:
        return -1.0 + 0.05 * math.log10(beta / 1e-4) if alpha == 0.1 else 1.0

    found = found_in(sweep, made(sweep, log_loss, noise=0.001))
    assert found.num_top == 7
    alpha, algorithm, beta = found.axes
    assert alpha.share.value > 0.95
    assert beta.share.value < 0.02
    assert beta.top_share.value > 0.1
    assert math.isnan(algorithm.top_share.value)
    assert "among the best tenth" in " ".join(importance_words(sweep, found))
    few = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)
    fewer = found_in(few, made(few, lambda alpha, steps: math.log(alpha)))
    assert math.isnan(fewer.axes[0].top_share.value)
    assert trust_words(fewer).endswith(
        "The best tenth are fewer than 3, so nothing is said of them; 30 settings are enough."
    )


def test_two_axes_that_do_nothing_alone_may_do_all_together() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=5)
    alphas, steps_ = dict(zip(ALPHA.values, (-0.2, -0.2, 0.0, 0.2, 0.2))), dict(zip(STEPS.values, (-1, -1, 1, 1)))
    results = made(sweep, lambda alpha, steps: alphas[alpha] * steps_[steps], noise=0.02, seed=1)
    found = found_in(sweep, results)
    assert not any(axis.is_told for axis in found.axes)
    assert found.interactions[0].is_told
    assert found.interactions[0].share.value > 0.95
    words = importance_words(sweep, found)
    assert words[0] == "What alpha and N do by themselves cannot be told from chance."
    assert words[1].startswith("What alpha does depends on N: together they explain ")


def test_drawn_settings_are_read_in_groups_of_neighbours() -> None:
    axes = (Axis(name="alpha", low=0.001, high=1.0, log=True), Axis(name="beta", low=1e-4, high=1e-2, log=True))
    sweep = SweepConfig(axes=axes, num_seeds=3, sampler="random", num_settings=64)
    points = [(float(a), float(b)) for a, b in 10.0 ** np.random.default_rng(0).uniform((-3, -4), (0, -2), (64, 2))]
    found = found_in(sweep, made(sweep, lambda alpha, beta: 0.3 * math.log(alpha), noise=0.02, points=points))
    alpha, beta = found.axes
    assert alpha.is_told
    assert not beta.is_told
    assert len(alpha.groups) == 8
    assert alpha.groups[alpha.worst].endswith(f" to {max(a for a, _ in points):.4g}")
    assert 0.8 < alpha.share.low < alpha.share.value <= alpha.share.high


def test_what_one_task_makes_is_not_said_of_an_axis() -> None:
    """All seeds show it, and one task of forty has it: another forty may not."""
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=5)
    tasks = np.random.default_rng(0).lognormal(0.0, 0.1, 40)
    tasks /= tasks.mean()

    def of_setting(number: int) -> Numbers:
        """The task that is hard is as much harder as the loss is."""
        factor = math.exp(0.1 * (number // 4))
        hard = np.zeros(40)
        hard[7] = 40.0 * (factor - 1.0) / factor
        return tasks / factor + hard

    formula = lambda alpha, steps: 0.1 * ALPHA.values.index(alpha)  # noqa: E731
    alpha = found_in(sweep, made(sweep, formula, tasks=of_setting)).axes[0]
    assert alpha.change.low > 1.0
    assert alpha.change_over_tasks.low < 1.0 < alpha.change_over_tasks.high
    assert not alpha.is_told
    # Where every task has its part of it, it is told, and so it is by the seeds alone where the tasks were not kept.
    whole = found_in(sweep, made(sweep, formula, tasks=lambda number: tasks)).axes[0]
    assert whole.is_told
    assert whole.change_over_tasks.low == pytest.approx(whole.change.value, rel=1e-3)
    bare = found_in(sweep, made(sweep, formula)).axes[0]
    assert bare.is_told
    assert math.isnan(bare.change_over_tasks.low)


def test_seeds_that_each_favour_other_values_are_no_effect_of_the_axis() -> None:
    """Three slopes along alpha that happen to go one way are three numbers, and not three times five that agree."""
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)
    results = made(sweep, lambda alpha, steps: 0.0, noise=0.01)
    tilted = []
    for one in results:
        place = one.number // 4 - 2
        lanes = [
            lane._replace(loss=lane.loss * math.exp(slope * place))
            for lane, slope in zip(one.lanes, (0.1, 0.07, 0.045), strict=True)
        ]
        tilted.append(result_of(sweep, Setting(one.number, one.values), lanes, done=True))
    alpha = found_in(sweep, tilted).axes[0]
    assert alpha.change.value > 1.15
    assert not alpha.is_told


def test_accuracies_differ_in_points() -> None:
    sweep = SweepConfig(base=RunConfig(tasks=GlyphsConfig()), axes=(ALPHA, STEPS), num_seeds=3)
    found = found_in(
        sweep, made(sweep, lambda alpha, steps: math.log(0.2 + 0.05 * ALPHA.values.index(alpha)), noise=0.005)
    )
    assert found.axes[0].change.value == pytest.approx(0.2, abs=0.01)
    (first, *_) = importance_words(sweep, found)
    assert first.startswith("Mean over the other axes, the held-out accuracy is 20.")
    assert " points lower at alpha = 1 than at 0.01 (" in first


def test_of_one_seed_and_of_few_settings_nothing_is_said() -> None:
    one = SweepConfig(axes=(ALPHA, STEPS))
    results = made(one, lambda alpha, steps: math.log(alpha))
    assert importance(one, results) is None
    assert why_no_importance(one).startswith(
        "What an axis does cannot be told from what the seed does. Each setting was trained from one seed"
    )
    assert not any("Mean over the other axes" in sentence for sentence in read(one, results))
    few = SweepConfig(axes=(ALPHA,), num_seeds=3)
    assert importance(few, made(few, lambda alpha: 0.0)[:3]) is None
    assert (
        why_no_importance(few) == "Fewer than 4 settings are known with every seed: too few to say what an axis does."
    )


def test_the_reading_speaks_of_every_axis_and_of_how_many_settings_it_rests_on() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS, ALGORITHM), num_seeds=3)
    results = made(sweep, lambda alpha, steps, algorithm: 0.1 * math.log(alpha), noise=0.01)
    lost = [one._replace(status="pruned") for one in results[0].lanes]
    results[0] = result_of(sweep, Setting(0, results[0].values), lost, done=True)
    sentences = read(sweep, results)
    assert any(one.startswith("Mean over the other axes, the held-out loss is 1.5") for one in sentences)
    assert "What N and algorithm do by themselves cannot be told from chance." in sentences
    words = trust_words(found_in(sweep, results))
    assert (
        words
        == "From 59 settings with 3 seeds each, without the 1 that were pruned or not finished. The best tenth are 5."
    )


def test_the_same_table_has_the_same_intervals() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)
    results = made(sweep, lambda alpha, steps: 0.1 * math.log(alpha), noise=0.05)
    assert repr(importance(sweep, results)) == repr(importance(sweep, results))


@pytest.mark.thorough
@pytest.mark.parametrize("num_seeds", [2, 3, 5])
def test_intervals_hold_the_truth(num_seeds: int) -> None:
    """Checks 100 tables: the change, for all pairs of values at once, in 95%, and each share in at least 85%, by chance no fewer than 80 of them."""
    sweep, held, changes = SweepConfig(axes=(ALPHA, STEPS), num_seeds=num_seeds), [], 0
    a, n = {v: i - 2.0 for i, v in enumerate(ALPHA.values)}, {v: i - 1.5 for i, v in enumerate(STEPS.values)}
    alone = 0.08**2 * 2.0, 0.03**2 * 1.25, 0.03**2 * 2.0 * 1.25
    for seed in range(100):
        found = found_in(
            sweep,
            made(
                sweep,
                lambda alpha, steps: 0.08 * a[alpha] + 0.03 * n[steps] + 0.03 * a[alpha] * n[steps],
                noise=0.05,
                seed=seed,
            ),
        )
        shares = found.axes[0].share, found.axes[1].share, found.interactions[0].share
        held.append([share.low <= true / sum(alone) <= share.high for share, true in zip(shares, alone, strict=True)])
        alpha = found.axes[0]
        changes += alpha.change.low <= math.exp(0.08 * (alpha.worst - alpha.best)) <= alpha.change.high
    assert changes >= 90
    assert np.sum(held, axis=0).min() >= 80


def _along_alpha(slope: float, alpha: float, beta: float) -> float:
    return slope * math.log(alpha)


@pytest.mark.thorough
def test_drawn_tables_without_any_effect_speak_of_no_axis() -> None:
    """Nor do those on which only alpha matters speak of beta, whose groups have other alphas by chance."""
    axes = (Axis(name="alpha", low=0.001, high=1.0, log=True), Axis(name="beta", low=1e-4, high=1e-2, log=True))
    sweep = SweepConfig(axes=axes, num_seeds=3, sampler="random", num_settings=40)
    said = {"none": 0, "alpha": 0}
    for seed in range(100):
        drawn = 10.0 ** np.random.default_rng(seed).uniform((-3, -4), (0, -2), (40, 2))
        points: list[tuple[Any, ...]] = [(float(alpha), float(beta)) for alpha, beta in drawn]
        for kind, slope in (("none", 0.0), ("alpha", 0.3)):
            formula = functools.partial(_along_alpha, slope)
            results = made(sweep, formula, noise=0.05, seed=seed, points=points)
            found = found_in(sweep, results)
            told = [one.is_told or math.isfinite(one.top_share.value) for one in found.axes]
            said[kind] += any(one.is_told for one in found.interactions) or (told[1] if slope else any(told))
    assert said["none"] <= 6
    assert said["alpha"] <= 6


def test_of_settings_that_diverge_no_loss_is_told_without_saying_so() -> None:
    sweep = SweepConfig(axes=(ALPHA, STEPS), num_seeds=3)

    def log_loss(alpha: float, steps: int) -> float:
        return math.inf if alpha == 1.0 or (alpha, steps) == (0.3, 10) else 0.1 * math.log(alpha)

    words = importance_words(sweep, found_in(sweep, made(sweep, log_loss)))
    assert "times as high at alpha = 1, where all 4 settings diverge, as at " in words[0]
    assert words[2] == "In these means a training that diverged counts as a held-out loss of 42.5."
    none = importance_words(sweep, found_in(sweep, made(sweep, lambda alpha, steps: 0.1 * math.log(alpha))))
    assert "diverge" not in " ".join(none)
    two = Axis(name="alpha", values=(0.01, 1.0), log=True)
    some = SweepConfig(axes=(two, STEPS), num_seeds=5)
    kept = made(some, lambda alpha, steps: math.inf if (alpha, steps) == (1.0, 10) else math.log(alpha))
    assert "times as high at alpha = 1, where 1 of 4 settings diverges, as at 0.01" in " ".join(read(some, kept))


def test_of_an_axis_of_which_something_is_claimed_it_is_not_said_that_nothing_can_be_told() -> None:
    """Two seeds tell that one algorithm at its best is better than another, and too little of the means."""
    sweep = SweepConfig(axes=(ALPHA, ALGORITHM, BETA), num_seeds=2)
    level = {"maml": 0.0, "fomaml": 0.7, "anil": 1.6}
    sentences = [
        read(sweep, made(sweep, lambda _, algorithm, __: level[algorithm], noise=0.2, seed=seed)) for seed in range(6)
    ]
    claiming = [said for said in sentences if any(one.startswith("At their best, algorithm") for one in said)]
    assert claiming
    for said in claiming:
        assert not any("algorithm" in one for one in said if one.endswith("cannot be told from chance."))
    untold = [found_in(sweep, made(sweep, lambda *_: 0.0, noise=0.2, seed=seed)) for seed in range(2)]
    assert all("algorithm" in " ".join(importance_words(sweep, found)) for found in untold)
